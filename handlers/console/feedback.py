"""Feedback: what waits for an answer, the most urgent first; one with its pictures; what is done.

GET /feedback   /feedback/answered      GET /feedback/<n>/pictures/<no>
GET, POST /feedback/<n> with `do`: take, answer, note, sort
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Response, abort, request, url_for

from dialogs import feedback_news
from handlers.console import person
from handlers.console.forms import Form
from handlers.console.frame import Banner, Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.person_words import CHANNELS, who_acted
from handlers.console.words import _
from models import audit, feedback, feedback_pictures, outbox
from models.base import Tx
from models.feedback import Answered, Feedback, NoSuchFeedback
from models.operators import accounts
from models.operators.roles import ROLES, may
from models.points import SHANGHAI

CATEGORIES = {
    "points": _("积分"), "club": _("俱乐部和活动"), "merchant": _("商户"),
    "message": _("短信和微信"), "idea": _("建议"), "other": _("其他"),
}  # fmt: skip
STATES = {"received": _("待处理"), "handling": _("处理中"), "answered": _("已答复")}
COLOURS = {"received": "yellow", "handling": "blue", "answered": "green"}
PRIORITIES = {"high": _("紧急"), "normal": _("一般"), "low": _("不急")}
HAPPENED = {
    "opened": _("收到"), "added": _("补充"), "taken": _("开始处理"), "answered": _("答复"),
    "noted": _("备注"), "sorted": _("调整"),
}  # fmt: skip
ACTS = ("take", "answer", "note", "sort")
OWNERS_SHOWN = 200
LATEST_DAYS = 365  # a deadline is not further off
HANDLE = "feedback.handle"


def add_routes(console: Console) -> None:
    """Both lists, one feedback, and its pictures."""
    console.listing(
        "/feedback", OPEN_LIST, permission="feedback.see", nav=_("反馈"),
        about=_("用户主动说的话：还没有答复的，最急的在最前面。"),
        template="console/listing_tabs.html",
    )  # fmt: skip
    console.listing(
        "/feedback/answered", ANSWERED_LIST, permission="feedback.see",
        template="console/listing_tabs.html",
    )  # fmt: skip

    @console.page("/feedback/<int:number>", permission="feedback.see", methods=("GET", "POST"))
    def feedback_one(visit: Visit, number: int) -> Page:
        try:
            seen = visit.read(lambda tx: _look(tx, number))
        except NoSuchFeedback:
            abort(404)
        found: Feedback = seen["found"]
        form = visit.form(
            "words", category=found.category, priority=found.priority, owner=found.owner or "",
            day=_last_day(found.deadline).isoformat(),
        )  # fmt: skip
        do = request.form.get("do", "")
        if form.sent:
            if not visit.can(HANDLE):
                abort(403)
            if do not in ACTS:
                abort(400)
            if _act(visit, found, do, form):
                return visit.go("feedback_one", number=number)
        return visit.render("console/feedback.html", form=form, **_shown(visit, **seen))

    @console.page("/feedback/<int:number>/pictures/<int:no>", permission="feedback.see")
    def feedback_picture(visit: Visit, number: int, no: int) -> Page:
        jpeg = visit.read(lambda tx: feedback_pictures.jpeg_of(tx, number, no))
        if jpeg is None:
            abort(404)
        return Response(jpeg, mimetype="image/jpeg")


def _act(visit: Visit, found: Feedback, do: str, form: Form) -> bool:
    """Do it, in one transaction with the news of it and the audit; whether it was done."""
    if do in ("answer", "note"):
        form.need("words", _("请写下要说的话"), most=feedback.WORDS_MAX)
    else:
        form.at_most("words", feedback.WORDS_MAX)
    deadline = _sorted(visit, found, form) if do == "sort" else None
    if not form.good:
        return False
    by, now, words, number = visit.by, visit.now, form["words"], found.number

    def work(tx: Tx) -> None:
        menus = visit.parts.live()
        if do == "take":
            before = feedback.get(tx, number, lock=True)
            after = feedback.take(tx, number, by=by.login, words=words, now=now)
            if before.state != feedback.HANDLING:  # who takes it over is our business
                feedback_news.moved(tx, menus, after, now=now)
        elif do == "answer":
            after = feedback.answer(tx, number, words=words, by=by.login, now=now)
            feedback_news.moved(tx, menus, after, answer=words, now=now)
        elif do == "note":
            after = feedback.note(tx, number, words=words, by=by.login, now=now)
        else:
            after = feedback.sort(
                tx, number, category=form["category"], priority=form["priority"],
                owner=form["owner"] or None, deadline=deadline or found.deadline,
                words=_changes(found, form), by=by.login, now=now,
            )  # fmt: skip
        # What was said is in its own events, whose words can be erased at a person's wish.
        audit.write(
            tx, by, action=f"feedback.{do}", subject=f"feedback:{number}", now=now,
            after={"state": after.state, "priority": after.priority, "owner": after.owner},
        )  # fmt: skip

    try:
        visit.change(work)
    except Answered:
        form.wrong("words", _("已经答复过了；要再处理，请先点“再次处理”"))
        return False
    visit.parts.nudges((outbox.REPLY,))
    visit.say(_("已答复，马上告诉用户。") if do == "answer" else _("已记录。"))
    return True


def _sorted(visit: Visit, found: Feedback, form: Form) -> datetime | None:
    """The deadline that was typed; what is wrong is said in the form."""
    form.one_of("category", tuple(CATEGORIES), _("请从列表里选一个"))
    form.one_of("priority", tuple(PRIORITIES), _("请从列表里选一个"))
    if form["owner"] and form["owner"] != found.owner:
        known = visit.read(_handlers)
        form.one_of("owner", known, _("没有这位客服，请从列表里选一个"))
    if not form["owner"] and found.owner:
        form.wrong("owner", _("已经有人处理，可以换人，不能没有人"))
    try:
        day = date.fromisoformat(form["day"])
    except ValueError:
        form.wrong("day", _("日期没看懂，请这样写：2026-11-01"))
        return None
    if day == _last_day(found.deadline):
        return found.deadline
    today = visit.now.astimezone(SHANGHAI).date()
    if not today <= day <= today + timedelta(days=LATEST_DAYS):
        form.wrong("day", _("请选今天或以后、一年以内的日期"))
        return None
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


def _last_day(deadline: datetime) -> date:
    """The last day on which an answer is in time."""
    return (deadline - timedelta(seconds=1)).astimezone(SHANGHAI).date()


def _changes(found: Feedback, form: Form) -> str:
    """What is different now, in words for the history."""
    pairs: tuple[tuple[str, str, Mapping[str, str]], ...] = (
        (found.category, form["category"], CATEGORIES),
        (found.priority, form["priority"], PRIORITIES),
        (found.owner or "", form["owner"], {}),
        (_last_day(found.deadline).isoformat(), form["day"], {}),
    )
    said = [
        f"{_(words.get(old, old)) or '—'} → {_(words.get(new, new))}"
        for old, new, words in pairs
        if old != new
    ]
    return "；".join(said) or _("没有变化")


def _handlers(tx: Tx) -> list[str]:
    """Logins of those who may handle feedback."""
    return [
        one.operator.login
        for role in ROLES if may(role, HANDLE)
        for one in accounts.listed(tx, role=role, active=True, limit=OWNERS_SHOWN)
    ]  # fmt: skip


def overdue_banner(visit: Visit) -> Banner | None:
    """Feedback that is past its deadline, for those who answer it."""
    if not visit.can(HANDLE):
        return None
    late = visit.read(lambda tx: feedback.overdue(tx, visit.now))
    if not late:
        return None
    words = _("有 {n} 条反馈已经超过答复期限。", n=late)
    return Banner(words, url_for("console.feedback"), _("去办理"))


def _look(tx: Tx, number: int) -> dict[str, Any]:
    found = feedback.get(tx, number)
    return {
        "found": found, "events": feedback.events_of(tx, number),
        "who": person.called(tx, found.subscriber_id), "handlers": _handlers(tx),
        "pictures": feedback_pictures.of(tx, number),
    }  # fmt: skip


def _shown(visit: Visit, *, found: Feedback, handlers: list[str], **more: Any) -> dict[str, Any]:
    owners = [("", _("（还没有人）")), *((login, login) for login in handlers)]
    if found.owner and found.owner not in handlers:
        owners.append((found.owner, found.owner))
    events = more.pop("events")
    return {
        "one": found,
        "name": feedback.name(found.number),
        "words": person.hide_numbers(found.words or _("（内容已删除）")),
        "events": [(event, person.hide_numbers(event.words or "")) for event in events],
        "by": {event.by: who_acted(event.by) for event in events},
        "happened": {name: _(words) for name, words in HAPPENED.items()},
        "state": _(STATES[found.state]),
        "colour": COLOURS[found.state],
        "category": _(CATEGORIES[found.category]),
        "priority": _(PRIORITIES[found.priority]),
        "channel": _(CHANNELS[found.channel]),
        "late": found.is_open and found.deadline <= visit.now,
        "may": visit.can(HANDLE),
        "categories": [(value, _(words)) for value, words in CATEGORIES.items()],
        "priorities": [(value, _(words)) for value, words in PRIORITIES.items()],
        "owners": owners,
        "crumbs": [(_("反馈"), url_for("console.feedback"))],
        **more,
    }


# -- the lists -------------------------------------------------------------------------------------


def _tabs(visit: Visit) -> Mapping[str, object]:
    return {
        "tabs": [
            (_("待答复"), url_for("console.feedback"), "feedback"),
            (_("已答复"), url_for("console.feedback_answered"), "feedback_answered"),
        ]
    }  # fmt: skip


def _after(key: Key | None) -> tuple[datetime, int] | None:
    if key is None:
        return None
    if not isinstance(key[0], datetime):
        raise TypeError("the first part of the key is a moment")
    return key[0], int(str(key[1]))


_COLUMNS: tuple[Column[Feedback], ...] = (
    Column(_("编号"), lambda one: feedback.name(one.number), "link"),
    Column(_("截止时间"), lambda one: one.deadline, "time"),
    Column(_("状态"), lambda one: _(STATES[one.state])),
    Column(_("紧急程度"), lambda one: _(PRIORITIES[one.priority])),
    Column(_("类别"), lambda one: _(CATEGORIES[one.category])),
    Column(_("处理人"), lambda one: one.owner or "", "code"),
    Column(_("内容"), lambda one: person.hide_numbers(one.words or "")),
    Column(_("渠道"), lambda one: _(CHANNELS[one.channel])),
    Column(_("收到时间"), lambda one: one.opened_at, "time"),
)
_FILTERS = (
    Filter("category", _("类别"), "choice", tuple(CATEGORIES.items())),
    Filter("priority", _("紧急程度"), "choice", tuple(PRIORITIES.items())),
    Filter("owner", _("处理人"), hint=_("登录名；- 是还没有人处理的")),
)

OPEN_LIST: Listing[Feedback] = Listing(
    name="feedback",
    words=_("反馈"),
    columns=_COLUMNS,
    filters=_FILTERS,
    fetch=lambda tx, filters, key, limit: feedback.waiting(
        tx, limit=limit, after=_after(key), filters=filters
    ),
    key=lambda one: (one.deadline, one.number),
    row_link=lambda one: url_for("console.feedback_one", number=one.number),
    empty=_("没有等着答复的反馈。"),
    beside=_tabs,
)
ANSWERED_LIST: Listing[Feedback] = Listing(
    name="feedback_answered",
    words=_("已答复的反馈"),
    columns=(*_COLUMNS, Column(_("答复时间"), lambda one: one.answered_at, "time")),
    filters=_FILTERS,
    fetch=lambda tx, filters, key, limit: feedback.answered(
        tx, limit=limit, after=_after(key), filters=filters
    ),
    key=lambda one: (one.answered_at, one.number),
    row_link=lambda one: url_for("console.feedback_one", number=one.number),
    empty=_("还没有答复过的反馈。"),
    beside=_tabs,
)
