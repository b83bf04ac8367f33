"""Warnings of expiry: who is about to lose points, each told once for a day and a horizon.

    points_warning_days (expires_on, unit, days_ahead)   how far the walk over that day's lots is
    points_warnings     (person, expires_on, days_ahead) who was told, of how many points

Whoever tells them (workers/points_clock.py) does it in the transaction that took them.
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
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.points.accounts import KINDS, UNITS, day_of
from models.points.expiry import NO_LIMIT, last_owner
from models.subscribers import Subscriber

# A warning that could not be given on its day is given so many days later at most: the next
# horizon has it then.
CATCH_UP_DAYS = 3
BATCH = 500  # accounts looked at in one transaction

days = Table(
    "points_warning_days",
    metadata,
    Column("expires_on", Date, nullable=False),
    Column("unit", String(8), nullable=False),
    Column("days_ahead", SmallInteger, nullable=False),
    Column("cursor", BigInteger, nullable=False, server_default="0"),  # the last owner looked at
    Column("people", Integer, nullable=False, server_default="0"),  # who were told
    moment("started_at"),
    moment("finished_at", nullable=True),
    PrimaryKeyConstraint("expires_on", "unit", "days_ahead"),
    CheckConstraint("unit IN ('points', 'coins')", name="unit"),
    CheckConstraint("days_ahead > 0 AND people >= 0", name="counts"),
    Index(
        "points_warning_days_open", "expires_on", "unit", "days_ahead",
        postgresql_where=text("finished_at IS NULL"),
    ),
)  # fmt: skip

warnings = Table(
    "points_warnings",
    metadata,
    subscriber_id(),
    Column("unit", String(8), nullable=False),
    Column("expires_on", Date, nullable=False),
    Column("days_ahead", SmallInteger, nullable=False),
    Column("points", BigInteger, nullable=False),  # all that expire on that day
    Column("owed_id", BigInteger, nullable=False),  # the message, while the outbox keeps it
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "unit", "expires_on", "days_ahead"),
    CheckConstraint("unit IN ('points', 'coins')", name="unit"),
    CheckConstraint("points > 0 AND days_ahead > 0", name="positive"),
)


@dataclass(frozen=True, slots=True)
class Warned:
    """Somebody to tell: `points` of the `usable` ones can be used until `expires_on`."""

    who: Subscriber
    unit: str
    expires_on: date
    days_ahead: int
    points: int
    usable: int


def begin(tx: Tx, *, days_ahead: Sequence[int], now: datetime) -> int:
    """Have the owners of what expires so many days from now warned; returns how many walks began.

    Days that were missed are made up for, within CATCH_UP_DAYS and before the next horizon.
    """
    today, begun = day_of(now), 0
    for ahead in days_ahead:
        nearer = max((other + 1 for other in days_ahead if other < ahead), default=0)
        begun += sql.change(
            tx,
            "INSERT INTO points_warning_days (expires_on, unit, days_ahead, started_at)"
            " SELECT %(today)s::date + n, unit, %(ahead)s, %(now)s"
            " FROM generate_series(%(from)s::int, %(ahead)s) n, unnest(%(units)s::text[]) unit"
            " ON CONFLICT DO NOTHING",
            {
                "today": today, "ahead": ahead, "from": max(nearer, ahead - CATCH_UP_DAYS),
                "units": list(UNITS), "now": now,
            },
        )  # fmt: skip
    return begun


# The most urgent first.
_NEXT = """
    SELECT expires_on, unit, days_ahead FROM points_warning_days WHERE finished_at IS NULL
    ORDER BY days_ahead, expires_on, unit DESC LIMIT 1
"""
_HOLD = """
    SELECT cursor FROM points_warning_days
    WHERE expires_on = %(day)s AND unit = %(unit)s AND days_ahead = %(ahead)s
      AND finished_at IS NULL FOR NO KEY UPDATE
"""
# Who cannot be written to finds it in the mailbox. Nobody for less than is worth a message.
_PEOPLE = """
    SELECT s.id, s.status, s.opted_out_at IS NOT NULL, w.address, n.address, w.open_until,
        soon.points, (
        SELECT sum(a.balance)::bigint FROM points_accounts a
        WHERE a.subscriber_id = s.id AND a.unit = %(unit)s AND a.kind = ANY (%(kinds)s)
          AND a.expires_on >= %(today)s)
    FROM (
        SELECT subscriber_id, sum(balance)::bigint AS points FROM points_accounts
        WHERE expires_on = %(day)s AND subscriber_id > %(cursor)s AND subscriber_id <= %(until)s
          AND subscriber_id <> 0 AND unit = %(unit)s AND kind = ANY (%(kinds)s) AND balance > 0
        GROUP BY subscriber_id HAVING sum(balance) >= %(least)s
    ) soon
    JOIN subscribers s ON s.id = soon.subscriber_id
    LEFT JOIN subscriber_addresses w ON w.subscriber_id = s.id AND w.channel = 'wechat'
    LEFT JOIN subscriber_addresses n ON n.subscriber_id = s.id AND n.channel = 'sms'
    WHERE s.status = 'active'
      AND NOT EXISTS (
        SELECT 1 FROM points_warnings p
        WHERE p.subscriber_id = s.id AND p.unit = %(unit)s AND p.expires_on = %(day)s
          AND p.days_ahead = %(ahead)s)
    ORDER BY s.id
"""
_MOVE_ON = """
    UPDATE points_warning_days
    SET cursor = %(until)s, people = people + %(people)s,
        finished_at = CASE WHEN %(more)s THEN NULL ELSE %(now)s::timestamptz END
    WHERE expires_on = %(day)s AND unit = %(unit)s AND days_ahead = %(ahead)s
"""


def take(tx: Tx, *, least: int, now: datetime, batch: int = BATCH) -> list[Warned] | None:
    """The next people to warn, with `least` points or more to lose; the caller tells them now.

    Empty where a batch has nobody; None if no walk is left.
    """
    found = sql.first(tx, _NEXT)
    if found is None:
        return None
    day, unit, ahead = found
    at: dict[str, object] = {"day": day, "unit": unit, "ahead": ahead}
    cursor = sql.maybe_value(tx, _HOLD, at)
    if cursor is None:  # whoever held it has just completed it
        return []
    at["now"] = now
    if day_of(now) > day - timedelta(days=ahead) + timedelta(days=CATCH_UP_DAYS):
        sql.change(tx, _MOVE_ON, at | {"until": cursor, "people": 0, "more": False})
        return []
    last = last_owner(tx, day, after=cursor, batch=batch)
    rows = sql.rows(
        tx, _PEOPLE,
        at | {
            "cursor": cursor, "until": NO_LIMIT if last is None else last, "kinds": list(KINDS),
            "least": least, "today": day_of(now),
        },
    )  # fmt: skip
    sql.change(
        tx, _MOVE_ON, at | {"until": last or cursor, "people": len(rows), "more": last is not None}
    )
    return [Warned(Subscriber(*row[:6]), unit, day, ahead, *row[6:]) for row in rows]


def note(tx: Tx, warned: Warned, *, owed_id: int, now: datetime) -> None:
    """Note that somebody is being told. A second time for the same day and horizon is refused."""
    sql.change(
        tx,
        "INSERT INTO points_warnings (subscriber_id, unit, expires_on, days_ahead, points, owed_id,"
        " at) VALUES (%(id)s, %(unit)s, %(day)s, %(ahead)s, %(points)s, %(owed)s, %(now)s)",
        {
            "id": warned.who.id, "unit": warned.unit, "day": warned.expires_on,
            "ahead": warned.days_ahead, "points": warned.points, "owed": owed_id, "now": now,
        },
    )  # fmt: skip
