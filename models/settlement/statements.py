"""Statements: what a merchant is owed for a period, from its verifications and deductions.

    verifications (due_on) ─┐
                            ├─▶ statement (merchant, period): lines, cents, fen, digest, serial
    deductions (on_day)   ──┘

A line falls due fifteen days after its verification and can be undone for ten minutes, so once a
period is over its lines stand still: a statement made again is the same, and its digest says so. A
trigger (migration 0025) refuses what would change a line of a period that is stated.
Amounts are hundredths of a fen until the statement rounds its total once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)  # fmt: skip

from models import points, sql
from models.base import HOUSE, Tx, metadata, moment
from models.points import NEVER, Cause, NotEnough, closings, day_of
from models.settlement import lines
from models.settlement.deductions import SETTLED
from models.settlement.lines import DEDUCTED_LINES, VERIFIED_LINES, Sum, sum_up
from models.vouchers.redeeming import account

CENTS_A_FEN = 100

statements = Table(
    "settlement_statements",
    metadata,
    Column("id", Integer, Identity(start=1001), primary_key=True),
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("previous_last", Date),  # of the statement before: no day twice, and none left out
    Column("lines", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),  # that the lines' vouchers have cost
    Column("cents", BigInteger, nullable=False),  # hundredths of a fen, deductions taken off
    Column("carried_cents", BigInteger, nullable=False),  # below nothing, from the one before
    Column("fen", BigInteger, nullable=False),  # to be paid
    Column("digest", LargeBinary, nullable=False),  # SHA-256 over all lines
    Column("serial", BigInteger),  # the transfer that moved the points into "settled"
    moment("made_at"),
    UniqueConstraint("merchant_code", "last"),
    UniqueConstraint("merchant_code", "previous_last", postgresql_nulls_not_distinct=True),
    ForeignKeyConstraint(
        ["merchant_code", "previous_last"],
        ["settlement_statements.merchant_code", "settlement_statements.last"],
    ),
    CheckConstraint("last >= first AND first = previous_last + 1", name="period"),
    CheckConstraint("fen >= 0 AND carried_cents <= 0", name="fen"),
    CheckConstraint(
        "fen = CASE WHEN cents + carried_cents > 0 THEN (cents + carried_cents + 50) / 100"
        " ELSE 0 END",
        name="rounded",
    ),
    CheckConstraint("lines >= 0 AND points >= 0 AND (points = 0) = (serial IS NULL)", name="moved"),
    CheckConstraint("length(digest) = 32", name="digest"),
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What is owed for a period: `fen`. Points and cents are sums of the lines."""

    id: int
    merchant_code: str
    first: date
    last: date
    lines: int
    points: int
    cents: int
    carried_cents: int
    fen: int
    digest: bytes
    serial: int | None
    made_at: datetime


COLUMNS = ", ".join(Statement.__dataclass_fields__)


class NotOver(Exception):
    """The period's last day has not passed yet: what falls due in it can still change."""


class NotNext(Exception):
    """A period begins on the day after the one before it: `begins`."""

    def __init__(self, begins: date) -> None:
        super().__init__(f"the next period begins on {begins}")
        self.begins = begins


class Changed(Exception):
    """The lines are not what they were when the statement was made: somebody has altered them."""


class NotFirst(Exception):
    """Lines fell due before this period, and no statement has them: `since`."""

    def __init__(self, since: date) -> None:
        super().__init__(f"lines have fallen due since {since}: begin there")
        self.since = since


class Short(Exception):
    """The merchant's account has fewer points than its lines: `have`, of `points`."""

    def __init__(self, have: int, points: int) -> None:
        super().__init__(f"the merchant's account has {have} of the lines' {points} points")
        self.have = have
        self.points = points


@dataclass(frozen=True, slots=True)
class DayTotal:
    """What fell due on a day, in hundredths of a fen; deductions apart."""

    day: date
    lines: int
    points: int
    cents: int
    deductions: int
    deducted_cents: int


def by_day(tx: Tx, statement: Statement) -> list[DayTotal]:
    """The days of a statement that have lines."""
    rows = sql.rows(
        tx,
        "SELECT day, count(*) FILTER (WHERE why = ''), coalesce(sum(points), 0)::bigint,"
        " coalesce(sum(cents) FILTER (WHERE why = ''), 0)::bigint, count(*) FILTER (WHERE why <>"
        " ''), coalesce(sum(cents) FILTER (WHERE why <> ''), 0)::bigint"
        f" FROM ({VERIFIED_LINES} UNION ALL {DEDUCTED_LINES}) AS"
        " l (day, at, voucher, serial, title, store_no, points, cents, why)"
        " GROUP BY day ORDER BY day",
        {
            "merchant": statement.merchant_code, "first": statement.first, "last": statement.last,
        },
    )  # fmt: skip
    return [DayTotal(*row) for row in rows]


def make(tx: Tx, merchant: str, first: date, last: date, *, now: datetime) -> Statement:
    """The statement of a period; made again, it is the one that was made first.

    Raises NotOver, NotNext, NotFirst, Changed where its lines are other ones now, Short, and
    LookupError for a merchant that is none.
    """
    if last < first:
        raise ValueError("a period ends on its first day or later")
    if last >= day_of(now):
        raise NotOver
    closings.unhurried(tx)
    # Two makers wait for each other here, and whoever deducts waits, or is waited for.
    sql.one(tx, "SELECT 1 FROM merchants WHERE code = %(m)s FOR NO KEY UPDATE", {"m": merchant})
    found = _of(tx, merchant, first, last)
    if found is not None:
        check(tx, found)
        return found
    before = next(iter(history(tx, merchant, limit=1)), None)
    _follows(tx, merchant, first, before)
    summed = _sum(tx, merchant, first, last)
    # What the one before left below nothing is taken off this one.
    carried = min(0, before.cents + before.carried_cents) if before else 0
    row = sql.one(
        tx,
        "INSERT INTO settlement_statements (merchant_code, first, last, previous_last, lines,"
        " points, cents, carried_cents, fen, digest, serial, made_at) VALUES (%(merchant)s,"
        " %(first)s, %(last)s, %(previous)s, %(lines)s, %(points)s, %(cents)s, %(carried)s,"
        " %(fen)s, %(digest)s, %(serial)s, %(now)s)"
        f" RETURNING {COLUMNS}",
        {
            "merchant": merchant, "first": first, "last": last, "lines": summed.lines,
            "points": summed.points, "cents": summed.cents, "carried": carried,
            "fen": to_fen(summed.cents + carried), "digest": summed.digest,
            "previous": before.last if before else None,
            "serial": _settle(tx, merchant, first, summed.points, now), "now": now,
        },
    )  # fmt: skip
    return Statement(*row)


def history(tx: Tx, merchant: str, *, limit: int = 24) -> list[Statement]:
    """A merchant's statements, the newest first."""
    found = sql.rows(
        tx,
        f"SELECT {COLUMNS} FROM settlement_statements WHERE merchant_code = %(merchant)s"
        " ORDER BY first DESC LIMIT %(limit)s",
        {"merchant": merchant, "limit": limit},
    )
    return [Statement(*row) for row in found]


def listed(
    tx: Tx, *, limit: int, merchant: str | None = None, last: date | None = None,
    below: int | None = None,
) -> list[Statement]:  # fmt: skip
    """Statements of one merchant or all, of one period's end or all, the newest first.

    The next page is `below` the last number of this one.
    """
    rows = sql.rows(
        tx,
        f"SELECT {COLUMNS} FROM settlement_statements WHERE id < %(below)s"
        + (" AND merchant_code = %(merchant)s" if merchant else "")
        + (" AND last = %(last)s" if last else "")
        + " ORDER BY id DESC LIMIT %(limit)s",
        {"below": below or 2**31 - 1, "merchant": merchant, "last": last, "limit": limit},
    )
    return [Statement(*row) for row in rows]


def get(tx: Tx, number: int, *, merchant: str | None = None) -> Statement | None:
    """A statement by its number, of this merchant where one is named, or None."""
    row = sql.first(
        tx,
        f"SELECT {COLUMNS} FROM settlement_statements WHERE id = %(number)s"
        + (" AND merchant_code = %(merchant)s" if merchant is not None else ""),
        {"number": number, "merchant": merchant},
    )
    return Statement(*row) if row else None


def check(tx: Tx, statement: Statement) -> None:
    """Raises Changed where the statement's lines are not those that it was made of."""
    summed = _sum(tx, statement.merchant_code, statement.first, statement.last)
    stated = Sum(statement.lines, statement.points, statement.cents, statement.digest)
    if summed != stated:
        raise Changed


def to_fen(cents: int) -> int:
    """Hundredths of a fen in whole fen, half up; what is below nothing is carried, not paid."""
    return max(0, (cents + CENTS_A_FEN // 2) // CENTS_A_FEN)


def _sum(tx: Tx, merchant: str, first: date, last: date) -> Sum:
    return sum_up(lines.of(tx, merchant, first, last))


def _follows(tx: Tx, merchant: str, first: date, before: Statement | None) -> None:
    """Raises NotNext or NotFirst where days would be left out."""
    if before is not None:
        if first != before.last + timedelta(days=1):
            raise NotNext(before.last + timedelta(days=1))
        return
    since: date | None = sql.value(
        tx, "SELECT min(due_on) FROM verifications WHERE merchant_code = %(m)s", {"m": merchant}
    )
    if since is not None and since < first:
        raise NotFirst(since)


def _of(tx: Tx, merchant: str, first: date, last: date) -> Statement | None:
    row = sql.first(
        tx,
        f"SELECT {COLUMNS} FROM settlement_statements"
        " WHERE merchant_code = %(merchant)s AND first = %(first)s AND last = %(last)s",
        {"merchant": merchant, "first": first, "last": last},
    )
    return Statement(*row) if row else None


def _settle(tx: Tx, merchant: str, first: date, spent: int, now: datetime) -> int | None:
    if spent == 0:
        return None
    cause = Cause(f"settle:{merchant}:{first}", "settlement", "clock", f"{merchant} {first}")
    try:
        return points.move(
            tx, payer=HOUSE, payer_kinds=[account(merchant)], payee=HOUSE, payee_kind=SETTLED,
            payee_expires_on=NEVER, points=spent, unit=points.POINTS, cause=cause, now=now,
        ).serial  # fmt: skip
    except NotEnough as short:
        raise Short(short.have, spent) from None
