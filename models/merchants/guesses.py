"""Typed codes that were none: counted by store and by person, and each lock lasts longer.

A typed code has ten digits; who may try without end finds one of somebody's. What a QR code says
has 130 bits, and nobody counts how often that is tried.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, Column, Index, Integer, String, Table

from models import sql
from models.base import Tx, metadata, moment
from models.vouchers.verifying import Till

STORE, PERSON = "store", "person"
# So many are free: people mistype, and a till has many people.
FREE = {STORE: 30, PERSON: 10}
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)
# One is forgotten in this time. Of a merchant with ten thousand open vouchers, a store that tries
# day and night, its people together, finds one in some twenty years.
FORGETS_ONE = {STORE: timedelta(minutes=10), PERSON: timedelta(minutes=30)}
# By then all are.
FORGOTTEN_AFTER = timedelta(hours=24)

tries = Table(
    "till_tries",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("key", String(60), primary_key=True),  # "jinxiu:1", or an operator's number
    Column("failures", Integer, nullable=False),
    moment("last_at"),
    moment("locked_until", nullable=True),
    CheckConstraint("kind IN ('store', 'person')", name="kind"),
    CheckConstraint("failures >= 0", name="failures"),
    Index(None, "last_at"),
)


def hold(tx: Tx, till: Till, operator_id: int, now: datetime) -> datetime | None:
    """Until when typed codes are refused here, if they are.

    Whoever tries at the same till at the same time waits until this transaction has ended: a
    hundred guesses at once are counted one by one.
    """
    until = None
    for kind, key in _keys(till, operator_id):
        (locked_until,) = sql.one(
            tx,
            "INSERT INTO till_tries (kind, key, failures, last_at)"
            " VALUES (%(kind)s, %(key)s, 0, %(now)s)"
            " ON CONFLICT (kind, key) DO UPDATE SET kind = excluded.kind RETURNING locked_until",
            {"kind": kind, "key": key, "now": now},
        )
        until = _later(until, locked_until)
    return until if until and until > now else None


def fail(tx: Tx, till: Till, operator_id: int, now: datetime) -> datetime | None:
    """Count a code that was none, after hold(); until when the next is refused, if it is."""
    until = None
    for kind, key in _keys(till, operator_id):
        (failures,) = sql.one(
            tx,
            "UPDATE till_tries SET last_at = %(now)s,"
            " failures = 1 + greatest(0, failures - floor(extract(epoch FROM %(now)s - last_at)"
            " / %(forgets_s)s)::integer)"
            " WHERE kind = %(kind)s AND key = %(key)s RETURNING failures",
            {
                "kind": kind, "key": key, "now": now,
                "forgets_s": FORGETS_ONE[kind].total_seconds(),
            },
        )  # fmt: skip
        over = failures - FREE[kind]
        if over >= 0:
            locked_until = now + min(FIRST_LOCK * 2 ** min(over, 20), LONGEST_LOCK)
            sql.run(
                tx,
                "UPDATE till_tries SET locked_until = %(until)s"
                " WHERE kind = %(kind)s AND key = %(key)s",
                {"kind": kind, "key": key, "until": locked_until},
            )
            until = _later(until, locked_until)
    return until


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete counts whose last try was before a moment, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM till_tries WHERE ctid = ANY (ARRAY(SELECT ctid FROM till_tries"
        " WHERE last_at < %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))",
        {"before": before, "limit": limit},
    )


def _keys(till: Till, operator_id: int) -> list[tuple[str, str]]:
    """Always in this order, so that two tries never wait for each other in a circle."""
    return [(STORE, f"{till.merchant_code}:{till.store_no}"), (PERSON, str(operator_id))]


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
