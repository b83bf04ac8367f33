"""Deductions: what a verified voucher was worth comes off the merchant's statement, once.

             not stated yet                             stated
    line ──▶ deduction on its due day         line ──▶ statement ──▶ deduction on the next open day
    points: merchant:CODE ─▶ lots             points: settled ─▶ merchant:CODE ─▶ lots

Either way the merchant's account keeps the points of exactly those vouchers that are not stated.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from models import points, sql
from models.agents import commission
from models.base import HOUSE, Tx, metadata, moment
from models.points import NEVER, Cause, day_of, refunds
from models.subscribers import lock_id
from models.vouchers import vouchers
from models.vouchers.redeeming import account
from models.vouchers.vouchers import VOUCHER

# The account of the house in which points rest whose merchants have been paid.
SETTLED = "settled"

# What was paid for and then taken back, after its statement or before.
deductions = Table(
    "settlement_deductions",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False),
    Column("voucher_id", BigInteger, nullable=False),
    Column("merchant_code", String(32), nullable=False),
    Column("on_day", Date, nullable=False),
    Column("cents", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    moment("at"),
    # That left the merchant's account before its statement could move them.
    Column("points", Integer, nullable=False, server_default="0"),
    # Of the transfer to the lots, and before it of the one out of "settled". No keys: the ledger is
    # not spread by subscriber.
    Column("refund_serial", BigInteger),
    Column("unsettled_serial", BigInteger),
    PrimaryKeyConstraint("subscriber_id", "voucher_id"),  # each voucher once
    ForeignKeyConstraint(["subscriber_id", "voucher_id"], VOUCHER),
    CheckConstraint("cents >= 0 AND why <> ''", name="said"),
    CheckConstraint(
        "points >= 0 AND (points = 0 OR unsettled_serial IS NULL)"
        " AND (refund_serial IS NOT NULL) = (points > 0 OR unsettled_serial IS NOT NULL)",
        name="points_back",
    ),
    Index(None, "merchant_code", "on_day"),
)


class NotVerified(Exception):
    """There is no verification that stands: nothing is owed for this voucher."""


def deduct(tx: Tx, *, subscriber_id: int, voucher_id: int, why: str, now: datetime) -> bool:
    """Take a voucher's worth off the merchant's next statement; the points stay where they are.

    False where it was taken off before. Raises NotVerified.
    """
    found = _open(tx, subscriber_id, voucher_id, now)
    if found is None:
        return False
    merchant, cents, _, serial, _, on_day = found
    commission.take_back(tx, serial, now)
    _insert(tx, subscriber_id, voucher_id, merchant, on_day, cents, why, now)
    return True


def take_back(
    tx: Tx, *, subscriber_id: int, voucher_id: int, why: str, channel: str, by: str, now: datetime,
    grace_days: int,
) -> int | None:  # fmt: skip
    """Give a verified voucher's points back to their lots, and take its worth off a statement.

    Returns the serial of the refund, None where the voucher was deducted before. Raises NotVerified
    and what points.refunds.refund raises; then nothing has happened.
    """
    lock_id(tx, subscriber_id)  # first the person, then what is theirs
    # A till that takes it back just now has done so, or finds the deduction (verifying.undo).
    vouchers.get(tx, subscriber_id=subscriber_id, voucher_id=voucher_id, lock=True)
    with tx.begin_nested():
        found = _open(tx, subscriber_id, voucher_id, now)
        if found is None:
            return None
        merchant, cents, price, serial, stated, on_day = found
        commission.take_back(tx, serial, now)
        unsettled = _unsettle(tx, merchant, voucher_id, price, now) if stated else None
        cause = Cause(
            f"voucher-compensation:{voucher_id}", "compensation", channel, f"voucher {voucher_id}",
            operator=by,
        )  # fmt: skip
        back = refunds.refund(tx, serial=serial, cause=cause, now=now, grace_days=grace_days)
        if back.points != price:
            raise refunds.MoreThanTaken(back.points)
        _insert(
            tx, subscriber_id, voucher_id, merchant, on_day, cents, why, now,
            points=0 if stated else price, refund=back.serial, unsettled=unsettled,
        )  # fmt: skip
        return back.serial


def _open(
    tx: Tx, subscriber_id: int, voucher_id: int, now: datetime
) -> tuple[str, int, int, int, bool, date] | None:
    """(merchant, cents, points, serial, stated, the deduction's day), None if deducted already.

    Holds the merchant, so that no statement is made meanwhile: what is dated into a period must be
    there when the period is summed up.
    """
    row = sql.first(
        tx,
        "SELECT n.merchant_code, n.cents, v.price_points, v.serial, n.due_on FROM verifications n"
        " JOIN vouchers v ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id"
        " JOIN merchants m ON m.code = n.merchant_code"
        " WHERE n.subscriber_id = %(subscriber)s AND n.voucher_id = %(voucher)s"
        " AND n.undone_at IS NULL FOR SHARE OF m FOR NO KEY UPDATE OF n",
        {"subscriber": subscriber_id, "voucher": voucher_id},
    )
    if row is None:
        raise NotVerified
    merchant, cents, price, serial, due_on = row
    known = sql.maybe_value(
        tx,
        "SELECT 1 FROM settlement_deductions"
        " WHERE subscriber_id = %(subscriber)s AND voucher_id = %(voucher)s",
        {"subscriber": subscriber_id, "voucher": voucher_id},
    )
    if known:
        return None
    last: date | None = sql.value(
        tx,
        "SELECT max(last) FROM settlement_statements WHERE merchant_code = %(m)s",
        {"m": merchant},
    )
    if last is None or due_on > last:
        return merchant, cents, price, serial, False, due_on
    return merchant, cents, price, serial, True, max(day_of(now), last + timedelta(days=1))


def _insert(
    tx: Tx, subscriber_id: int, voucher_id: int, merchant: str, on_day: date, cents: int, why: str,
    now: datetime, *, points: int = 0, refund: int | None = None, unsettled: int | None = None,
) -> None:  # fmt: skip
    sql.run(
        tx,
        "INSERT INTO settlement_deductions (subscriber_id, voucher_id, merchant_code, on_day,"
        " cents, why, at, points, refund_serial, unsettled_serial) VALUES (%(subscriber)s,"
        " %(voucher)s, %(merchant)s, %(day)s, %(cents)s, %(why)s, %(now)s, %(points)s, %(refund)s,"
        " %(unsettled)s)",
        {
            "subscriber": subscriber_id, "voucher": voucher_id, "merchant": merchant,
            "day": on_day, "cents": cents, "why": why, "now": now, "points": points,
            "refund": refund, "unsettled": unsettled,
        },
    )  # fmt: skip


def _unsettle(tx: Tx, merchant: str, voucher_id: int, price: int, now: datetime) -> int:
    """Bring a stated voucher's points into its merchant's account again."""
    cause = Cause(f"unsettle:{voucher_id}", "settlement", "console", f"voucher {voucher_id}")
    return points.move(
        tx, payer=HOUSE, payer_kinds=[SETTLED], payee=HOUSE, payee_kind=account(merchant),
        payee_expires_on=NEVER, points=price, unit=points.POINTS, cause=cause, now=now,
    ).serial  # fmt: skip
