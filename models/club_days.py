"""How many members each club had at the end of each day, from the changes of memberships.

A day is added once it is over, from that day's changes alone and the figures of the day before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

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
from models.base import Tx, metadata
from models.points import closings

club_days = Table(
    "club_days",
    metadata,
    Column("day", Date, nullable=False),  # in China
    Column("club_code", String(32), ForeignKey("clubs.code"), nullable=False),
    Column("members", Integer, nullable=False),
    Column("joined", Integer, nullable=False),
    Column("parted", Integer, nullable=False),
    PrimaryKeyConstraint("day", "club_code"),
    CheckConstraint("members >= 0 AND joined >= 0 AND parted >= 0", name="counts"),
)


@dataclass(frozen=True, slots=True)
class ClubDay:
    day: date
    club_code: str
    members: int
    joined: int
    parted: int


def last_day(tx: Tx) -> date | None:
    """The last day there are figures of."""
    found: date | None = sql.value(tx, "SELECT max(day) FROM club_days")
    return found


_FIRST = "SELECT (min(at) AT TIME ZONE 'Asia/Shanghai')::date FROM membership_changes"

# A change to what a membership is already (a level, say) is neither joining nor parting.
_ADD = """
    WITH was AS (
        SELECT c.club_code, c.at, c.state, EXISTS (
            SELECT 1 FROM membership_changes p
            WHERE p.subscriber_id = c.subscriber_id AND p.club_code = c.club_code
              AND p.change_no = c.change_no - 1 AND p.state = 'active') AS member
        FROM membership_changes c WHERE c.at >= %(start)s AND c.at < %(end)s
    ), moved AS (
        SELECT (at AT TIME ZONE 'Asia/Shanghai')::date AS day, club_code,
               count(*) FILTER (WHERE state = 'active' AND NOT member) AS joined,
               count(*) FILTER (WHERE state <> 'active' AND member) AS parted
        FROM was GROUP BY 1, 2
    )
    INSERT INTO club_days (day, club_code, members, joined, parted)
    SELECT days.day::date, clubs.code,
           coalesce(base.members, 0) + sum(coalesce(moved.joined, 0) - coalesce(moved.parted, 0))
             OVER (PARTITION BY clubs.code ORDER BY days.day),
           coalesce(moved.joined, 0), coalesce(moved.parted, 0)
    FROM generate_series(%(first)s::date, %(last)s::date, '1 day') AS days (day)
    CROSS JOIN clubs
    LEFT JOIN moved ON moved.day = days.day AND moved.club_code = clubs.code
    LEFT JOIN club_days base ON base.day = %(first)s::date - 1 AND base.club_code = clubs.code
    ON CONFLICT DO NOTHING
"""


def add_through(tx: Tx, day: date) -> int:
    """Add all days up to this one that are missing; the day must be over. Returns how many rows.

    The first time this reads all changes there are, so the transaction is unhurried.
    """
    closings.unhurried(tx)
    last = last_day(tx)
    first = last + timedelta(days=1) if last else (sql.value(tx, _FIRST) or day)
    if first > day:
        return 0
    bounds = {"start": closings.ends_at(first - timedelta(days=1)), "end": closings.ends_at(day)}
    return sql.change(tx, _ADD, {**bounds, "first": first, "last": day})


def between(tx: Tx, *, since: date, until: date) -> list[ClubDay]:
    """The figures of these days, both included, the first day first, clubs in their order."""
    rows = sql.rows(
        tx,
        "SELECT d.day, d.club_code, d.members, d.joined, d.parted FROM club_days d"
        " JOIN clubs c ON c.code = d.club_code WHERE d.day BETWEEN %(since)s AND %(until)s"
        " ORDER BY d.day, c.position, c.code",
        {"since": since, "until": until},
    )
    return [ClubDay(*row) for row in rows]
