"""Statements: what a merchant is owed for a period, from its verifications and deductions.

    verifications (due_on) ─┐
                            ├─▶ statement (merchant, period): lines, cents, fen, digest, serial
    deductions (on_day)   ──┘

A line falls due fifteen days after its verification and can be undone for ten minutes, so once a
period is over its lines stand still: a statement made again is the same, and its digest says so.
Amounts are hundredths of a fen until the statement rounds its total once (DOMAIN 4.4, 4.2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip

from models import points, sql
from models.base import HOUSE, Tx, metadata, moment
from models.points import NEVER, Cause, day_of
from models.vouchers.redeeming import account
from models.vouchers.vouchers import VOUCHER

# The account of the house in which points rest whose merchants have been paid.
SETTLED = "settled"
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
    CheckConstraint("length(digest) = 32", name="digest"),
)

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
    PrimaryKeyConstraint("subscriber_id", "voucher_id"),  # each voucher once
    ForeignKeyConstraint(["subscriber_id", "voucher_id"], VOUCHER),
    CheckConstraint("cents >= 0 AND why <> ''", name="said"),
    Index(None, "merchant_code", "on_day"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: a verification, or a deduction with `cents` below nothing."""

    at: datetime
    voucher_id: int
    serial: int
    title: str
    store_no: int | None
    points: int
    cents: int
    why: str


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


_COLUMNS = ", ".join(Statement.__dataclass_fields__)


class NotOver(Exception):
    """The period's last day has not passed yet: what falls due in it can still change."""


class NotNext(Exception):
    """A period begins on the day after the one before it: `begins`."""

    def __init__(self, begins: date) -> None:
        super().__init__(f"the next period begins on {begins}")
        self.begins = begins


class Changed(Exception):
    """The lines are not what they were when the statement was made: somebody has altered them."""


# Bookings in their order; the key of a page is the place of its last line.
_LINES = """
    SELECT n.at, v.id, v.serial, v.title, n.store_no, v.price_points, n.cents, ''
    FROM verifications n JOIN vouchers v
        ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
    WHERE n.merchant_code = %(merchant)s AND n.due_on BETWEEN %(first)s AND %(last)s
        AND n.undone_at IS NULL
    UNION ALL
    SELECT d.at, v.id, v.serial, v.title, NULL, 0, -d.cents, d.why
    FROM settlement_deductions d JOIN vouchers v
        ON v.subscriber_id = d.subscriber_id AND v.id = d.voucher_id
    WHERE d.merchant_code = %(merchant)s AND d.on_day BETWEEN %(first)s AND %(last)s
    ORDER BY 1, 2
"""


def lines(tx: Tx, merchant: str, first: date, last: date) -> Iterator[Line]:
    """What fell due from the first to the last day, in the order it happened, as it comes."""
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    values = {"merchant": merchant, "first": first, "last": last}
    with driver.cursor() as cursor:
        for row in cursor.stream(_LINES, values):
            yield Line(*row)


def make(tx: Tx, merchant: str, first: date, last: date, *, now: datetime) -> Statement:
    """The statement of a period; made again, it is the one that was made first.

    Raises NotOver, NotNext, and Changed where its lines are other ones now.
    """
    if last < first:
        raise ValueError("a period ends on its first day or later")
    if last >= day_of(now):
        raise NotOver
    sql.run(tx, "SELECT 1 FROM merchants WHERE code = %(m)s FOR NO KEY UPDATE", {"m": merchant})
    count, spent, cents, digest = _sum(tx, merchant, first, last)
    found = _of(tx, merchant, first, last)
    if found is not None:
        if (found.lines, found.cents, found.digest) != (count, cents, digest):
            raise Changed
        return found
    before = next(iter(history(tx, merchant, limit=1)), None)
    if before is not None and first != before.last + timedelta(days=1):
        raise NotNext(before.last + timedelta(days=1))
    # What the one before left below nothing is taken off this one.
    carried = min(0, before.cents + before.carried_cents) if before else 0
    row = sql.one(
        tx,
        "INSERT INTO settlement_statements (merchant_code, first, last, previous_last, lines,"
        " points, cents, carried_cents, fen, digest, serial, made_at) VALUES (%(merchant)s,"
        " %(first)s, %(last)s, %(previous)s, %(lines)s, %(points)s, %(cents)s, %(carried)s,"
        " %(fen)s, %(digest)s, %(serial)s, %(now)s)"
        f" RETURNING {_COLUMNS}",
        {
            "merchant": merchant, "first": first, "last": last, "lines": count, "points": spent,
            "cents": cents, "carried": carried, "fen": to_fen(cents + carried), "digest": digest,
            "previous": before.last if before else None,
            "serial": _settle(tx, merchant, first, spent, now), "now": now,
        },
    )  # fmt: skip
    return Statement(*row)


def history(tx: Tx, merchant: str, *, limit: int = 24) -> list[Statement]:
    """A merchant's statements, the newest first."""
    found = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM settlement_statements WHERE merchant_code = %(merchant)s"
        " ORDER BY first DESC LIMIT %(limit)s",
        {"merchant": merchant, "limit": limit},
    )
    return [Statement(*row) for row in found]


def deduct(tx: Tx, *, subscriber_id: int, voucher_id: int, why: str, now: datetime) -> None:
    """Take what a verified voucher was worth off the merchant's next statement, once."""
    sql.run(
        tx,
        "INSERT INTO settlement_deductions (subscriber_id, voucher_id, merchant_code, on_day,"
        " cents, why, at) SELECT subscriber_id, voucher_id, merchant_code, %(day)s, cents, %(why)s,"
        " %(now)s FROM verifications WHERE subscriber_id = %(subscriber)s"
        " AND voucher_id = %(voucher)s AND undone_at IS NULL"
        " ON CONFLICT DO NOTHING",
        {
            "subscriber": subscriber_id, "voucher": voucher_id, "why": why, "now": now,
            "day": day_of(now),
        },
    )  # fmt: skip


def to_fen(cents: int) -> int:
    """Hundredths of a fen in whole fen, half up; what is below nothing is carried, not paid."""
    return max(0, (cents + CENTS_A_FEN // 2) // CENTS_A_FEN)


def _sum(tx: Tx, merchant: str, first: date, last: date) -> tuple[int, int, int, bytes]:
    """How many lines, their points, their cents, and the digest over all of them."""
    count = spent = cents = 0
    digest = hashlib.sha256()
    for line in lines(tx, merchant, first, last):
        count, spent, cents = count + 1, spent + line.points, cents + line.cents
        digest.update(f"{line.at.isoformat()} {line.voucher_id} {line.cents}\n".encode())
    return count, spent, cents, digest.digest()


def _of(tx: Tx, merchant: str, first: date, last: date) -> Statement | None:
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM settlement_statements"
        " WHERE merchant_code = %(merchant)s AND first = %(first)s AND last = %(last)s",
        {"merchant": merchant, "first": first, "last": last},
    )
    return Statement(*row) if row else None


def _settle(tx: Tx, merchant: str, first: date, spent: int, now: datetime) -> int | None:
    if spent == 0:
        return None
    cause = Cause(f"settle:{merchant}:{first}", "settlement", "clock", f"{merchant} {first}")
    return points.move(
        tx, payer=HOUSE, payer_kinds=[account(merchant)], payee=HOUSE, payee_kind=SETTLED,
        payee_expires_on=NEVER, points=spent, unit=points.POINTS, cause=cause, now=now,
    ).serial  # fmt: skip
