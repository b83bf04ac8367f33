"""What a person has earned and spent, month by month, counted from the ledger's legs once.

    points_legs ──the legs that no mark has passed──▶ tier_months (earned, spent)
                                                     tier_marks  (how far each lot is counted)

The ledger numbers the legs of a lot in the order of their commits, without gaps, and the lot's row
says how many there are. So a mark per lot misses no leg and takes none twice, which neither a
serial nor a time could promise; and it costs what is new, however long the history is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from models import sql
from models.base import Tx, metadata, subscriber_id
from models.tiers.rules import Counting

months = Table(
    "tier_months",
    metadata,
    subscriber_id(),
    Column("counting", String(12), nullable=False),  # the key of the way of counting
    Column("month", Date, nullable=False),  # its first day, in China
    # Net: what was refunded or reversed is off again, in the month when it had been added.
    Column("earned", BigInteger, nullable=False),
    Column("spent", BigInteger, nullable=False),
    PrimaryKeyConstraint("subscriber_id", "counting", "month"),
    CheckConstraint("extract(day FROM month) = 1", name="month"),
)

marks = Table(
    "tier_marks",
    metadata,
    subscriber_id(),
    Column("counting", String(12), nullable=False),
    Column("kind", String(48), nullable=False),  # of the lot, as in points_accounts
    Column("expires_on", Date, nullable=False),
    Column("legs", Integer, nullable=False),  # the number of the last leg that is counted
    Column("stripe", SmallInteger, nullable=False, server_default="0"),  # of the lot, too
    PrimaryKeyConstraint("subscriber_id", "counting", "kind", "expires_on", "stripe"),
    CheckConstraint("legs > 0", name="legs"),
)

# A function of the database (migrations/0019): of each lot of these people, and of whoever was
# merged into them, that has legs which are not counted yet: what they add to which month of whom
# (counts_for). Its plan is made once, not for every event.
_FRESH = (
    "tiers_fresh(%(ids)s, %(counting)s, %(earned_from)s, %(earned_kinds)s, %(spent_into)s,"
    " %(except)s)"
)
_COUNT = f"""
    WITH fresh AS MATERIALIZED (SELECT * FROM {_FRESH}),
    marked AS (
        INSERT INTO tier_marks AS m (subscriber_id, counting, kind, expires_on, stripe, legs)
        SELECT DISTINCT subscriber_id, %(counting)s, kind, expires_on, stripe, legs FROM fresh
        ON CONFLICT (subscriber_id, counting, kind, expires_on, stripe)
        DO UPDATE SET legs = excluded.legs)
    INSERT INTO tier_months AS m (subscriber_id, counting, month, earned, spent)
    SELECT counts_for, %(counting)s, month, sum(earned), sum(spent) FROM fresh
    WHERE earned <> 0 OR spent <> 0 GROUP BY counts_for, month
    ON CONFLICT (subscriber_id, counting, month)
    DO UPDATE SET earned = m.earned + excluded.earned, spent = m.spent + excluded.spent
"""
_MONTHS = f"""
    SELECT month, sum(earned)::bigint, sum(spent)::bigint FROM (
        SELECT month, earned, spent FROM tier_months
        WHERE subscriber_id = ANY (%(ids)s) AND counting = %(counting)s
        UNION ALL SELECT month, earned, spent FROM {_FRESH}) seen
    WHERE month >= %(first)s GROUP BY month ORDER BY month
"""


def count(tx: Tx, counting: Counting, subscriber_ids: Sequence[int]) -> int:
    """Count the legs of these people that are not counted yet; the caller holds their standings.

    Returns how many months have changed.
    """
    return sql.change(tx, _COUNT, _values(counting, subscriber_ids))


def count_anew(tx: Tx, counting: Counting, subscriber_ids: Sequence[int]) -> None:
    """Forget what was counted for these people, in whatever way, and count all their legs."""
    for table in ("tier_months", "tier_marks"):
        sql.change(
            tx,
            f"DELETE FROM {table} WHERE subscriber_id = ANY (%(ids)s) OR subscriber_id IN"
            " (SELECT id FROM subscribers WHERE merged_into = ANY (%(ids)s))",
            {"ids": list(subscriber_ids)},
        )
    count(tx, counting, subscriber_ids)


def merge(tx: Tx, *, source: int, target: int) -> None:
    """Let the months of `source` be those of `target`, whatever way they were counted.

    The marks stay: they say how far the source's own legs are counted.
    """
    sql.change(
        tx,
        "WITH gone AS (DELETE FROM tier_months WHERE subscriber_id = %(source)s"
        " RETURNING counting, month, earned, spent)"
        " INSERT INTO tier_months AS m (subscriber_id, counting, month, earned, spent)"
        " SELECT %(target)s, counting, month, earned, spent FROM gone"
        " ON CONFLICT (subscriber_id, counting, month)"
        " DO UPDATE SET earned = m.earned + excluded.earned, spent = m.spent + excluded.spent",
        {"source": source, "target": target},
    )


def by_month(
    tx: Tx, counting: Counting, subscriber_id: int, *, first: date
) -> list[tuple[date, int, int]]:
    """Month, earned and spent from a month on, with what is not counted yet; changes nothing."""
    values = _values(counting, [subscriber_id]) | {"first": first}
    return [(month, earned, spent) for month, earned, spent in sql.rows(tx, _MONTHS, values)]


def _values(counting: Counting, subscriber_ids: Sequence[int]) -> dict[str, Any]:
    return {
        "ids": list(subscriber_ids), "counting": counting.key,
        "earned_from": list(counting.earned_from), "earned_kinds": list(counting.earned_kinds),
        "spent_into": list(counting.spent_into), "except": list(counting.except_reasons),
    }  # fmt: skip
