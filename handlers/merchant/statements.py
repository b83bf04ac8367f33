"""Statements: what is owed for each period, line by line, and as files.

GET /merchant/statements   /statements/1001   /statements/1001.csv   .xlsx   .pdf
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from flask import abort, request, url_for

from handlers import settlement_files
from handlers.merchant.frame import Desk, Page, Visit
from handlers.settlement_words import cents_words, day_words, fen_words, period_words
from models.points import day_of
from models.settlement import ledger, payments, statements
from models.settlement import lines as settled
from models.settlement.lines import Key
from models.settlement.payments import Payment
from models.settlement.statements import Statement

LISTED = 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def add_routes(desk: Desk) -> None:
    """The list, a statement, and its files."""

    @desk.page("/statements", permission="statements.see", nav="结算")
    def merchant_statements(visit: Visit) -> Page:
        merchant = visit.staff.merchant_code
        before = request.args.get("before", "")
        below = int(before) if before.isdecimal() and len(before) < 10 else None
        found = visit.read(
            lambda tx: statements.listed(tx, merchant=merchant, limit=LISTED + 1, below=below)
        )
        paid = visit.read(lambda tx: payments.payment_of(tx, [one.id for one in found]))
        return visit.render(
            "merchant/statements.html",
            statements=[(one, *state(one, paid.get(one.id))) for one in found[:LISTED]],
            more=found[LISTED - 1].id if len(found) > LISTED else 0,
            waiting=_waiting(visit),
            **WORDS,
        )

    @desk.page("/statements/<int:number>", permission="statements.see")
    def merchant_statement(visit: Visit, number: int) -> Page:
        one = own(visit, number)
        limit = visit.parts.settings.settlement.page_lines
        after = _place(request.args.get("after", ""))
        lines = visit.read(
            partial(
                settled.page, merchant=one.merchant_code, first=one.first, last=one.last,
                limit=limit + 1, after=after,
            )
        )  # fmt: skip
        paid = visit.read(lambda tx: payments.payment_of(tx, [one.id])).get(one.id)
        return visit.render(
            "merchant/statement.html",
            one=one,
            state=state(one, paid),
            lines=lines[:limit],
            more=_told(lines[limit - 1].key) if len(lines) > limit else "",
            later=after is not None,
            stores={store.no: store.name for store in visit.staff.stores},
            crumbs=[("结算", url_for("merchant.merchant_statements"))],
            **WORDS,
        )

    @desk.page("/statements/<int:number>.<form>", permission="statements.see")
    def merchant_statement_file(visit: Visit, number: int, form: str) -> Page:
        one = own(visit, number)
        return settlement_files.answer(
            visit.read, one, form, operator_id=visit.operator.id,
            merchant_name=visit.staff.merchant_name,
            pdf_lines=visit.parts.settings.settlement.pdf_lines,
            days=lambda: visit.read(lambda tx: statements.by_day(tx, one)),
        )  # fmt: skip


WORDS: dict[str, Any] = {
    "yuan": cents_words, "fen": fen_words, "period": period_words, "day_words": day_words,
}  # fmt: skip


def own(visit: Visit, number: int) -> Statement:
    """A statement of this merchant's; ends the request with 404 for any other."""
    merchant = visit.staff.merchant_code
    found = None
    if number < 2**31:
        found = visit.read(lambda tx: statements.get(tx, number, merchant=merchant))
    if found is None:
        abort(404)
    return found


def state(one: Statement, payment: Payment | None) -> tuple[str, str]:
    """What has become of a statement, in words, and how that looks."""
    if payment is None:
        return ("没有要付的", "still") if one.fen == 0 else ("等待付款", "wait")
    if payment.paid_at is None:
        return "付款中", "wait"
    return f"{day_words(day_of(payment.paid_at))}已付", "good"


def _waiting(visit: Visit) -> ledger.Total:
    """What is verified and in no statement yet."""
    merchant = visit.staff.merchant_code
    return visit.read(lambda tx: ledger.unstated(tx, merchant))


def _told(key: Key) -> str:
    deducted, day, at, voucher_id = key
    return f"{int(deducted)}.{day:%Y%m%d}.{(at - _EPOCH) // _MICROSECOND}.{voucher_id}"


def _place(told: str) -> Key | None:
    """Where the next page begins; None for what we have not told."""
    parts = told.split(".")
    if len(parts) != 4 or not all(part.isdecimal() and 0 < len(part) < 17 for part in parts):
        return None
    deducted, day, at, voucher_id = parts
    try:
        due = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    return deducted == "1", due, _EPOCH + int(at) * _MICROSECOND, int(voucher_id)
