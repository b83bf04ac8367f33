"""Statements: what a merchant is owed for a period, from its verifications and deductions.

    verifications (due_on) ─┐
                            ├─▶ statement (merchant, period): lines, cents, fen, digest, serial
    deductions (on_day)   ──┘

A line falls due fifteen days after its verification and can be undone for ten minutes, so once a
period is over its lines stand still: a statement made again is the same, and its digest says so. A
trigger (migration 0025) refuses what would change a line of a period that is stated.
Amounts are hundredths of a fen until the statement rounds its total once (DOMAIN 4.4, 4.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import psycopg
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
from models.settlement.deductions import SETTLED
from models.vouchers.redeeming import account

CENTS_A_FEN = 100
ROWS_AT_ONCE = 1000  # fetched from the server; memory stays flat whatever a statement has

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

Key = tuple[bool, date, datetime, int]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a verification, or a deduction with `cents` below nothing and a `why`.

    `due_on`, for a deduction its day, is what brings it into its period.
    """

    due_on: date
    at: datetime
    voucher_id: int
    serial: int
    title: str
    store_no: int | None
    points: int
    cents: int
    why: str

    @property
    def key(self) -> Key:
        """Its place: verifications, then deductions, each as they fell due."""
        return bool(self.why), self.due_on, self.at, self.voucher_id

    def evidence(self) -> bytes:
        """What a statement's digest is over: one line of text a line."""
        return (
            f"{self.at.astimezone(UTC).isoformat()} {self.voucher_id} {self.serial}"
            f" {self.store_no or ''} {self.points} {self.cents}\n"
        ).encode()


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


VERIFIED_LINES = """
    SELECT n.due_on, n.at, v.id, v.serial, v.title, n.store_no, v.price_points, n.cents, ''
    FROM verifications n JOIN vouchers v
        ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
    WHERE n.merchant_code = %(merchant)s AND n.due_on BETWEEN %(first)s AND %(last)s
        AND n.undone_at IS NULL
"""
DEDUCTED_LINES = """
    SELECT d.on_day, d.at, v.id, v.serial, v.title, NULL, -d.points, -d.cents, d.why
    FROM settlement_deductions d JOIN vouchers v
        ON v.subscriber_id = d.subscriber_id AND v.id = d.voucher_id
    WHERE d.merchant_code = %(merchant)s AND d.on_day BETWEEN %(first)s AND %(last)s
"""


def lines(tx: Tx, merchant: str, first: date, last: date) -> Iterator[Line]:
    """What fell due from the first to the last day, in its order, as it comes.

    One statement of the server for all of them: `unhurried` (points.closings) where they are many.
    """
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    values = {"merchant": merchant, "first": first, "last": last}
    for part in (VERIFIED_LINES + "ORDER BY 1, 2, 3", DEDUCTED_LINES + "ORDER BY 1, 2, 3"):
        with driver.cursor() as cursor:
            for row in cursor.stream(part, values, size=ROWS_AT_ONCE):
                yield Line(*row)


def page(
    tx: Tx, merchant: str, first: date, last: date, *, limit: int, after: Key | None = None
) -> list[Line]:
    """The same lines, so many of them; the next page begins `after` the key of the last one."""
    beginning = {"day": first, "at": datetime.min.replace(tzinfo=UTC), "id": 0}
    deducted, day, at, number = after or (False, *beginning.values())
    values: dict[str, Any] = {
        "merchant": merchant, "first": first, "last": last, "limit": limit, "day": day, "at": at,
        "id": number,
    }  # fmt: skip
    found: list[sql.Row] = []
    if not deducted:
        found = sql.rows(
            tx,
            VERIFIED_LINES + " AND (n.due_on, n.at, n.voucher_id) > (%(day)s, %(at)s, %(id)s)"
            " ORDER BY n.due_on, n.at, n.voucher_id LIMIT %(limit)s",
            values,
        )  # fmt: skip
        values |= beginning
    if len(found) < limit:
        found += sql.rows(
            tx,
            DEDUCTED_LINES + " AND (d.on_day, d.at, d.voucher_id) > (%(day)s, %(at)s, %(id)s)"
            " ORDER BY d.on_day, d.at, d.voucher_id LIMIT %(limit)s",
            values | {"limit": limit - len(found)},
        )
    return [Line(*row) for row in found]


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


@dataclass(frozen=True, slots=True)
class Sum:
    """How many lines, their points and cents, and the digest over all of them."""

    lines: int
    points: int
    cents: int
    digest: bytes


def sum_up(found: Iterable[Line]) -> Sum:
    """What a statement says of these lines."""
    count = spent = cents = 0
    digest = hashlib.sha256()
    for line in found:
        count, spent, cents = count + 1, spent + line.points, cents + line.cents
        digest.update(line.evidence())
    return Sum(count, spent, cents, digest.digest())


def _sum(tx: Tx, merchant: str, first: date, last: date) -> Sum:
    return sum_up(lines(tx, merchant, first, last))


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
