"""Quotas: how often an operator may do a thing within an hour, such as looking for a number.

Counted in the database, in the transaction that does it: nobody gets more by starting anew, by
another server, or by many requests at once. Hours are those of the clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)

from models import sql
from models.base import Tx, metadata, moment

SEARCH, UNMASK, PEOPLE, COPIES, TESTS = "search", "unmask", "people", "copies", "tests"
KEPT_FOR = timedelta(days=2)

quotas = Table(
    "operator_quotas",
    metadata,
    Column("operator_id", BigInteger, nullable=False),
    Column("what", String(16), nullable=False),
    moment("hour"),
    Column("times", Integer, nullable=False),
    PrimaryKeyConstraint("operator_id", "what", "hour"),
    CheckConstraint("times > 0", name="times"),
)


def take(tx: Tx, operator_id: int, what: str, *, most: int, now: datetime) -> bool:
    """Count once more. False, and nothing counted, if this hour's `most` are used up."""
    sql.change(
        tx,
        "DELETE FROM operator_quotas WHERE operator_id = %(id)s AND hour < %(before)s",
        {"id": operator_id, "before": now - KEPT_FOR},
    )
    hour = now.replace(minute=0, second=0, microsecond=0)
    return most > 0 and (
        sql.first(
            tx,
            "INSERT INTO operator_quotas AS q (operator_id, what, hour, times)"
            " VALUES (%(id)s, %(what)s, %(hour)s, 1)"
            " ON CONFLICT (operator_id, what, hour) DO UPDATE SET times = q.times + 1"
            " WHERE q.times < %(most)s RETURNING 1",
            {"id": operator_id, "what": what, "hour": hour, "most": most},
        )
        is not None
    )
