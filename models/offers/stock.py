"""How much of an offer is left, and how many a person has taken: never more than its limits say.

Both are counts that a guarded UPDATE raises, so of two who want the last one the second waits for
the first and then sees that nothing is left; a CHECK holds whoever forgets the guard.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)

from models import sql
from models.base import Tx, metadata, subscriber_id
from models.offers.terms import NotOffered, Offer
from models.points import NEVER, day_of
from models.subscribers import Subscriber

# The row that counts all days of a person.
EVER = NEVER

# An offer without a row here has no limit in number.
stock = Table(
    "offer_stock",
    metadata,
    Column("offer_code", String(32), ForeignKey("offers.code"), primary_key=True),
    Column("total", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    CheckConstraint("taken BETWEEN 0 AND total", name="never_more"),
)

takings = Table(
    "offer_takings",
    metadata,
    subscriber_id(),
    Column("offer_code", String(32), ForeignKey("offers.code"), nullable=False),
    Column("day", Date, nullable=False),  # in China; EVER: all of them
    Column("taken", Integer, nullable=False),
    PrimaryKeyConstraint("subscriber_id", "offer_code", "day"),
    CheckConstraint("taken >= 0", name="counted"),
)


class LessThanTaken(Exception):
    """The new total is below what has been taken: `taken`."""

    def __init__(self, taken: int) -> None:
        super().__init__(f"{taken} have been taken already")
        self.taken = taken


def set_total(tx: Tx, offer_code: str, total: int) -> None:
    """How many there are in all. Raises LessThanTaken."""
    changed = sql.change(
        tx,
        "UPDATE offer_stock SET total = %(total)s"
        " WHERE offer_code = %(code)s AND taken <= %(total)s",
        {"code": offer_code, "total": total},
    )
    if changed:
        return
    if left(tx, offer_code) is None:
        # It had no limit until now: what has been taken meanwhile counts.
        taken = sql.value(
            tx,
            "SELECT count(*) FROM vouchers WHERE offer_code = %(code)s"
            " AND state NOT IN ('refunded', 'given')",
            {"code": offer_code},
        )
        if taken <= total:
            sql.run(
                tx,
                "INSERT INTO offer_stock (offer_code, total, taken)"
                " VALUES (%(code)s, %(total)s, %(taken)s)",
                {"code": offer_code, "total": total, "taken": taken},
            )
            return
        raise LessThanTaken(taken)
    raise LessThanTaken(_taken(tx, offer_code))


def lift_total(tx: Tx, offer_code: str) -> None:
    """No limit in number any more. Raises LessThanTaken where some have been counted already."""
    gone = sql.change(
        tx, "DELETE FROM offer_stock WHERE offer_code = %(code)s AND taken = 0",
        {"code": offer_code},
    )  # fmt: skip
    if not gone and left(tx, offer_code) is not None:
        raise LessThanTaken(_taken(tx, offer_code))


def _taken(tx: Tx, offer_code: str) -> int:
    return int(
        sql.value(tx, "SELECT taken FROM offer_stock WHERE offer_code = %(c)s", {"c": offer_code})
    )


def left(tx: Tx, offer_code: str) -> int | None:
    """How many are left; None where there is no limit."""
    found: int | None = sql.maybe_value(
        tx,
        "SELECT total - taken FROM offer_stock WHERE offer_code = %(code)s",
        {"code": offer_code},
    )
    return found


def count_person(tx: Tx, offer: Offer, who: Subscriber, now: datetime) -> None:
    """Count one more for this person. Raises NotOffered ("person_limit", "day_limit")."""
    for why, day, limit in _limits(offer, now):
        counted = sql.change(
            tx,
            "INSERT INTO offer_takings AS t (subscriber_id, offer_code, day, taken)"
            " VALUES (%(id)s, %(code)s, %(day)s, 1) ON CONFLICT (subscriber_id, offer_code, day)"
            " DO UPDATE SET taken = t.taken + 1 WHERE t.taken < %(limit)s",
            {"id": who.id, "code": offer.code, "day": day, "limit": limit},
        )
        if not counted:
            raise NotOffered(why, limit=limit)


def take(tx: Tx, offer: Offer) -> None:
    """Take one, as the last thing of a transaction: others wait for it. NotOffered ("sold_out")."""
    taken = sql.change(
        tx,
        "UPDATE offer_stock SET taken = taken + 1 WHERE offer_code = %(code)s AND taken < total",
        {"code": offer.code},
    )
    if not taken and left(tx, offer.code) is not None:
        raise NotOffered("sold_out")


def give_back(tx: Tx, offer: Offer, *, subscriber_id: int, taken_at: datetime) -> None:
    """One that was taken is free again, for this person's limits too."""
    uncount(tx, offer, subscriber_id=subscriber_id, taken_at=taken_at)
    sql.run(
        tx,
        "UPDATE offer_stock SET taken = taken - 1 WHERE offer_code = %(code)s AND taken > 0",
        {"code": offer.code},
    )


def uncount(tx: Tx, offer: Offer, *, subscriber_id: int, taken_at: datetime) -> None:
    """One that was taken counts no more for this person."""
    for _, day, _ in _limits(offer, taken_at):
        sql.run(
            tx,
            "UPDATE offer_takings SET taken = taken - 1 WHERE subscriber_id = %(id)s"
            " AND offer_code = %(code)s AND day = %(day)s AND taken > 0",
            {"id": subscriber_id, "code": offer.code, "day": day},
        )


def may_count(tx: Tx, offer: Offer, who: Subscriber, now: datetime) -> None:
    """Raises NotOffered where count_person() would; changes nothing."""
    for why, day, limit in _limits(offer, now):
        taken = sql.maybe_value(
            tx,
            "SELECT taken FROM offer_takings WHERE subscriber_id = %(id)s"
            " AND offer_code = %(code)s AND day = %(day)s",
            {"id": who.id, "code": offer.code, "day": day},
        )
        if (taken or 0) >= limit:
            raise NotOffered(why, limit=limit)


def merge(tx: Tx, *, source: int, target: int) -> None:
    """What `source` has taken counts for `target` from now on; the caller holds both."""
    sql.run(
        tx,
        "WITH moved AS (DELETE FROM offer_takings WHERE subscriber_id = %(source)s"
        " RETURNING offer_code, day, taken)"
        " INSERT INTO offer_takings AS t (subscriber_id, offer_code, day, taken)"
        " SELECT %(target)s, offer_code, day, taken FROM moved ORDER BY offer_code, day"
        " ON CONFLICT (subscriber_id, offer_code, day)"
        " DO UPDATE SET taken = t.taken + excluded.taken",
        {"source": source, "target": target},
    )


def _limits(offer: Offer, now: datetime) -> list[tuple[str, date, int]]:
    limits = []
    if offer.per_person_day is not None:
        limits.append(("day_limit", day_of(now), offer.per_person_day))
    if offer.per_person is not None:
        limits.append(("person_limit", EVER, offer.per_person))
    return limits
