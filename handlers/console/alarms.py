"""Alarms of the SMS plane: what is wrong, since when, what to do, who looks after it.

GET /alarms   /alarms.csv   /alarms.xlsx   GET, POST /alarms/<n>: somebody looks after it
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import abort, url_for

from handlers.console import machinery
from handlers.console.frame import Banner, Console, Page, Visit
from handlers.console.listing import Column, Key, Listing
from handlers.console.words import _, language
from models import alarms
from models.alarm_kinds import KINDS
from models.alarms import NOTE_CHARS, Alarm
from models.base import Tx


def add_routes(console: Console) -> None:
    """The list, and an alarm."""
    console.listing(
        "/alarms", LISTING, permission="operations.see", nav=_("告警"),
        about=_("短信哪里不正常、从何时起、该怎么办、谁在处理。"),
    )  # fmt: skip

    @console.page("/alarms/<int:number>", permission="operations.see", methods=("GET", "POST"))
    def alarm(visit: Visit, number: int) -> Page:
        try:
            one = visit.read(lambda tx: alarms.get(tx, number))
        except alarms.NoSuchAlarm:
            abort(404)
        form = visit.form("note")
        if form.sent and not visit.can("alarms.acknowledge"):
            abort(403)
        form.at_most("note", NOTE_CHARS)
        if form.sent and form.good:
            first = visit.change(
                lambda tx: alarms.acknowledge(
                    tx, number, by=visit.by, note=form["note"], now=visit.now
                )
            )
            machinery.forget(visit)
            visit.say(_("已记下：由您处理。") if first else _("已经有人在处理了，没有改变什么。"))
            return visit.go("alarm", number=number)
        return visit.render(
            "console/alarm.html", crumbs=[(_("告警"), url_for("console.alarms"))], alarm=one,
            words=sentence(one), do=KINDS[one.name].do(language()), form=form,
            may=visit.can("alarms.acknowledge") and one.acknowledged_at is None,
        )  # fmt: skip


def banner(visit: Visit) -> Banner | None:
    """What is wrong with SMS, the first that nobody looks after before others."""
    if not visit.can("operations.see"):
        return None
    found: list[Alarm] = machinery.seen_lately(
        visit, "alarms", lambda parts, _now: parts.store.read(alarms.open_now)
    )
    if not found:
        return None
    one = min(found, key=lambda each: (each.acknowledged_at is not None, each.raised_at))
    words = _("告警：{what}。怎么办：{do}。", what=sentence(one), do=KINDS[one.name].do(language()))
    if one.acknowledged_at is not None:
        words += _("{who} 在处理。", who=one.by or "")
    if len(found) > 1:
        words += _("另有 {n} 项告警。", n=len(found) - 1)
        return Banner(words, url_for("console.alarms"), _("看全部告警"))
    return Banner(words, url_for("console.alarm", number=one.id), _("看告警"))


def sentence(one: Alarm) -> str:
    """What is wrong, in the language of who looks."""
    return KINDS[one.name].says(language(), subject=one.subject, value=one.value, limit=one.limit)


def _state(one: Alarm) -> str:
    if one.cleared_at is not None:
        return _("已恢复")
    return _("处理中") if one.acknowledged_at is not None else _("没有人处理")


def _fetch(tx: Tx, _filters: Mapping[str, str], key: Key | None, limit: int) -> list[Alarm]:
    return alarms.listed(tx, limit=limit, below=int(str(key[0])) if key else None)


LISTING: Listing[Alarm] = Listing(
    name="alarms",
    words=_("告警"),
    columns=(
        Column(_("编号"), lambda one: one.id, "link"),
        Column(_("从何时起"), lambda one: one.raised_at, "time"),
        Column(_("什么不正常"), sentence),
        Column(_("状态"), _state),
        Column(_("何时恢复"), lambda one: one.cleared_at, "time"),
        Column(_("发过短信"), lambda one: one.messages, "number"),
        Column(_("谁在处理"), lambda one: one.by or ""),
        Column(_("备注"), lambda one: one.note),
    ),
    filters=(),
    fetch=_fetch,
    key=lambda one: (one.id,),
    row_link=lambda one: url_for("console.alarm", number=one.id),
    empty=_("没有过告警，都好。"),
)
