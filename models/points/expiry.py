"""Expiry: lots whose last day has passed go into the house's account `expired`, day by day.

    points_expiry_days   (day, unit)   sweeping ──▶ swept      one row is one day's statement
                                          ▲           │
                                          └───────────┘  looked at again, for lots that came back

A batch is one transaction: it takes the next accounts of a day, in the order of their owners, books
what is left in them, and moves the day's cursor on. Whoever dies between two batches has lost
nothing; whoever comes later goes on at the cursor. Spending does not wait for any of this: it looks
at `expires_on` itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata, moment
from models.points.accounts import EXPIRED, KINDS, NEVER, ON_GRACE, POINTS, UNITS, day_of
from models.subscribers import Subscriber, family

# A day is over this long after midnight: what was heard just before may still be spending.
SETTLES = timedelta(minutes=10)
# So many days back are looked at again each day, for lots that came back to a date that has passed:
# a released hold, a merge, a refund. Older ones: `python app.py ledger expire --day`.
LATE_DAYS = 92
# A day that nobody swept, since the first that was, is made up for within these; further back, too,
# by that command.
MISSED_DAYS = 3660
# Accounts looked at in one transaction, empty ones too: well within the patience of a statement.
# Larger ones are no faster (docs/benchmarks.md): it is the booking of each leg that takes the time.
BATCH = 1000

days = Table(
    "points_expiry_days",
    metadata,
    Column("day", Date, nullable=False),  # the last day on which the lots could be used
    Column("unit", String(8), nullable=False),
    Column("state", String(8), nullable=False, server_default="sweeping"),
    Column("cursor", BigInteger, nullable=False, server_default="0"),  # the last owner looked at
    Column("lots", BigInteger, nullable=False, server_default="0"),
    Column("points", BigInteger, nullable=False, server_default="0"),
    Column("looked_on", Date, nullable=False),  # the day on which the last look began
    moment("started_at"),
    moment("finished_at", nullable=True),  # of the last complete look
    # Begun because somebody asked for this day; it says nothing about the days after it.
    Column("by_hand", Boolean, nullable=False, server_default="false"),
    PrimaryKeyConstraint("day", "unit"),
    CheckConstraint("unit IN ('points', 'coins')", name="unit"),
    CheckConstraint(
        "state = 'sweeping' OR (state = 'swept' AND finished_at IS NOT NULL)", name="state"
    ),
    CheckConstraint("lots >= 0 AND points >= lots", name="counts"),
    CheckConstraint("day < (started_at AT TIME ZONE 'Asia/Shanghai')::date", name="past"),
    Index(
        "points_expiry_days_open", "day", "unit", postgresql_where=text("state = 'sweeping'")
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Swept:
    """What one batch did to a day."""

    day: date
    unit: str
    lots: int
    points: int


@dataclass(frozen=True, slots=True)
class Day:
    """The statement of a day: how many lots and points expired at its end."""

    day: date
    unit: str
    lots: int
    points: int
    complete: bool
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Gone:
    """What a person has lost to one day; `at` is when it was booked, under this serial number."""

    day: date
    unit: str
    kind: str
    points: int
    serial: int
    at: datetime


def last_day(now: datetime) -> date:
    """The last day that is over: whatever expired on it, or before, can be swept."""
    return day_of(now - SETTLES) - timedelta(days=1)


def begin(tx: Tx, *, now: datetime) -> int:
    """Have yesterday swept, and the days before it within LATE_DAYS looked at again, once a day.

    Days that were missed are swept, too. Returns how many days, for each unit, were begun now.
    """
    return sql.change(
        tx,
        "INSERT INTO points_expiry_days AS d (day, unit, looked_on, started_at)"
        " SELECT %(last)s::date - n, unit, %(today)s, %(now)s"
        " FROM (SELECT coalesce(%(last)s::date - min(day), 0) AS days FROM points_expiry_days"
        "       WHERE NOT by_hand) had,"
        "   generate_series(0, greatest(%(late)s, least(had.days, %(missed)s))) n,"
        "   unnest(%(units)s::text[]) unit"
        " ON CONFLICT (day, unit) DO UPDATE"
        " SET state = 'sweeping', cursor = 0, looked_on = excluded.looked_on"
        " WHERE d.state = 'swept' AND d.looked_on < excluded.looked_on"
        "   AND d.day >= %(last)s::date - %(late)s",
        {
            "last": last_day(now), "today": day_of(now - SETTLES), "now": now, "late": LATE_DAYS,
            "missed": MISSED_DAYS, "units": list(UNITS),
        },
    )  # fmt: skip


def begin_day(tx: Tx, day: date, *, now: datetime) -> None:
    """Have one day swept, however long ago, from its beginning. Raises ValueError if not over."""
    if day > last_day(now):
        raise ValueError(f"{day} is not over: its points can still be used")
    sql.change(
        tx,
        "INSERT INTO points_expiry_days (day, unit, looked_on, started_at, by_hand)"
        " SELECT %(day)s, unit, %(today)s, %(now)s, true FROM unnest(%(units)s::text[]) unit"
        " ON CONFLICT (day, unit) DO UPDATE"
        " SET state = 'sweeping', cursor = 0, looked_on = excluded.looked_on",
        {"day": day, "today": day_of(now - SETTLES), "now": now, "units": list(UNITS)},
    )


_NEXT = """
    SELECT day, unit FROM points_expiry_days
    WHERE state = 'sweeping' AND (%(day)s::date IS NULL OR day = %(day)s)
    ORDER BY day DESC, unit DESC LIMIT 1
"""
_HOLD = """
    SELECT cursor FROM points_expiry_days
    WHERE day = %(day)s AND unit = %(unit)s AND state = 'sweeping' FOR NO KEY UPDATE
"""
# One transfer for a person, one leg for a lot. The key names the lots and how many legs each had,
# which only grow: the same points cannot expire twice, and what comes back later has another key.
# The legs go round the stripes: many changes of one row in one transaction get slower and slower.
_SWEEP = f"""
    WITH lots AS MATERIALIZED (
        SELECT subscriber_id, kind, stripe, balance, legs FROM points_accounts
        WHERE expires_on = %(day)s AND subscriber_id > %(cursor)s AND subscriber_id <= %(until)s
          AND subscriber_id <> {HOUSE} AND unit = %(unit)s AND kind = ANY (%(kinds)s)
          AND balance > 0
        ORDER BY subscriber_id, kind, stripe FOR NO KEY UPDATE
    ), people AS MATERIALIZED (
        SELECT subscriber_id, nextval('points_transfers_serial_seq') AS serial,
               'expire:' || %(day)s::text || ':' || %(unit)s::text || ':' || subscriber_id || ':' ||
                   string_agg(left(kind, 1) || CASE WHEN stripe = {ON_GRACE} THEN 'g' ELSE '' END
                              || legs, '.' ORDER BY kind, stripe) AS key
        FROM lots GROUP BY subscriber_id
    ), transfers AS (
        INSERT INTO points_transfers (serial, key, request_hash, reason, channel, origin, at)
        SELECT serial, key, sha256(convert_to(key, 'UTF8')), 'expired', 'clock',
               'day:' || %(day)s::text, %(now)s
        FROM people ORDER BY serial
    ), stripes AS (
        SELECT array_agg(stripe ORDER BY stripe) AS all_of_them FROM points_accounts
        WHERE subscriber_id = {HOUSE} AND unit = %(unit)s AND kind = '{EXPIRED}'
    ), booked AS (
        INSERT INTO points_legs
            (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on, payer_stripe,
             payee_id, payee_kind, payee_expires_on, payee_stripe)
        SELECT serial, row_number() OVER (PARTITION BY subscriber_id ORDER BY kind, stripe),
               %(now)s, %(unit)s, balance, subscriber_id, kind, %(day)s, stripe, {HOUSE},
               '{EXPIRED}', '{NEVER}',
               all_of_them[1 + mod(row_number() OVER (ORDER BY subscriber_id, kind, stripe) - 1,
                                   cardinality(all_of_them))]
        FROM lots JOIN people USING (subscriber_id) CROSS JOIN stripes
        ORDER BY subscriber_id, kind, stripe
        RETURNING points
    )
    SELECT count(*), coalesce(sum(points), 0)::bigint FROM booked
"""
_MOVE_ON = """
    UPDATE points_expiry_days
    SET cursor = %(until)s, lots = lots + %(lots)s, points = points + %(points)s,
        state = CASE WHEN %(more)s THEN 'sweeping' ELSE 'swept' END,
        finished_at = CASE WHEN %(more)s THEN finished_at ELSE %(now)s END
    WHERE day = %(day)s AND unit = %(unit)s
"""
NO_LIMIT = 2**63 - 1


def sweep(tx: Tx, *, now: datetime, day: date | None = None, batch: int = BATCH) -> Swept | None:
    """Expire one batch: the next of `day`, or of the newest day that is begun and not complete.

    None if no day is left. Two who sweep at once wait for each other, batch by batch.
    """
    found = sql.first(tx, _NEXT, {"day": day})
    if found is None:
        return None
    at: dict[str, object] = {"day": found[0], "unit": found[1]}
    cursor = sql.maybe_value(tx, _HOLD, at)
    if cursor is None:  # whoever held it has just completed it
        return Swept(found[0], found[1], 0, 0)
    at |= {"cursor": cursor, "now": now}
    last = last_owner(tx, found[0], after=cursor, batch=batch)
    at["until"] = NO_LIMIT if last is None else last
    lots, points = sql.one(tx, _SWEEP, at | {"kinds": list(KINDS)})
    sql.change(
        tx, _MOVE_ON,
        at | {"until": last or cursor, "lots": lots, "points": points, "more": last is not None},
    )  # fmt: skip
    return Swept(found[0], found[1], lots, points)


def last_owner(tx: Tx, day: date, *, after: int, batch: int) -> int | None:
    """Whose account is the last of the next `batch` that expire on a day; None: fewer are left.

    So a batch is cut between two owners, and its work is bounded whatever the accounts hold.
    """
    found: int | None = sql.maybe_value(
        tx,
        "SELECT subscriber_id FROM points_accounts WHERE expires_on = %(day)s"
        " AND subscriber_id > %(after)s AND subscriber_id <> 0"  # as the index says
        " ORDER BY subscriber_id LIMIT 1 OFFSET %(offset)s",
        {"day": day, "after": after, "offset": batch - 1},
    )
    return found


def expired_by_day(tx: Tx, *, since: date, until: date, unit: str = POINTS) -> list[Day]:
    """The statements of these days, both included, the newest first; days not begun are missing."""
    rows = sql.rows(
        tx,
        "SELECT day, unit, lots, points, finished_at IS NOT NULL, finished_at"
        " FROM points_expiry_days WHERE day BETWEEN %(since)s AND %(until)s AND unit = %(unit)s"
        " ORDER BY day DESC",
        {"since": since, "until": until, "unit": unit},
    )
    return [Day(*row) for row in rows]


def unexplained(tx: Tx, *, unit: str = POINTS) -> int:
    """What the house's account `expired` has beyond the statements of all days: 0 at any moment.

    A batch commits both sides together, and one statement sees one moment.
    """
    return int(
        sql.value(
            tx,
            "SELECT (SELECT coalesce(sum(balance), 0) FROM points_accounts"
            "        WHERE subscriber_id = %(house)s AND unit = %(unit)s AND kind = %(kind)s)"
            " - (SELECT coalesce(sum(points), 0) FROM points_expiry_days WHERE unit = %(unit)s)",
            {"house": HOUSE, "unit": unit, "kind": EXPIRED},
        )
    )


def what_expired(tx: Tx, who: Subscriber, *, since: datetime, limit: int) -> list[Gone]:
    """What this person has lost to expiry since then, the newest first, at most `limit` lots."""
    rows = sql.rows(
        tx,
        "SELECT payer_expires_on, unit, payer_kind, points, serial, at FROM points_legs"
        " WHERE payer_id = ANY (%(ids)s) AND at >= %(since)s AND payee_id = %(house)s"
        " AND payee_kind = %(kind)s ORDER BY at DESC, serial DESC, leg_no LIMIT %(limit)s",
        {
            "ids": family(tx, who.id),
            "since": since,
            "house": HOUSE,
            "kind": EXPIRED,
            "limit": limit,
        },
    )
    return [Gone(*row) for row in rows]
