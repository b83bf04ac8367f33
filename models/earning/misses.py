"""Misses: how many events earned nothing by a rule, and why, a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata
from models.earning.judging import Missed
from models.points import day_of

KEPT_FOR = timedelta(days=92)
# So many batches at once need not wait for each other to count the same reason.
STRIPES = 8

misses = Table(
    "earning_misses",
    metadata,
    Column("day", Date, nullable=False),  # on which the event was recorded, in China
    Column("rule", String(40), nullable=False),  # empty: no rule has looked at it
    Column("reason", String(40), nullable=False),
    Column("stripe", SmallInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("last_event", String(80), nullable=False),
    PrimaryKeyConstraint("day", "rule", "reason", "stripe"),
    CheckConstraint("events > 0", name="events"),
)


@dataclass(frozen=True, slots=True)
class Miss:
    """`last_event` is one of them, to look at."""

    rule: str
    reason: str
    events: int
    last_event: str


def add(tx: Tx, found: Mapping[Missed, tuple[int, str]], now: datetime) -> None:
    """Count (events, one of them) for each rule and reason."""
    if not found:
        return
    keys = sorted(found)
    sql.change(
        tx,
        "INSERT INTO earning_misses AS m (day, rule, reason, stripe, events, last_event)"
        " SELECT %(day)s, rule, reason, pg_backend_pid() %% %(stripes)s, events, last_event"
        " FROM unnest(%(rules)s::text[], %(reasons)s::text[], %(events)s::bigint[],"
        " %(last)s::text[]) WITH ORDINALITY AS f (rule, reason, events, last_event, n) ORDER BY n"
        " ON CONFLICT (day, rule, reason, stripe) DO UPDATE"
        " SET events = m.events + excluded.events, last_event = excluded.last_event",
        {
            "day": day_of(now), "stripes": STRIPES,
            "rules": [key[0] for key in keys],
            "reasons": [key[1] for key in keys],
            "events": [found[key][0] for key in keys],
            "last": [found[key][1] for key in keys],
        },
    )  # fmt: skip


def listed(tx: Tx, first: date, until: date) -> list[Miss]:
    """What earned nothing on these days, both included, the most frequent first of each rule."""
    rows = sql.rows(
        tx,
        "SELECT rule, reason, sum(events)::bigint, max(last_event) FROM earning_misses"
        " WHERE day BETWEEN %(first)s AND %(until)s GROUP BY rule, reason"
        " ORDER BY rule, sum(events) DESC, reason",
        {"first": first, "until": until},
    )
    return [Miss(*row) for row in rows]


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete what was counted long ago, at most `limit`; how many."""
    return sql.change(
        tx,
        "DELETE FROM earning_misses WHERE (day, rule, reason, stripe) IN"
        " (SELECT day, rule, reason, stripe FROM earning_misses WHERE day < %(before)s"
        " ORDER BY day LIMIT %(limit)s)",
        {"before": day_of(before), "limit": limit},
    )
