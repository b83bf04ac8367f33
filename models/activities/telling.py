"""What people have to hear of activities: news that waits for them, and reminders by their hour.

Each is taken with the person held, and marked in the transaction that owes the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import sql
from models.activities.joining import MOVES_UP_UNTIL
from models.activities.planning import Activity, find
from models.activities.tables import GOING
from models.base import Tx


@dataclass(frozen=True, slots=True)
class News:
    """One thing that one person has to hear of an activity."""

    subscriber_id: int
    activity: Activity
    what: str


def waiting(tx: Tx, limit: int, *, before: datetime | None = None) -> list[tuple[int, int]]:
    """(subscriber id, activity) of those who have not heard the news, the longest waiting first.

    `before`: only of activities that begin before this moment.
    """
    rows = sql.rows(
        tx,
        "SELECT s.subscriber_id, s.activity_id FROM activity_signups s"
        " JOIN activities a ON a.id = s.activity_id WHERE s.news IS NOT NULL"
        " AND (%(before)s::timestamptz IS NULL OR a.starts_at < %(before)s::timestamptz)"
        " ORDER BY s.changed_at LIMIT %(limit)s",
        {"limit": limit, "before": before},
    )
    return [(row[0], row[1]) for row in rows]


def take_news(tx: Tx, subscriber_id: int, activity_id: int) -> News | None:
    """The news, as told from now on; None if somebody else has told it. The person is held."""
    what = sql.maybe_value(
        tx,
        "UPDATE activity_signups s SET news = NULL FROM (SELECT news FROM activity_signups"
        "  WHERE subscriber_id = %(who)s AND activity_id = %(id)s AND news IS NOT NULL"
        "  FOR NO KEY UPDATE) AS old"
        " WHERE s.subscriber_id = %(who)s AND s.activity_id = %(id)s RETURNING old.news",
        {"who": subscriber_id, "id": activity_id},
    )
    activity = find(tx, activity_id) if what else None
    return News(subscriber_id, activity, what) if activity else None


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int, int]]:
    """(subscriber id, activity, which) of those who are to be reminded now."""
    rows = sql.rows(
        tx,
        "SELECT s.subscriber_id, s.activity_id,"
        " CASE WHEN a.remind_last_at <= %(now)s THEN 2 ELSE 1 END"
        " FROM activities a JOIN activity_signups s ON s.activity_id = a.id"
        " WHERE a.state = 'published' AND a.starts_at > %(now)s AND s.state = 'going'"
        " AND (a.remind_last_at <= %(now)s AND s.reminded < 2"
        "  OR a.remind_first_at <= %(now)s AND s.reminded < 1)"
        " ORDER BY a.starts_at, s.subscriber_id LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def reminded(tx: Tx, subscriber_id: int, activity_id: int, which: int) -> Activity | None:
    """Note that a reminder went out; the activity, or None if it is not wanted any more."""
    changed = sql.change(
        tx,
        "UPDATE activity_signups SET reminded = %(which)s WHERE subscriber_id = %(who)s"
        " AND activity_id = %(id)s AND state = %(state)s AND reminded < %(which)s",
        {"who": subscriber_id, "id": activity_id, "which": which, "state": GOING},
    )
    return find(tx, activity_id) if changed else None


def to_look_at(tx: Tx, now: datetime) -> list[tuple[int, bool]]:
    """(activity, whether its queue is over) of those with free places or a queue that is over."""
    rows = sql.rows(
        tx,
        "SELECT a.id, a.starts_at - %(until)s <= %(now)s FROM activities a"
        " JOIN activity_places p ON p.activity_id = a.id"
        " WHERE a.state = 'published' AND p.waiting > 0"
        " AND (p.taken < p.capacity OR a.starts_at - %(until)s <= %(now)s)",
        {"now": now, "until": MOVES_UP_UNTIL},
    )
    return [(row[0], row[1]) for row in rows]
