"""The outbox: what is owed to the outside, what was given up, and a second chance for it.

GET /outbox   GET, POST /outbox/<id>   GET, POST /outbox/bulk: first what will happen, then exactly
that, to the rows that were named on the page and no others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flask import abort, request, url_for

from dialogs.dropping import TOLD, drop
from handlers.console import machinery
from handlers.console.forms import Form, clean
from handlers.console.frame import CannotApply, Console, Page, Visit
from handlers.console.listing import FILTER_LENGTH, Column, Filter, Key, Listing
from handlers.console.outbox_words import (
    COLOURS,
    KINDS,
    QUEUES,
    STATES,
    counted,
    receiver,
    shown_payload,
    state_words,
)
from handlers.console.words import _
from models import audit, dead_letters, outbox
from models.base import Tx
from models.dead_letters import Which
from models.hiding import hide_numbers
from models.outbox import Owed

RETRY, DROP = "retry", "drop"
MOST_AT_ONCE = 500  # rows in one confirmation
ROWS_A_COMMIT = 100  # a transaction holds the people who wait for these calls
REASON_LENGTH = 300
_IDS = re.compile(r"[0-9]{1,18}(,[0-9]{1,18})*")


def add_routes(console: Console) -> None:
    """The list, a row, and many rows at once."""
    console.listing(
        "/outbox", LISTING, permission="outbox.see", nav=_("发件箱"),
        about=_("欠着没发的、发不出去的消息和业务请求，由系统管理员重试或放弃。"),
        template="console/outbox.html",
    )  # fmt: skip

    @console.page("/outbox/<int:number>", permission="outbox.see", methods=("GET", "POST"))
    def outbox_row(visit: Visit, number: int) -> Page:
        owed = visit.read(lambda tx: outbox.get(tx, number))
        if owed is None:
            abort(404)
        form = visit.form("reason")
        if form.sent:
            may_change(visit)
            do = request.form.get("do", "")
            if do not in (RETRY, DROP):
                abort(400)
            if _judged(form, do):
                try:
                    done = _carry_out(visit, do, [number], form["reason"])
                    visit.say(_said(do, done, 1))
                    return visit.go("outbox_row", number=number)
                except CannotApply as why:
                    form.wrong("reason", str(why))
        return visit.render("console/outbox_row.html", **_row(visit, number, form))

    @console.page("/outbox/bulk", permission="outbox.change", methods=("GET", "POST"))
    def outbox_bulk(visit: Visit) -> Page:
        form = visit.form("ids", "do", "reason")
        if not form.sent:
            form = _asked_for(visit)
        do, ids = form["do"], _read_ids(form["ids"])
        if form.sent and _judged(form, do):
            try:
                done = _carry_out(visit, do, ids, form["reason"])
                visit.say(_said(do, done, len(ids)))
                return visit.go("outbox")
            except CannotApply as why:
                form.wrong("reason", str(why))
        rows = visit.read(lambda tx: dead_letters.among(tx, ids))
        return visit.render("console/outbox_bulk.html", **_bulk(do, form, rows))


def may_change(visit: Visit) -> None:
    """Ends the request with 403 for who may look and no more."""
    if not visit.can("outbox.change"):
        abort(403)


def _judged(form: Form, do: str) -> bool:
    form.at_most("reason", REASON_LENGTH)
    if do == DROP:
        form.need("reason", _("请写明为什么放弃"), most=REASON_LENGTH)
    return form.good


def _asked_for(visit: Visit) -> Form:
    """The rows that are found now, as the confirmation page carries them."""
    do, which = request.args.get("do", ""), _which(request.args)
    if do not in (RETRY, DROP) or which is None or which.state not in dead_letters.GIVEN_UP:
        abort(404)
    if do == DROP and which.state != "dead":
        abort(404)
    ids = visit.read(lambda tx: dead_letters.ids(tx, which, most=MOST_AT_ONCE))
    return Form({"ids": ",".join(map(str, ids)), "do": do, "reason": ""})


def _read_ids(text: str) -> list[int]:
    if text == "":
        return []
    ids = [int(one) for one in text.split(",")] if _IDS.fullmatch(text) else []
    if not 0 < len(ids) <= MOST_AT_ONCE:
        abort(400)
    return sorted(set(ids))


def _bulk(do: str, form: Form, rows: Sequence[Owed]) -> dict[str, object]:
    ready = [row for row in rows if row.state in (dead_letters.GIVEN_UP if do == RETRY else "dead")]
    return {
        "crumbs": [(_("发件箱"), url_for("console.outbox"))],
        "form": form,
        "do": do,
        "rows": len(ready),
        "most": MOST_AT_ONCE,
        "counted": counted(ready),
        "calls": sum(row.kind == "call" for row in ready),
        "twice": sum(row.kind == "wechat" and row.submitted_at is not None for row in ready),
        "told": TOLD,
        "first": ready[0].id if ready else 0,
        "last": ready[-1].id if ready else 0,
    }


def _carry_out(visit: Visit, do: str, ids: Sequence[int], reason: str) -> int:
    """Do it to these rows, as far as they are still given up. Returns how many.

    Raises CannotApply if none is.
    """
    now, done = visit.now, 0

    def some(tx: Tx, part: Sequence[int]) -> list[int]:
        if do == RETRY:
            changed = dead_letters.requeue(tx, part, now)
        else:
            changed = drop(tx, visit.parts.engine, part, reason=reason, now=now)
        if not changed:
            raise CannotApply(_("没有可处理的了：它们的状态已经变了，请刷新再看"))
        subject = f"outbox:{changed[0]}" + (f"-{changed[-1]}" if len(changed) > 1 else "")
        audit.write(
            tx, visit.by, action=f"outbox.{do}", subject=subject, reason=reason, now=now,
            after={"rows": changed, "left_alone": sorted(set(part) - set(changed))},
        )  # fmt: skip
        return changed

    for start in range(0, len(ids), ROWS_A_COMMIT):
        part = ids[start : start + ROWS_A_COMMIT]
        try:
            done += len(visit.change(lambda tx, part=part: some(tx, part)))  # type: ignore[misc]
        except CannotApply:
            if not done and start + ROWS_A_COMMIT >= len(ids):
                raise
    visit.parts.nudges(outbox.QUEUES)
    machinery.forget(visit)
    return done


def _said(do: str, done: int, asked: int) -> str:
    words = _("已放回队列：{n} 条。", n=done) if do == RETRY else _("已放弃：{n} 条。", n=done)
    if done < asked:
        words += _("另有 {n} 条状态已变，没有动。", n=asked - done)
    return words


# -- a row -----------------------------------------------------------------------------------------


def _row(visit: Visit, number: int, form: Form) -> dict[str, object]:
    owed = visit.read(lambda tx: outbox.get(tx, number))
    if owed is None:
        abort(404)
    times = visit.read(lambda tx: dead_letters.times(tx, number))
    given_up = owed.state in dead_letters.GIVEN_UP and visit.can("outbox.change")
    person = f"/console/subscribers/{owed.subscriber_id}"
    return {
        "crumbs": [(_("发件箱"), url_for("console.outbox"))],
        "owed": owed,
        "times": times,
        "state": state_words(owed.state),
        "colour": COLOURS.get(owed.state, "grey"),
        "queue": _(QUEUES[owed.queue]),
        "kind": _(KINDS[owed.kind]),
        "payload": shown_payload(owed),
        "error": hide_numbers(owed.error or ""),
        "person": person if visit.can("subscribers.find") else "",
        "form": form,
        "may_retry": given_up,
        "may_drop": given_up and owed.state == "dead",
        "told": TOLD,
    }


# -- the list --------------------------------------------------------------------------------------


def _which(filters: Mapping[str, str]) -> Which | None:
    """What is searched for, None if there is no such thing."""
    state = filters.get("state") or "dead"
    queue, kind = filters.get("queue") or None, filters.get("kind") or None
    known = state in STATES and queue in (None, *QUEUES) and kind in (None, *KINDS)
    error = clean(filters.get("error", ""))[:FILTER_LENGTH]
    return Which(state, queue, kind, error) if known else None


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Owed]:
    which = _which(filters)
    if which is None:
        return []
    below = int(str(key[0])) if key else None
    return dead_letters.listed(tx, which, limit=limit, below=below)


LISTING: Listing[Owed] = Listing(
    name="outbox",
    words=_("发件箱"),
    columns=(
        Column(_("编号"), lambda owed: owed.id, "link"),
        Column(_("何时欠下"), lambda owed: owed.created_at, "time"),
        Column(_("队列"), lambda owed: _(QUEUES[owed.queue])),
        Column(_("方式"), lambda owed: _(KINDS[owed.kind])),
        Column(_("给谁、做什么"), receiver, "code"),
        Column(_("试过"), lambda owed: owed.attempts, "number"),
        Column(_("状态"), lambda owed: state_words(owed.state)),
        Column(_("最近的错误"), lambda owed: hide_numbers(owed.error or "")),
    ),
    filters=(
        Filter("state", _("状态"), "choice", tuple(STATES.items())),
        Filter("queue", _("队列"), "choice", tuple(QUEUES.items())),
        Filter("kind", _("方式"), "choice", tuple(KINDS.items())),
        Filter("error", _("错误里含有")),
    ),
    fetch=_fetch,
    key=lambda owed: (owed.id,),
    row_link=lambda owed: url_for("console.outbox_row", number=owed.id),
    empty=_("没有发不出去的，都好。"),
    first={"state": "dead"},
)
