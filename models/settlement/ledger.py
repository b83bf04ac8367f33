"""The merchant's ledger: its verifications day by day, and what has become of each.

pending (not due yet) ─▶ due ─▶ stated (in a statement)          undone, within ten minutes
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from models import sql
from models.base import Tx
from models.points import SHANGHAI, day_of

STATES = PENDING, DUE, STATED, UNDONE = ("pending", "due", "stated", "undone")
Key = tuple[datetime, int, int]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at: days of verification in China, both included; a store; a state."""

    merchant: str
    first: date
    last: date
    store_no: int | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A verification; `statement` is the number of the one that has it. Hundredths of a fen."""

    at: datetime
    voucher_id: int
    no: int
    serial: int
    title: str
    store_no: int
    points: int
    cents: int
    due_on: date
    state: str
    statement: int | None
    deducted: int  # of its cents, by this statement or a later one

    @property
    def key(self) -> Key:
        return self.at, self.voucher_id, self.no


@dataclass(frozen=True, slots=True)
class Total:
    """Of a day, or of all that was asked for (`day` None). Hundredths of a fen."""

    day: date | None
    lines: int
    points: int
    cents: int


_STATE = """CASE WHEN n.undone_at IS NOT NULL THEN 'undone' WHEN s.id IS NOT NULL THEN 'stated'
    WHEN n.due_on <= %(today)s THEN 'due' ELSE 'pending' END"""
_FROM = f"""
    FROM verifications n JOIN vouchers v
        ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id
    LEFT JOIN settlement_statements s ON s.merchant_code = n.merchant_code
        AND n.due_on BETWEEN s.first AND s.last AND n.undone_at IS NULL
    LEFT JOIN settlement_deductions d ON d.subscriber_id = n.subscriber_id
        AND d.voucher_id = n.voucher_id AND n.undone_at IS NULL
    WHERE n.merchant_code = %(merchant)s AND n.at >= %(since)s AND n.at < %(until)s
        AND (%(store)s::int IS NULL OR n.store_no = %(store)s)
        AND (%(state)s::text IS NULL OR {_STATE} = %(state)s)
"""


def entries(
    tx: Tx, asked: Asked, *, now: datetime, limit: int, before: Key | None = None
) -> list[Entry]:
    """Verifications, the newest first; the next page begins `before` the key of the last one."""
    values = _values(asked, now) | {"limit": limit}
    more = ""
    if before is not None:
        more = " AND (n.at, n.voucher_id, n.no) < (%(at)s, %(id)s, %(no)s)"
        values |= dict(zip(("at", "id", "no"), before, strict=True))
    rows = sql.rows(
        tx,
        "SELECT n.at, v.id, n.no, v.serial, v.title, n.store_no, v.price_points, n.cents,"
        f" n.due_on, {_STATE}, s.id, coalesce(d.cents, 0) {_FROM}{more}"
        " ORDER BY n.at DESC, n.voucher_id DESC, n.no DESC LIMIT %(limit)s",
        values,
    )
    return [Entry(*row) for row in rows]


def totals(tx: Tx, asked: Asked, *, now: datetime) -> list[Total]:
    """Of each day that has a line, the newest first, and last of all of them; deductions off.

    What was undone counts only where it is asked for.
    """
    rows = sql.rows(
        tx,
        "SELECT (n.at AT TIME ZONE 'Asia/Shanghai')::date AS day, count(*),"
        f" sum(v.price_points)::bigint, sum(n.cents - coalesce(d.cents, 0))::bigint {_FROM}"
        " AND (n.undone_at IS NULL OR %(state)s = 'undone')"
        " GROUP BY ROLLUP (day) ORDER BY day DESC NULLS LAST",
        _values(asked, now),
    )
    return [Total(row[0], row[1], row[2] or 0, row[3] or 0) for row in rows]


def unstated(tx: Tx, merchant: str) -> Total:
    """All that stands and is in no statement yet, less what will be taken off; its `day` is when
    the first of it falls due."""
    row = sql.one(
        tx,
        "WITH stated (last) AS (SELECT coalesce(max(last), '-infinity'::date)"
        " FROM settlement_statements WHERE merchant_code = %(merchant)s)"
        " SELECT min(n.due_on), count(*), coalesce(sum(v.price_points), 0)::bigint,"
        " (coalesce(sum(n.cents), 0) - (SELECT coalesce(sum(d.cents), 0)"
        " FROM settlement_deductions d, stated WHERE d.merchant_code = %(merchant)s"
        " AND d.on_day > stated.last))::bigint FROM stated, verifications n JOIN vouchers v"
        " ON v.subscriber_id = n.subscriber_id AND v.id = n.voucher_id"
        " WHERE n.merchant_code = %(merchant)s AND n.undone_at IS NULL AND n.due_on > stated.last",
        {"merchant": merchant},
    )
    return Total(*row)


def _values(asked: Asked, now: datetime) -> dict[str, object]:
    return {
        "merchant": asked.merchant, "store": asked.store_no, "state": asked.state,
        "today": day_of(now), "since": _midnight(asked.first),
        "until": _midnight(asked.last + timedelta(days=1)),
    }  # fmt: skip


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
