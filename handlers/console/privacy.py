"""Personal data: what is stored and for how long; who was deleted; one person's copy and deletion.

GET /privacy   GET /privacy/deletions
GET /privacy/subscribers/<n>   POST .../copy: the file   GET, POST .../deletion: to propose it
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast

from flask import Response, abort, url_for
from werkzeug.exceptions import ServiceUnavailable

from handlers import privacy_deletion, privacy_file, sheets
from handlers.console.forms import Form
from handlers.console.frame import Console, Page, Visit
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.person import note_look
from handlers.console.privacy_words import TOLD, obstacle_words
from handlers.console.words import _, language
from handlers.places import Places
from models import approvals, audit, clubs, points, quotas, subscribers
from models.approvals import REASON_LENGTH, AlreadyProposed
from models.base import Tx
from models.hiding import has_number
from models.privacy import erasure, export, retention
from models.privacy.declared import DECLARED
from models.privacy.erasure import Deleted, InTheWay, NotDeletable
from models.privacy.obstacles import Obstacle, obstacles
from models.privacy.shape import CLASSES, Forever
from sms.numbers import masked

# A file is written while somebody waits: the console keeps the other threads.
FILES_AT_ONCE = 2
_places = Places(FILES_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Seen:
    """A person as this page shows one; `number` is masked."""

    id: int
    number: str
    wechat: bool
    points: int
    coins: int
    clubs: tuple[str, ...]
    in_the_way: tuple[Obstacle, ...]
    proposal: int | None
    deleted: Deleted | None


def add_routes(console: Console) -> None:
    """What is stored, who was deleted, and one person's rights."""

    @console.page(
        "/privacy", permission="privacy.see", nav=_("个人信息"),
        about=_("存了哪些个人信息、存多久；给本人一份副本，或按本人要求删除。"),
    )  # fmt: skip
    def privacy(visit: Visit) -> Page:
        return visit.render("console/privacy.html", **_stored(visit))

    console.listing("/privacy/deletions", DELETIONS, permission="privacy.see")

    @console.page("/privacy/subscribers/<int:number>", permission="privacy.export")
    def privacy_person(visit: Visit, number: int) -> Page:
        return _person(visit, number, visit.form("reason"))

    @console.page(
        "/privacy/subscribers/<int:number>/copy", permission="privacy.export", methods=("POST",)
    )
    def privacy_copy(visit: Visit, number: int) -> Page:
        form = visit.form("reason")
        _reason(form, _("请写明本人是怎么提出的"))
        if not form.good:
            return _person(visit, number, form)
        return _copy(visit, number, form["reason"])

    @console.page(
        "/privacy/subscribers/<int:number>/deletion", permission="privacy.propose",
        methods=("GET", "POST"),
    )  # fmt: skip
    def privacy_deletion_form(visit: Visit, number: int) -> Page:
        form = visit.form("reason", "sure")
        _reason(form, _("请写明本人是怎么提出的"))
        form.one_of("sure", ("yes",), _("请确认已核对本人身份"))
        proposed = _propose(visit, number, form) if form.good else None
        if proposed is not None:
            visit.say(_("已提出，等另一个人审批。通过后立即删除，不能恢复。"))
            return visit.go("proposal", number=proposed)
        seen = _look(visit, number)
        return visit.render(
            "console/privacy_deletion.html",
            **_drawn(visit, seen, form),
        )


# -- what is stored --------------------------------------------------------------------------------


def _stored(visit: Visit) -> Mapping[str, Any]:
    tongue = language()
    runs = visit.read(retention.last_runs)
    days = visit.parts.settings.privacy.days()

    def kept(how: Forever | str) -> str:
        if isinstance(how, Forever):
            return how.words(tongue)
        return _("{n} 天", n=days[how]) if days[how] else _("过期即删")

    tables = [
        {
            "table": one.table,
            "what": one.what(tongue),
            "why": one.why(tongue),
            "columns": [(CLASSES[kind](tongue), names) for kind, names in one.columns.items()],
            "kept": kept(one.kept),
            "deletion": one.deletion.words(tongue),
            "copied": one.not_exported is None,
        }
        for one in DECLARED
    ]
    rules = [
        {
            "what": rule.what(tongue),
            "days": days[rule.name],
            "setting": f"privacy.{rule.name}_days",
            "least": rule.least,
            "because": rule.because(tongue),
            "run": runs.get(rule.name),
        }
        for rule in retention.RULES
    ]
    return {"tables": tables, "rules": rules}


# -- one person ------------------------------------------------------------------------------------


def _look(visit: Visit, number: int) -> Seen:
    def work(tx: Tx) -> Seen:
        try:
            whose = export.person(tx, number)
        except LookupError:
            abort(404)
        if whose.id <= 0:
            abort(404)
        who = subscribers.get(tx, whose.id)
        has = [
            points.balance(tx, who, now=visit.now, expiring_days=1, unit=unit).total
            for unit in (points.POINTS, points.COINS)
        ]
        waiting = approvals.listed(
            tx, kinds=(privacy_deletion.KIND,), state=approvals.PROPOSED,
            subject=privacy_deletion.subject(who.id), before=None, limit=1,
        )  # fmt: skip
        return Seen(
            id=who.id,
            number=masked(who.msisdn) if who.msisdn else "",
            wechat=who.openid is not None,
            points=has[0],
            coins=has[1],
            clubs=tuple(club.name for club in clubs.joined(tx, who)),
            in_the_way=tuple(obstacles(tx, whose.ids, visit.now)),
            proposal=waiting[0].id if waiting else None,
            deleted=erasure.get(tx, who.id),
        )

    seen = visit.read(work)
    note_look(visit, seen.id)
    return seen


def _drawn(visit: Visit, seen: Seen, form: Form) -> Mapping[str, Any]:
    return {
        "person": seen,
        "in_the_way": [obstacle_words(each) for each in seen.in_the_way],
        "form": form,
        "crumbs": [
            (_("个人信息"), url_for("console.privacy")),
            (_("用户 {n}", n=seen.id), url_for("console.privacy_person", number=seen.id)),
        ],
    }


def _person(visit: Visit, number: int, form: Form) -> Page:
    seen = _look(visit, number)
    if seen.id != number:
        return visit.go("privacy_person", number=seen.id)
    drawn = dict(_drawn(visit, seen, form))
    drawn["crumbs"] = drawn["crumbs"][:1]
    return visit.render("console/privacy_person.html", **drawn)


def _reason(form: Form, words: str) -> None:
    reason = form.need("reason", words, most=REASON_LENGTH)
    if has_number(reason):  # it stays for good, and would name the person
        form.wrong("reason", _("理由会长期保存，请不要写手机号"))


def _copy(visit: Visit, number: int, reason: str) -> Response:
    """The file, noted and counted before a byte of it is read."""
    try:
        whose = visit.read(lambda tx: export.person(tx, number))
    except LookupError:
        abort(404)
    most = visit.parts.settings.desk.copies_an_hour

    def note(tx: Tx) -> bool:
        allowed = quotas.take(tx, visit.operator.id, quotas.COPIES, most=most, now=visit.now)
        audit.write(
            tx, visit.by, action="privacy.export", subject=privacy_deletion.subject(whose.id),
            after={"allowed": allowed}, reason=reason, now=visit.now,
        )  # fmt: skip
        return allowed

    if not _places.take(visit.operator.id):
        raise ServiceUnavailable
    free = partial(_places.free, visit.operator.id)
    try:
        if not visit.change(note):
            abort(429)
        with visit.parts.store.begin() as tx:
            export.steadily(tx)
            file = privacy_file.write(tx, whose, now=visit.now)
    except BaseException:
        free()
        raise
    answer = Response(sheets.in_chunks(file), mimetype="application/zip")
    answer.call_on_close(file.close)
    answer.call_on_close(free)
    name = privacy_file.FILE_NAME.format(id=whose.id)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _propose(visit: Visit, number: int, form: Form) -> int | None:
    """The number of the proposal; None: the form says why there is none."""
    try:
        return visit.change(
            lambda tx: privacy_deletion.propose(
                tx, number, reason=form["reason"], by=visit.by, now=visit.now
            )
        ).id
    except InTheWay:
        form.wrong("reason", _("还有没办完的事，见下面，办完才能删除"))
    except NotDeletable:
        form.wrong("reason", _("这个编号已经删除，或已并入别的账户"))
    except AlreadyProposed as other:
        form.wrong("reason", _("已经有一份申请在等审批：{n} 号", n=other.proposal_id))
    except LookupError:
        abort(404)
    return None


# -- who was deleted -------------------------------------------------------------------------------


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Deleted]:
    before = cast("tuple[datetime, int]", key) if key else None
    person = int(filters["person"]) if filters.get("person") else None
    return erasure.listed(tx, before=before, limit=limit, person=person)


def _person_number(typed: str) -> str:
    return "" if re.fullmatch(r"[0-9]{1,18}", typed) else _("请写用户编号，例如 1001")


DELETIONS: Listing[Deleted] = Listing(
    name="privacy_deletions",
    words=_("已删除的用户"),
    columns=(
        Column(_("编号"), lambda one: one.subscriber_id, "code"),
        Column(_("删除时间"), lambda one: one.at, "time"),
        Column(_("审批"), lambda one: one.proposal_id, "code"),
        Column(_("告知"), lambda one: _(TOLD[one.told])),
        Column(_("清零积分"), lambda one: one.points, "number"),
        Column(_("清零如意币"), lambda one: one.coins, "number"),
        Column(_("退出会籍"), lambda one: one.clubs, "number"),
        Column(_("收尾完成"), lambda one: one.purged_at, "time"),
    ),
    filters=(Filter("person", _("用户编号"), hint=_("例如 1001"), check=_person_number),),
    fetch=_fetch,
    key=lambda one: (one.at, one.subscriber_id),
    empty=_("还没有人要求删除。"),
)
