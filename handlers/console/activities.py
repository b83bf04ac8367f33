"""Activities: planned, published, edited, called off; who has signed up.

GET       /activities                    a list; as CSV and XLSX, too
GET, POST /activities/new                a draft
GET       /activities/<n>                one, with who signed up; its door: activity_door.py
GET, POST /activities/<n>/edit           who signed up hears of another time or place
POST      /activities/<n>/publish        from now on people see it
GET, POST /activities/<n>/cancel         everybody who signed up is told why
GET       /activities/people?activity=n  who signed up, as a list and as files
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, url_for

from dialogs import activity_words
from handlers.console import activity_form
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing, page_of
from handlers.console.words import _
from models import audit, club_changes
from models.activities import joining, looking, planning
from models.activities.looking import Guest
from models.activities.planning import Activity, NotPlanned
from models.activities.tables import (
    CANCELLED,
    DRAFT,
    PUBLISHED,
    SIGNUPS,
    WHY_MOST,
)  # fmt: skip
from models.base import Tx
from sms.numbers import masked

GUESTS_SHOWN = 200
STATES = {
    DRAFT: (_("草稿"), "grey"),
    PUBLISHED: (_("报名中"), "green"),
    CANCELLED: (_("已取消"), "red"),
}
OVER = (_("已结束"), "blue")
SIGNUP_WORDS = {
    "going": _("已报名"), "waiting": _("候补"), "left": _("自己取消"), "came": _("已到场"),
    "off": _("没有去成"),
}  # fmt: skip
CHANNEL_WORDS = {
    "wechat": _("微信"), "sms": _("短信"), "page": _("网页"), "staff": _("工作人员"),
}  # fmt: skip


def add_routes(console: Console) -> None:
    """The lists, one activity, and what is done about it."""
    console.listing(
        "/activities", LISTING, permission="activities.see", nav=_("活动"),
        about=_("会员活动：安排、发布、取消，看报名和到场的人。"),
        template="console/activities.html",
    )  # fmt: skip
    console.listing("/activities/people", PEOPLE, permission="activities.see")
    _add_acts(console)

    @console.page("/activities/new", permission="activities.change", methods=("GET", "POST"))
    def activity_new(visit: Visit) -> Page:
        form = visit.form(*activity_form.FIELDS, capacity="30")
        if form.sent and (number := _add(visit, form)):
            visit.say(_("草稿已存。看过没有问题，就可以发布。"))
            return visit.go("activity", number=number)
        return _form_page(visit, form, None)

    @console.page("/activities/<int:number>", permission="activities.see")
    def activity(visit: Visit, number: int) -> Page:
        return page(visit, found(visit, number), visit.form("msisdn"))

    @console.page(
        "/activities/<int:number>/edit", permission="activities.change", methods=("GET", "POST")
    )
    def activity_edit(visit: Visit, number: int) -> Page:
        one = found(visit, number)
        if one.state == CANCELLED or (one.state == PUBLISHED and visit.now >= one.starts_at):
            abort(404)
        form = visit.form(**activity_form.typed(one.plan))
        if form.sent and _edit(visit, number, form):
            visit.say(_("已修改。改了时间或地点的，会告诉所有报名的人。"))
            return visit.go("activity", number=number)
        return _form_page(visit, form, one)


def _add_acts(console: Console) -> None:
    """Publish and call off."""

    @console.page(
        "/activities/<int:number>/publish", permission="activities.change", methods=("POST",)
    )
    def activity_publish(visit: Visit, number: int) -> Page:
        found(visit, number)

        def work(tx: Tx) -> None:
            planning.publish(tx, number, now=visit.now)
            _note(tx, visit, "publish", number, {})

        try:
            visit.change(work)
        except NotPlanned as why:
            visit.say(activity_form.words_for(why))
        else:
            visit.say(_("已发布，现在可以报名了。"))
        return visit.go("activity", number=number)

    @console.page(
        "/activities/<int:number>/cancel", permission="activities.change", methods=("GET", "POST")
    )
    def activity_cancel(visit: Visit, number: int) -> Page:
        one = found(visit, number)
        if one.state == CANCELLED or (one.state == PUBLISHED and visit.now >= one.ends_at):
            abort(404)
        form = visit.form("why")
        form.need("why", _("请写明为什么取消，报名的人会看到"), most=WHY_MOST)
        if form.good and _cancel(visit, number, form):
            return visit.go("activity", number=number)
        return visit.render(
            "console/activity_cancel.html", activity=one, form=form, crumbs=crumbs(one)
        )


# -- the lists -------------------------------------------------------------------------------------


def _key(one: Activity) -> tuple[int, int]:
    return (-int(one.starts_at.timestamp()), -one.id)


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Activity]:
    wanted = filters.get("state")
    rows = [one for one in planning.listed(tx) if wanted in (None, one.state)]
    return page_of(
        rows, _key, key, limit, words=filters.get("words", ""),
        searched=lambda one: (str(one.id), one.title, one.place, one.club_name or ""),
    )  # fmt: skip


LISTING: Listing[Activity] = Listing(
    name="activities",
    words=_("活动"),
    columns=(
        Column(_("名称"), lambda one: one.title, "link"),
        Column(_("活动号"), lambda one: str(one.id), "code"),
        Column(_("俱乐部"), lambda one: one.club_name or _("所有人")),
        Column(_("开始时间"), lambda one: one.starts_at, "time"),
        Column(_("状态"), lambda one: _(STATES[one.state][0])),
        Column(_("名额"), lambda one: one.capacity, "number"),
        Column(_("已占"), lambda one: one.taken, "number"),
        Column(_("候补"), lambda one: one.waiting, "number"),
    ),
    filters=(
        Filter("words", _("名称、地点或活动号")),
        Filter("state", _("状态"), "choice", [(key, words) for key, (words, _c) in STATES.items()]),
    ),
    fetch=_fetch,
    key=_key,
    row_link=lambda one: url_for("console.activity", number=one.id),
    empty=_("还没有活动，安排一个吧。"),
)


def _people(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Guest]:
    number = filters.get("activity", "")
    after = (int(str(key[0])), int(str(key[1]))) if key else (0, 0)
    if not number:
        return []
    return looking.guests(
        tx, int(number), limit=limit, after=after, state=filters.get("state", "")
    )  # fmt: skip


def _is_number(typed: str) -> str:
    fits = typed.isascii() and typed.isdigit() and len(typed) < 18
    return "" if fits else _("请写活动号，例如 1001")


PEOPLE: Listing[Guest] = Listing(
    name="activity_people",
    words=_("报名名单"),
    columns=(
        Column(_("次序"), lambda one: one.queue_no, "number"),
        Column(_("手机号"), lambda one: masked(one.msisdn) if one.msisdn else "", "code"),
        Column(_("状态"), lambda one: _(SIGNUP_WORDS[one.state])),
        Column(_("从哪里"), lambda one: _(CHANNEL_WORDS.get(one.channel, one.channel))),
        Column(_("报名"), lambda one: one.signed_at, "time"),
        Column(_("到场"), lambda one: one.came_at, "time"),
    ),
    filters=(
        Filter("activity", _("活动号"), check=_is_number),
        Filter("state", _("状态"), "choice", [(key, SIGNUP_WORDS[key]) for key in SIGNUPS]),
    ),
    fetch=_people,
    key=lambda one: (one.queue_no, one.subscriber_id),
    empty=_("写上活动号，看谁报了名。"),
)


# -- one activity ----------------------------------------------------------------------------------


def found(visit: Visit, number: int) -> Activity:
    """The activity, or a 404."""
    one = visit.read(lambda tx: planning.find(tx, number)) if number < 10**18 else None
    return one or abort(404)


def crumbs(one: Activity | None = None) -> list[tuple[str, str]]:
    """The way back."""
    way = [(_("活动"), url_for("console.activities"))]
    return [*way, (one.title, url_for("console.activity", number=one.id))] if one else way


def page(visit: Visit, one: Activity, form: Form) -> str:
    """One activity, with the form that lets somebody in by their number."""
    guests, came = visit.read(
        lambda tx: (looking.guests(tx, one.id, limit=GUESTS_SHOWN), looking.came(tx, one.id))
    )
    is_over = one.state == PUBLISHED and visit.now >= one.ends_at
    return visit.render(
        "console/activity.html",
        activity=one,
        state=OVER if is_over else STATES[one.state],
        when=activity_words.until(one),
        guests=guests,
        came=came,
        masked=masked,
        signup_words=SIGNUP_WORDS,
        channel_words=CHANNEL_WORDS,
        has_begun=visit.now >= one.starts_at,
        is_over=is_over,
        form=form,
        more=one.taken + one.waiting > GUESTS_SHOWN,
        crumbs=crumbs(),
    )


def _form_page(visit: Visit, form: Form, one: Activity | None) -> str:
    clubs = visit.read(club_changes.standings)
    choices = [("", _("所有人都可以来")), *((club.code, club.terms.name) for club in clubs)]
    return visit.render(
        "console/activity_form.html", form=form, activity=one, clubs=choices, crumbs=crumbs(one)
    )


def _add(visit: Visit, form: Form) -> int | None:
    plan = activity_form.read(visit, form)
    if plan is None:
        return None

    def work(tx: Tx) -> int:
        number = planning.add(tx, plan, author=visit.by.login, now=visit.now)
        _note(tx, visit, "add", number, plan.plain())
        return number

    try:
        return visit.change(work)
    except NotPlanned as why:
        form.wrong(activity_form.FIELD_OF.get(why.why, "title"), activity_form.words_for(why))
        return None


def _edit(visit: Visit, number: int, form: Form) -> bool:
    plan = activity_form.read(visit, form)
    if plan is None:
        return False

    def work(tx: Tx) -> None:
        before = planning.edit(tx, number, plan, now=visit.now)
        now_is = planning.find(tx, number)
        if now_is is not None:
            joining.move_up(tx, now_is, visit.now)  # there may be more places
        audit.write(
            tx, visit.by, action="activities.edit", subject=f"activity:{number}",
            before=before.plan.plain(), after=plan.plain(), now=visit.now,
        )  # fmt: skip

    try:
        visit.change(work)
    except NotPlanned as why:
        form.wrong(activity_form.FIELD_OF.get(why.why, "title"), activity_form.words_for(why))
        return False
    return True


def _cancel(visit: Visit, number: int, form: Form) -> bool:
    def work(tx: Tx) -> int:
        told = planning.cancel(tx, number, why=form["why"], now=visit.now)
        _note(tx, visit, "cancel", number, {"told": told}, reason=form["why"])
        return told

    try:
        told = visit.change(work)
    except NotPlanned as why:
        form.wrong("why", activity_form.words_for(why))
        return False
    visit.say(_("已取消，会告诉报名的 {n} 个人。", n=told))
    return True


def _note(
    tx: Tx, visit: Visit, verb: str, number: int, after: Mapping[str, Any], *, reason: str = ""
) -> None:
    audit.write(
        tx, visit.by, action=f"activities.{verb}", subject=f"activity:{number}", after=after,
        reason=reason, now=visit.now,
    )  # fmt: skip
