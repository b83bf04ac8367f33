"""Standings: which tier a person has, until when; and the history of how it came to that.

    reached ──▶ up, at once            review_on: enough ──▶ kept
                                                  too little ──▶ grace ──▶ kept, as soon as enough
                                                                     └──▶ down, at the end of grace

A tier changes by a row of tier_changes alone: the standing refers to the change that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.points import day_of
from models.subscribers import Subscriber
from models.tiers import counting
from models.tiers.rules import Rules, live

UP, KEPT, GRACE, DOWN = WHY = ("up", "kept", "grace", "down")
_A_DAY = timedelta(days=1)

standings = Table(
    "tier_standings",
    metadata,
    subscriber_id(primary_key=True),
    Column("tier", String(32), nullable=False),
    Column("since", Date, nullable=False),  # days are China's
    Column("review_on", Date),  # none for the lowest tier, which cannot be lost
    Column("grace_until", Date),  # the last day of the grace that is running
    Column("counted", BigInteger, nullable=False),  # points at the last change
    Column("version", Integer, ForeignKey("tier_rules.version"), nullable=False),
    Column("change_no", Integer),  # the last change, which says the tier; none yet
    Column("told_no", Integer, nullable=False, server_default="0"),  # the last that was told
    ForeignKeyConstraint(
        ["subscriber_id", "change_no", "tier"],
        ["tier_changes.subscriber_id", "tier_changes.no", "tier_changes.to_tier"],
    ),
    CheckConstraint("counted >= 0", name="counted"),
    CheckConstraint("grace_until IS NULL OR grace_until < review_on", name="grace"),
    CheckConstraint("told_no <= coalesce(change_no, 0)", name="told"),
    Index(None, "review_on", "subscriber_id", postgresql_where=text("review_on IS NOT NULL")),
    Index("tier_standings_untold", "subscriber_id", postgresql_where=text("told_no < change_no")),
)

changes = Table(
    "tier_changes",
    metadata,
    subscriber_id(),
    Column("no", Integer, nullable=False),  # 1, 2, 3 for each person
    Column("from_tier", String(32), nullable=False),
    Column("to_tier", String(32), nullable=False),
    Column("why", String(8), nullable=False),
    Column("counted", BigInteger, nullable=False),
    Column("on_day", Date, nullable=False),
    Column("grace_until", Date),  # the grace that was running before; or the one that begins
    Column("version", Integer, ForeignKey("tier_rules.version"), nullable=False),
    Column("origin", Text, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "no"),
    UniqueConstraint("subscriber_id", "no", "to_tier"),
    CheckConstraint("why IN ('up', 'kept', 'grace', 'down')", name="why"),
    CheckConstraint("(why IN ('up', 'down')) = (from_tier <> to_tier)", name="moved"),
    CheckConstraint(
        "why <> 'down' OR (grace_until IS NOT NULL AND grace_until < on_day)",
        name="never_before_grace",
    ),
    CheckConstraint("why <> 'grace' OR grace_until IS NOT NULL", name="grace"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a person's history."""

    subscriber_id: int
    no: int
    from_tier: str
    to_tier: str
    why: str
    counted: int
    on_day: date
    grace_until: date | None
    version: int
    origin: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """A standing as it is stored, and the points that count now."""

    subscriber_id: int
    tier: str
    review_on: date | None
    grace_until: date | None
    change_no: int
    counted: int


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a standing: the new one, and why."""

    was: Row
    tier: str
    why: str
    review_on: date | None
    grace_until: date | None


def decide(rules: Rules, row: Row, today: date, *, reviewing: bool) -> Next | None:
    """What the rules make of a standing today, or None where it stays as it is."""
    has, reached = rules.rank(row.tier), rules.rank(rules.reached(row.counted).code)
    if reached > has:
        return Next(row, rules.tiers[reached].code, UP, rules.review_after(today), None)
    if reached == has and row.grace_until is not None:
        return Next(row, row.tier, KEPT, rules.review_after(today), None)
    if not reviewing or row.review_on is None or row.review_on > today:
        return None
    if reached == has:
        return Next(row, row.tier, KEPT, rules.review_after(today) if has else None, None)
    if row.grace_until is None:
        until = rules.grace_until(today)
        return Next(row, row.tier, GRACE, until + _A_DAY, until)
    review_on = rules.review_after(today) if reached else None
    return Next(row, rules.tiers[reached].code, DOWN, review_on, None)


def earned(
    tx: Tx, subscriber_ids: Sequence[int], now: datetime, *, origin: str = "earned",
    tell: bool = True,
) -> list[Change]:  # fmt: skip
    """Raise whoever has points enough for a higher tier now; returns what changed.

    For whoever moves points, in the same transaction, after the legs are written: a batch costs
    four statements, whatever its size. A grace ends here, too, once there are points enough.
    `tell` False has nobody told.
    """
    rules, people = live(tx), sorted({one for one in subscriber_ids if one > 0})
    if rules is None or not people:
        return []
    hold(tx, rules, people, now)
    if not counting.count(tx, rules.counting, people):
        return []
    return settle(tx, rules, people, now, reviewing=False, origin=origin, tell=tell)


def qualify(
    tx: Tx, subscriber: Subscriber, now: datetime, *, origin: str = "earned"
) -> Change | None:
    """Raise one person, if their points are enough for it."""
    return next(iter(earned(tx, [subscriber.id], now, origin=origin)), None)


def review_due(tx: Tx, now: datetime, limit: int, *, due_by: date | None = None) -> list[Change]:
    """Review at most `limit` of the people whose review is due; an empty list: nobody is left.

    Each is looked at once, kept, given one period of grace, or lowered when that has passed; so it
    can be called again and again, by several at once. `due_by`: only who was due by that day.
    """
    rules, today = live(tx), day_of(now)
    if rules is None:
        return []
    due = sql.rows(
        tx,
        "SELECT subscriber_id FROM tier_standings WHERE review_on <= %(day)s"
        " ORDER BY review_on, subscriber_id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED",
        {"day": min(due_by or today, today), "limit": limit},
    )
    people = sorted(row[0] for row in due)
    if not people:
        return []
    counting.count(tx, rules.counting, people)
    return settle(tx, rules, people, now, reviewing=True, origin=f"review {today}", tell=True)


def recount(
    tx: Tx, subscriber_ids: Sequence[int], now: datetime, *, tell: bool = False
) -> list[Change]:
    """Count all legs of these people anew, and raise who has points enough: nobody is lowered."""
    rules, people = live(tx), sorted({one for one in subscriber_ids if one > 0})
    if rules is None or not people:
        return []
    hold(tx, rules, people, now)
    counting.count_anew(tx, rules.counting, people)
    return settle(tx, rules, people, now, reviewing=False, origin="recount", tell=tell)


_READ = """
    SELECT s.subscriber_id, s.tier, s.review_on, s.grace_until, coalesce(s.change_no, 0), c.counted
    FROM tier_standings s, LATERAL (
        SELECT greatest(coalesce(sum(m.earned * %(earned)s + m.spent * %(spent)s), 0), 0)::bigint
                   AS counted
        FROM tier_months m
        WHERE m.subscriber_id = s.subscriber_id AND m.counting = %(counting)s
          AND m.month >= %(first)s) c
    WHERE s.subscriber_id = ANY (%(ids)s) AND (%(all)s
        OR width_bucket(c.counted, %(thresholds)s::bigint[])
           >= array_position(%(codes)s::text[], s.tier::text) + (s.grace_until IS NULL)::int)
"""


def settle(
    tx: Tx, rules: Rules, people: Sequence[int], now: datetime, *, reviewing: bool, origin: str,
    tell: bool,
) -> list[Change]:  # fmt: skip
    """Decide for people whose standings the caller holds and has counted; returns what changed."""
    today = day_of(now)
    values = {
        "ids": list(people), "counting": rules.counting.key, "first": rules.first_month(today),
        "earned": rules.weigh(1, 0), "spent": rules.weigh(0, 1), "all": reviewing,
        "thresholds": [tier.threshold for tier in rules.tiers],
        "codes": [tier.code for tier in rules.tiers],
    }  # fmt: skip
    rows = [Row(*row) for row in sql.rows(tx, _READ, values)]
    decided = [decide(rules, row, today, reviewing=reviewing) for row in rows]
    return write(tx, rules, [one for one in decided if one], now, origin, tell)


_WRITE = """
    WITH decided AS (
        SELECT * FROM unnest(
            %(ids)s::bigint[], %(nos)s::int[], %(was)s::text[], %(tiers)s::text[], %(whys)s::text[],
            %(counted)s::bigint[], %(reviews)s::date[], %(graces)s::date[], %(before)s::date[])
            AS d (id, no, was, tier, why, counted, review_on, grace_until, grace_before)),
    stood AS (
        UPDATE tier_standings s
        SET tier = d.tier, since = CASE WHEN d.tier = d.was THEN s.since ELSE %(today)s END,
            review_on = d.review_on, grace_until = d.grace_until, counted = d.counted,
            version = %(version)s, change_no = d.no,
            told_no = CASE WHEN %(tell)s THEN s.told_no ELSE d.no END
        FROM decided d WHERE s.subscriber_id = d.id)
    INSERT INTO tier_changes (subscriber_id, no, from_tier, to_tier, why, counted, on_day,
                              grace_until, version, origin, at)
    SELECT id, no, was, tier, why, counted, %(today)s, coalesce(grace_until, grace_before),
           %(version)s, %(origin)s, %(now)s
    FROM decided ORDER BY id
    RETURNING subscriber_id, no, from_tier, to_tier, why, counted, on_day, grace_until, version,
              origin, at
"""


def write(
    tx: Tx, rules: Rules, decided: Sequence[Next], now: datetime, origin: str, tell: bool
) -> list[Change]:
    """Write down what was decided of standings that the caller holds; returns what changed."""
    if not decided:
        return []
    values = {
        "ids": [one.was.subscriber_id for one in decided],
        "nos": [one.was.change_no + 1 for one in decided],
        "was": [one.was.tier for one in decided],
        "tiers": [one.tier for one in decided],
        "whys": [one.why for one in decided],
        "counted": [one.was.counted for one in decided],
        "reviews": [one.review_on for one in decided],
        "graces": [one.grace_until for one in decided],
        "before": [one.was.grace_until for one in decided],
        "today": day_of(now), "version": rules.version, "tell": tell, "origin": origin, "now": now,
    }  # fmt: skip
    return [Change(*row) for row in sql.rows(tx, _WRITE, values)]


def hold(tx: Tx, rules: Rules, people: Sequence[int], now: datetime) -> None:
    """Lock the standings of these people, the lower id first, made where there are none yet."""
    values = {
        "ids": list(people), "tier": rules.lowest.code, "today": day_of(now),
        "version": rules.version,
    }  # fmt: skip
    if sql.change(tx, _LOCK, values) < len(people):
        sql.change(
            tx,
            "INSERT INTO tier_standings (subscriber_id, tier, since, counted, version)"
            " SELECT id, %(tier)s, %(today)s, 0, %(version)s FROM unnest(%(ids)s::bigint[]) id"
            " ORDER BY id ON CONFLICT (subscriber_id) DO NOTHING",
            values,
        )
        sql.change(tx, _LOCK, values)  # whoever else has just made one of them is waited for


_LOCK = (
    "SELECT FROM tier_standings WHERE subscriber_id = ANY (%(ids)s)"
    " ORDER BY subscriber_id FOR NO KEY UPDATE"
)
