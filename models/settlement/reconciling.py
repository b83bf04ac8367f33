"""Reconciling: a merchant's own file against our lines, by serial number.

their lines ──┐                  matched · only_ours · only_theirs · differs
              ├─▶ one full join ─▶ counts, and a work list of all but the matched
our lines  ───┘
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

import psycopg
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment

OUTCOMES = MATCHED, ONLY_OURS, ONLY_THEIRS, DIFFERS = (
    "matched", "only_ours", "only_theirs", "differs",
)  # fmt: skip

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    Column("matched", Integer, nullable=False, server_default="0"),
    CheckConstraint("last >= first", name="period"),
)

# What does not agree, until somebody says why.
findings = Table(
    "reconciliation_findings",
    metadata,
    Column("reconciliation_id", Integer, ForeignKey("reconciliations.id"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("serial", BigInteger, nullable=False),
    Column("line_no", Integer),  # of their file
    Column("our_cents", BigInteger),
    Column("their_cents", BigInteger),
    Column("settled_by", String(80)),
    Column("settled_why", Text),
    moment("settled_at", nullable=True),
    PrimaryKeyConstraint("reconciliation_id", "no"),
    CheckConstraint("outcome IN ('only_ours', 'only_theirs', 'differs')", name="outcome"),
    CheckConstraint(
        "(our_cents IS NULL) = (outcome = 'only_theirs')"
        " AND (their_cents IS NULL) = (outcome = 'only_ours')",
        name="sides",
    ),
    CheckConstraint(
        "(settled_by IS NULL) = (settled_at IS NULL) AND (settled_by IS NULL) ="
        " (settled_why IS NULL)",
        name="settled",
    ),
)


@dataclass(frozen=True, slots=True)
class Theirs:
    """A line of the merchant's file: the serial number of a redemption and what it is worth."""

    line_no: int
    serial: int
    cents: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How many lines agree, and how many of each kind do not."""

    id: int
    matched: int
    only_ours: int
    only_theirs: int
    differs: int


@dataclass(frozen=True, slots=True)
class Finding:
    no: int
    outcome: str
    serial: int
    line_no: int | None
    our_cents: int | None
    their_cents: int | None
    settled_by: str | None
    settled_why: str | None


# Of a serial number that stands twice in their file, the second line is one that only they have.
_COMPARE = """
    WITH ours AS (
        SELECT v.serial, n.cents FROM verifications n JOIN vouchers v
            ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
        WHERE n.merchant_code = %(merchant)s AND n.due_on BETWEEN %(first)s AND %(last)s
            AND n.undone_at IS NULL
    ), theirs AS (
        SELECT serial, line_no, cents, row_number() OVER (PARTITION BY serial ORDER BY line_no) AS n
        FROM their_lines
    ), compared AS (
        SELECT coalesce(o.serial, t.serial) AS serial, t.line_no, o.cents AS our_cents,
               t.cents AS their_cents,
               CASE WHEN o.serial IS NULL THEN 'only_theirs' WHEN t.serial IS NULL THEN 'only_ours'
                    WHEN o.cents = t.cents THEN 'matched' ELSE 'differs' END AS outcome
        FROM ours o FULL JOIN theirs t ON t.serial = o.serial AND t.n = 1
    ), kept AS (
        INSERT INTO reconciliation_findings (reconciliation_id, no, outcome, serial, line_no,
            our_cents, their_cents)
        SELECT %(id)s, row_number() OVER (ORDER BY outcome, serial, line_no), outcome, serial,
               line_no, our_cents, their_cents
        FROM compared WHERE outcome <> 'matched'
    )
    SELECT outcome, count(*) FROM compared GROUP BY outcome
"""


def reconcile(
    tx: Tx, *, merchant: str, first: date, last: date, theirs: Iterable[Theirs], file_name: str,
    by: str, now: datetime,
) -> Reconciliation:  # fmt: skip
    """Compare a merchant's lines of a period with ours; what does not agree becomes a work list.

    `theirs` is read once, line by line: a million of them take no more memory than one.
    """
    number = sql.value(
        tx,
        "INSERT INTO reconciliations (merchant_code, first, last, file_name, by, at)"
        " VALUES (%(merchant)s, %(first)s, %(last)s, %(file)s, %(by)s, %(now)s) RETURNING id",
        {
            "merchant": merchant, "first": first, "last": last, "file": file_name, "by": by,
            "now": now,
        },
    )  # fmt: skip
    _copy(tx, theirs)
    values = {"id": number, "merchant": merchant, "first": first, "last": last}
    counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    counts.update({row[0]: row[1] for row in sql.rows(tx, _COMPARE, values)})
    sql.run(
        tx,
        "UPDATE reconciliations SET matched = %(matched)s WHERE id = %(id)s",
        {"id": number, "matched": counts[MATCHED]},
    )
    return Reconciliation(number, *(counts[outcome] for outcome in OUTCOMES))


def work_list(
    tx: Tx, reconciliation_id: int, *, limit: int, after: int = 0, open_only: bool = True
) -> list[Finding]:
    """What does not agree, by number; the next page begins `after` the last one of this."""
    rows = sql.rows(
        tx,
        "SELECT no, outcome, serial, line_no, our_cents, their_cents, settled_by, settled_why"
        " FROM reconciliation_findings WHERE reconciliation_id = %(id)s AND no > %(after)s"
        + (" AND settled_at IS NULL" if open_only else "")
        + " ORDER BY no LIMIT %(limit)s",
        {"id": reconciliation_id, "after": after, "limit": limit},
    )
    return [Finding(*row) for row in rows]


def settle(tx: Tx, reconciliation_id: int, no: int, *, why: str, by: str, now: datetime) -> bool:
    """Say why a finding is as it is; False if somebody has said so before."""
    if not why.strip():
        raise ValueError("a reason is needed")
    return (
        sql.change(
            tx,
            "UPDATE reconciliation_findings SET settled_by = %(by)s, settled_why = %(why)s,"
            " settled_at = %(now)s"
            " WHERE reconciliation_id = %(id)s AND no = %(no)s AND settled_at IS NULL",
            {"id": reconciliation_id, "no": no, "why": why, "by": by, "now": now},
        )
        == 1
    )


def _copy(tx: Tx, theirs: Iterable[Theirs]) -> None:
    sql.run(
        tx,
        "CREATE TEMPORARY TABLE their_lines (serial bigint, line_no integer, cents bigint)"
        " ON COMMIT DROP",
    )
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy("COPY their_lines FROM STDIN") as copy:
        for row in _rows(theirs):
            copy.write_row(row)
    sql.run(tx, "ANALYZE their_lines")


def _rows(theirs: Iterable[Theirs]) -> Iterator[tuple[int, int, int]]:
    for line in theirs:
        yield line.serial, line.line_no, line.cents
