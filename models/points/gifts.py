"""Gifts: points from one person to another, so many times and so many points a day.

The day is China's. Who gives counts; who receives need not even be there. How many numbers a person
tries is counted, too: who tries many would learn who is with us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Integer,
    PrimaryKeyConstraint,
    Table,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata, subscriber_id
from models.points.accounts import day_of
from models.points.ledger import Cause, Transfer, find, transfer
from models.subscribers import Subscriber, family, still_there

GIFT = "gift"  # the reason of the transfer
gift_days = Table(
    "points_gift_days",
    metadata,
    subscriber_id(),
    Column("day", Date, nullable=False),
    Column("gifts", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    # The limits at the last gift.
    Column("most_gifts", Integer, nullable=False),
    Column("most_points", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),  # numbers, given to or not
    Column("most_tries", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("subscriber_id", "day"),
    CheckConstraint("gifts >= 0 AND gifts <= most_gifts", name="gifts"),
    CheckConstraint("points >= gifts AND points <= most_points", name="points"),
    CheckConstraint("tries >= 0 AND tries <= most_tries", name="tries"),
)


@dataclass(frozen=True, slots=True)
class GiftLimits:
    """What one person may give within a day, and how many numbers they may try."""

    gifts_a_day: int
    points_a_day: int
    tries_a_day: int = 20


@dataclass(frozen=True, slots=True)
class Given:
    """What a person has given today."""

    gifts: int = 0
    points: int = 0

    def left(self, limits: GiftLimits) -> int:
        """How many points more they may give today."""
        if self.gifts >= limits.gifts_a_day:
            return 0
        return max(0, limits.points_a_day - self.points)


@dataclass(frozen=True, slots=True)
class Made:
    """A gift as its giver sees it later."""

    serial: int
    at: datetime
    payee: int
    points: int


class OverLimit(Exception):
    """A daily limit is reached: `limit` is "gifts" or "points", `left` is what it still allows."""

    def __init__(self, limit: str, left: int) -> None:
        super().__init__(f"only {left} {limit} more can be given today")
        self.limit = limit
        self.left = left


class ToOneself(Exception):
    """A gift needs two people."""


class NobodyThere(Exception):
    """Who should receive it has had their data deleted."""


def give(
    tx: Tx, *, payer: Subscriber, payee: Subscriber, points: int, limits: GiftLimits, cause: Cause,
    now: datetime,
) -> Transfer:  # fmt: skip
    """Give points, the soonest to expire first; they keep their kinds and dates.

    Raises ToOneself, NobodyThere, OverLimit, NotEnough and Merged, which leave the key unused and
    count for nothing.
    The same key again returns the first gift, and counts once.
    """
    if payer.id == payee.id:
        raise ToOneself
    if HOUSE in (payer.id, payee.id):
        raise ValueError("a gift is between two people")
    if points <= 0:
        raise ValueError("a gift is one point at least")
    if find(tx, cause.key) is None and not still_there(tx, payee.id):
        raise NobodyThere
    day = day_of(now)
    # Whoever else gives in this person's name waits here, the same gift a second time as well.
    given = _lock_day(tx, payer, day)
    if find(tx, cause.key) is None:
        _check(given, points, limits)
    made = transfer(tx, payer=payer, payee=payee, points=points, cause=cause, now=now)
    if made.fresh and not _count(tx, payer, day, points, limits):
        raise AssertionError("the day was held")
    return made


def given_today(tx: Tx, payer: Subscriber, *, now: datetime) -> Given:
    """What this person has given today, for the question that comes before a gift."""
    row = sql.first(
        tx,
        "SELECT gifts, points FROM points_gift_days WHERE subscriber_id = %(id)s AND day = %(day)s",
        {"id": payer.id, "day": day_of(now)},
    )
    return Given(*row) if row else Given()


def try_number(tx: Tx, payer: Subscriber, *, limits: GiftLimits, now: datetime) -> bool:
    """Count one more number that this person looks for. False if today's are used up."""
    counted = sql.change(
        tx,
        "INSERT INTO points_gift_days AS d (subscriber_id, day, gifts, points, most_gifts,"
        " most_points, tries, most_tries)"
        " SELECT %(id)s, %(day)s, 0, 0, 0, 0, 1, %(most)s WHERE %(most)s > 0"
        " ON CONFLICT (subscriber_id, day) DO UPDATE"
        " SET tries = d.tries + 1, most_tries = excluded.most_tries"
        " WHERE d.tries < excluded.most_tries",
        {"id": payer.id, "day": day_of(now), "most": limits.tries_a_day},
    )
    return counted == 1


def tried_too_many(tx: Tx, payer: Subscriber, *, limits: GiftLimits, now: datetime) -> bool:
    """Whether this person has looked for more numbers today than they may, and one besides."""
    tries = sql.maybe_value(
        tx,
        "SELECT tries FROM points_gift_days WHERE subscriber_id = %(id)s AND day = %(day)s",
        {"id": payer.id, "day": day_of(now)},
    )
    return int(tries or 0) > limits.tries_a_day


def made(tx: Tx, payer: Subscriber, serial: int) -> Made | None:
    """A gift that this person has made, or None; of those, too, whom they took over."""
    row = sql.first(
        tx,
        "SELECT t.serial, t.at, max(l.payee_id), sum(l.points)::bigint FROM points_transfers t"
        " JOIN points_legs l ON l.serial = t.serial"
        " WHERE t.serial = %(serial)s AND t.reason = %(reason)s AND l.payer_id = ANY (%(ids)s)"
        " GROUP BY t.serial, t.at",
        {"serial": serial, "reason": GIFT, "ids": family(tx, payer.id)},
    )
    return Made(*row) if row else None


def hold_days(tx: Tx, people: Sequence[int], *, now: datetime) -> None:
    """Let none of these people give until the transaction ends."""
    sql.run(
        tx,
        "SELECT 1 FROM points_gift_days WHERE subscriber_id = ANY (%(people)s) AND day >= %(day)s"
        " ORDER BY subscriber_id, day FOR NO KEY UPDATE",
        {"people": list(people), "day": day_of(now)},
    )


def merge_days(tx: Tx, *, source: int, target: int, now: datetime) -> None:
    """Let what `source` gave today count for `target`, though it be more than anybody may."""
    sql.change(
        tx,
        "INSERT INTO points_gift_days AS d"
        " (subscriber_id, day, gifts, points, most_gifts, most_points, tries, most_tries)"
        " SELECT %(target)s, day, gifts, points, most_gifts, most_points, tries, most_tries"
        " FROM points_gift_days WHERE subscriber_id = %(source)s AND day >= %(day)s"
        " ON CONFLICT (subscriber_id, day) DO UPDATE"
        " SET gifts = d.gifts + excluded.gifts, points = d.points + excluded.points,"
        " tries = d.tries + excluded.tries,"
        " most_tries = greatest(d.most_tries, d.tries + excluded.tries),"
        " most_gifts = greatest(d.most_gifts, d.gifts + excluded.gifts),"
        " most_points = greatest(d.most_points, d.points + excluded.points)",
        {"source": source, "target": target, "day": day_of(now)},
    )


def _lock_day(tx: Tx, payer: Subscriber, day: date) -> Given:
    row = sql.one(
        tx,
        "INSERT INTO points_gift_days AS d"
        " (subscriber_id, day, gifts, points, most_gifts, most_points)"
        " VALUES (%(id)s, %(day)s, 0, 0, 0, 0)"
        " ON CONFLICT (subscriber_id, day) DO UPDATE SET gifts = d.gifts"
        " RETURNING d.gifts, d.points",
        {"id": payer.id, "day": day},
    )
    return Given(*row)


def _check(given: Given, points: int, limits: GiftLimits) -> None:
    if given.gifts >= limits.gifts_a_day:
        raise OverLimit("gifts", 0)
    if given.points + points > limits.points_a_day:
        raise OverLimit("points", max(0, limits.points_a_day - given.points))


def _count(tx: Tx, payer: Subscriber, day: date, points: int, limits: GiftLimits) -> bool:
    """Count one more gift; False if a limit stands against it."""
    counted = sql.change(
        tx,
        "UPDATE points_gift_days SET gifts = gifts + 1, points = points + %(points)s,"
        " most_gifts = %(most_gifts)s, most_points = %(most_points)s"
        " WHERE subscriber_id = %(id)s AND day = %(day)s"
        " AND gifts < %(most_gifts)s AND points + %(points)s <= %(most_points)s",
        {
            "id": payer.id, "day": day, "points": points, "most_gifts": limits.gifts_a_day,
            "most_points": limits.points_a_day,
        },
    )  # fmt: skip
    return counted == 1
