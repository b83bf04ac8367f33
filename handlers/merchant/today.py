"""What was verified today, and taking it back within ten minutes.

GET /merchant/today   GET, POST /merchant/undo/<code>
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import abort, request
from werkzeug.wrappers import Response as BaseResponse

from dialogs import verified
from handlers.merchant.frame import Desk, Page, Visit
from models.base import Tx
from models.merchants import counter
from models.merchants.counter import REASON_LENGTH, Line, Place, TooLate
from models.vouchers import verifying

LINES = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def add_routes(desk: Desk) -> None:
    """The list of the store, or of all; and one that was a mistake."""

    @desk.page("/today", permission="till.verify", nav="今日")
    def today(visit: Visit) -> Page:
        before = _place(request.args.get("before", ""))
        lines = visit.read(
            lambda tx: counter.recent(tx, visit.staff, visit.now, before=before, limit=LINES + 1)
        )
        return visit.render(
            "merchant/today.html",
            lines=lines[:LINES],
            count=visit.read(lambda tx: counter.count(tx, visit.staff, visit.now)),
            more=_told(lines[LINES - 1].place) if len(lines) > LINES else "",
            later=before is not None,
        )

    @desk.page("/undo/<code>", permission="till.undo", methods=("GET", "POST"))
    def undo(visit: Visit, code: str) -> Page:
        if not verifying.tidy(code):
            abort(404)
        line = visit.read(lambda tx: counter.live(tx, visit.staff, code))
        if line is None or not line.undoable(visit.now):
            return _too_late(visit)
        form = visit.form("reason")
        form.need("reason", "请写明为什么撤销", most=REASON_LENGTH)
        if form.good:
            return _undo(visit, line, form["reason"])
        return visit.render("merchant/undo.html", form=form, line=line)


def _undo(visit: Visit, line: Line, why: str) -> BaseResponse:
    def work(tx: Tx) -> frozenset[str]:
        back = counter.undo(tx, visit.staff, line.code, why=why, by=visit.by, now=visit.now)
        return verified.tell_undone(tx, visit.parts.engine, back, line.store, visit.now)

    try:
        queues = visit.change(work)
    except TooLate:
        return _too_late(visit)
    visit.parts.nudges(queues)
    visit.say(f"已撤销：{line.title}，流水号 {line.serial}。顾客可以再用这张券。")
    return visit.go("today")


def _too_late(visit: Visit) -> BaseResponse:
    minutes = int(counter.UNDO_WITHIN.total_seconds()) // 60
    visit.say(f"没有撤销：核销后 {minutes} 分钟内才能撤销，或者它已经撤销了。")
    return visit.go("today")


def _told(place: Place) -> str:
    at, voucher_id, no = place
    return f"{(at - _EPOCH) // _MICROSECOND}.{voucher_id}.{no}"


def _place(told: str) -> Place | None:
    """Where the next page begins; None for what we have not told."""
    parts = told.split(".")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 18 for part in parts):
        return None
    micros, voucher_id, no = (int(part) for part in parts)
    try:
        return _EPOCH + micros * _MICROSECOND, voucher_id, min(no, 2**31 - 1)
    except OverflowError:
        return None
