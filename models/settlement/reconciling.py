"""Reconciling: a merchant's own file against our lines, by serial number.

their lines ──┐                  matched · only_ours · only_theirs · differs
              ├─▶ one full join ─▶ counts, and a work list of all but the matched
our lines  ───┘

A deduction is a line of its own, with the same serial number and an amount below nothing, on both
sides. Ours are hundredths of a fen; whoever writes whole fen agrees where ours round to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
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
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment
from models.points import closings

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
    Column("only_ours", Integer, nullable=False, server_default="0"),
    Column("only_theirs", Integer, nullable=False, server_default="0"),
    Column("differs", Integer, nullable=False, server_default="0"),
    Column("rejected", Integer, nullable=False, server_default="0"),  # lines nobody can read
    CheckConstraint("last >= first", name="period"),
    Index(None, "merchant_code", "id"),
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
    Index(
        "reconciliation_findings_open", "reconciliation_id", "no",
        postgresql_where=text("settled_at IS NULL"),
    ),
)  # fmt: skip


# Lines of their file that could not be read: where, and why, but not what stood there.
rejects = Table(
    "reconciliation_rejects",
    metadata,
    Column("reconciliation_id", Integer, ForeignKey("reconciliations.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    Column("why", String(40), nullable=False),
    PrimaryKeyConstraint("reconciliation_id", "line_no"),
)
REJECTS_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Theirs:
    """A line of the merchant's file: the serial number of a redemption and what it is worth."""

    line_no: int
    serial: int
    cents: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that could not be read, and `why`, as a name that doors have words for."""

    line_no: int
    why: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """How many lines agree, how many of each kind do not, and how many could not be read."""

    id: int
    merchant_code: str
    first: date
    last: date
    file_name: str
    by: str
    at: datetime
    matched: int
    only_ours: int
    only_theirs: int
    differs: int
    rejected: int


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


_COLUMNS = ", ".join(Reconciliation.__dataclass_fields__)

# Of a serial number that stands twice in their file, the second line is one that only they have.
_COMPARE = """
    WITH ours AS (
        SELECT v.serial, n.cents, false AS deducted FROM verifications n JOIN vouchers v
            ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
        WHERE n.merchant_code = %(merchant)s AND n.due_on BETWEEN %(first)s AND %(last)s
            AND n.undone_at IS NULL
        UNION ALL
        SELECT v.serial, -d.cents, true FROM settlement_deductions d JOIN vouchers v
            ON v.subscriber_id = d.subscriber_id AND v.id = d.voucher_id
        WHERE d.merchant_code = %(merchant)s AND d.on_day BETWEEN %(first)s AND %(last)s
    ), theirs AS (
        SELECT serial, line_no, cents, cents < 0 AS deducted,
               row_number() OVER (PARTITION BY serial, cents < 0 ORDER BY line_no) AS n
        FROM their_lines
    ), compared AS (
        SELECT coalesce(o.serial, t.serial) AS serial, t.line_no, o.cents AS our_cents,
               t.cents AS their_cents,
               CASE WHEN o.serial IS NULL THEN 'only_theirs' WHEN t.serial IS NULL THEN 'only_ours'
                    WHEN t.cents IN (o.cents, sign(o.cents) * ((abs(o.cents) + 50) / 100) * 100)
                        THEN 'matched' ELSE 'differs' END AS outcome
        FROM ours o FULL JOIN theirs t
            ON t.serial = o.serial AND t.deducted = o.deducted AND t.n = 1
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
    tx: Tx, *, merchant: str, first: date, last: date, theirs: Iterable[Theirs | Bad],
    file_name: str, by: str, now: datetime,
) -> Reconciliation:  # fmt: skip
    """Compare a merchant's lines of a period with ours; what does not agree becomes a work list.

    `theirs` is read once, line by line: a million of them take no more memory than one. The whole
    takes as long as it takes (points.closings.unhurried).
    """
    closings.unhurried(tx)
    number = sql.value(
        tx,
        "INSERT INTO reconciliations (merchant_code, first, last, file_name, by, at)"
        " VALUES (%(merchant)s, %(first)s, %(last)s, %(file)s, %(by)s, %(now)s) RETURNING id",
        {
            "merchant": merchant, "first": first, "last": last, "file": file_name, "by": by,
            "now": now,
        },
    )  # fmt: skip
    bad = _copy(tx, theirs)
    values = {"id": number, "merchant": merchant, "first": first, "last": last}
    counts: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
    counts.update({row[0]: row[1] for row in sql.rows(tx, _COMPARE, values)})
    _keep_rejects(tx, number, bad)
    row = sql.one(
        tx,
        "UPDATE reconciliations SET matched = %(matched)s, only_ours = %(only_ours)s,"
        " only_theirs = %(only_theirs)s, differs = %(differs)s, rejected = %(rejected)s"
        f" WHERE id = %(id)s RETURNING {_COLUMNS}",
        {"id": number, "rejected": bad.count, **counts},
    )
    return Reconciliation(*row)


def get(tx: Tx, number: int, *, merchant: str | None = None) -> Reconciliation | None:
    """One of them by its number, of this merchant where one is named, or None."""
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM reconciliations WHERE id = %(number)s"
        + (" AND merchant_code = %(merchant)s" if merchant is not None else ""),
        {"number": number, "merchant": merchant},
    )
    return Reconciliation(*row) if row else None


def listed(
    tx: Tx, *, limit: int, merchant: str | None = None, below: int | None = None
) -> list[Reconciliation]:
    """Them all, or a merchant's, the newest first; the next page is `below` the last number."""
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM reconciliations WHERE id < %(below)s"
        + (" AND merchant_code = %(merchant)s" if merchant is not None else "")
        + " ORDER BY id DESC LIMIT %(limit)s",
        {"below": below or 2**31 - 1, "merchant": merchant, "limit": limit},
    )
    return [Reconciliation(*row) for row in rows]


def rejected(tx: Tx, reconciliation_id: int, *, limit: int = REJECTS_KEPT) -> list[Bad]:
    """Lines that could not be read, the first of them by line."""
    rows = sql.rows(
        tx,
        "SELECT line_no, why FROM reconciliation_rejects WHERE reconciliation_id = %(id)s"
        " ORDER BY line_no LIMIT %(limit)s",
        {"id": reconciliation_id, "limit": limit},
    )
    return [Bad(*row) for row in rows]


def open_findings(tx: Tx, reconciliation_id: int) -> int:
    """How many lines of the work list nobody has settled yet."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM reconciliation_findings"
            " WHERE reconciliation_id = %(id)s AND settled_at IS NULL",
            {"id": reconciliation_id},
        )
    )


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


@dataclass(slots=True)
class _Rejects:
    """The first lines that could not be read, and how many there were."""

    first: list[Bad] = field(default_factory=list)
    count: int = 0

    def add(self, bad: Bad) -> None:
        self.count += 1
        if len(self.first) < REJECTS_KEPT:
            self.first.append(bad)


def _copy(tx: Tx, theirs: Iterable[Theirs | Bad]) -> _Rejects:
    bad = _Rejects()
    sql.run(tx, "DROP TABLE IF EXISTS pg_temp.their_lines")
    sql.run(
        tx,
        "CREATE TEMPORARY TABLE their_lines (serial bigint, line_no integer, cents bigint)"
        " ON COMMIT DROP",
    )
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy("COPY their_lines FROM STDIN") as copy:
        for line in theirs:
            if isinstance(line, Bad):
                bad.add(line)
            else:
                copy.write_row((line.serial, line.line_no, line.cents))
    sql.run(tx, "ANALYZE their_lines")
    return bad


def _keep_rejects(tx: Tx, number: int, bad: _Rejects) -> None:
    sql.run(
        tx,
        "INSERT INTO reconciliation_rejects (reconciliation_id, line_no, why)"
        " SELECT %(id)s, line_no, why FROM unnest(%(lines)s::int[], %(why)s::text[])"
        " AS given (line_no, why) ON CONFLICT DO NOTHING",
        {
            "id": number, "lines": [each.line_no for each in bad.first],
            "why": [each.why for each in bad.first],
        },
    )  # fmt: skip
