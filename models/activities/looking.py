"""Activities as somebody sees them: what they can come to, and what they have signed up for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import sql
from models.activities.planning import COLUMNS, TABLES, Activity
from models.base import Tx
from models.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Seen:
    """An activity, and how somebody stands there: `state` of the sign-up, with `ahead` of them."""

    activity: Activity
    state: str | None
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody on the list of an activity."""

    subscriber_id: int
    msisdn: str | None
    state: str
    queue_no: int
    channel: str
    signed_at: datetime
    came_at: datetime | None


_SEEN = f"""
    SELECT {COLUMNS}, s.state,
           CASE WHEN s.state = 'waiting' THEN (SELECT count(*) FROM activity_signups o
                WHERE o.activity_id = a.id AND o.state = 'waiting' AND o.queue_no < s.queue_no)
                ELSE 0 END
    FROM {TABLES}
    LEFT JOIN activity_signups s ON s.activity_id = a.id AND s.subscriber_id = %(who)s
"""


def coming(
    tx: Tx, who: Subscriber, now: datetime, *, limit: int, club: str | None = None
) -> list[Seen]:
    """What takes people now: first what is of no club or of the person's, then the soonest."""
    rows = sql.rows(
        tx,
        f"{_SEEN} WHERE a.state = 'published' AND a.closes_at > %(now)s"
        " AND (%(club)s::text IS NULL OR a.club_code = %(club)s)"
        " ORDER BY a.club_code IS NOT NULL AND NOT EXISTS (SELECT 1 FROM memberships m"
        " WHERE m.subscriber_id = %(who)s AND m.club_code = a.club_code AND m.state = 'active'),"
        " a.starts_at, a.id LIMIT %(limit)s",
        {"who": who.id, "now": now, "limit": limit, "club": club},
    )
    return [_seen(row) for row in rows]


def one(tx: Tx, who: Subscriber, activity_id: int) -> Seen | None:
    """An activity that was published, over or cancelled ones too; None if there is none."""
    row = sql.first(
        tx,
        f"{_SEEN} WHERE a.id = %(id)s AND a.state <> 'draft'"
        " AND (a.state <> 'cancelled' OR s.state IS NOT NULL)",
        {"who": who.id, "id": activity_id},
    )
    return _seen(row) if row else None


def mine(tx: Tx, who: Subscriber, now: datetime, *, limit: int) -> list[Seen]:
    """What somebody has signed up for and is still to come, the soonest first."""
    rows = sql.rows(
        tx,
        f"{_SEEN} WHERE s.state IN ('going', 'waiting', 'came') AND a.state = 'published'"
        " AND a.ends_at > %(now)s ORDER BY a.starts_at, a.id LIMIT %(limit)s",
        {"who": who.id, "now": now, "limit": limit},
    )
    return [_seen(row) for row in rows]


def past(tx: Tx, who: Subscriber, now: datetime, *, limit: int) -> list[Seen]:
    """What somebody has been to, missed, or could not come to; the latest first."""
    rows = sql.rows(
        tx,
        f"{_SEEN} WHERE s.state IN ('going', 'came', 'off')"
        " AND (a.ends_at <= %(now)s OR a.state = 'cancelled' OR s.state = 'off')"
        " ORDER BY a.starts_at DESC, a.id DESC LIMIT %(limit)s",
        {"who": who.id, "now": now, "limit": limit},
    )
    return [_seen(row) for row in rows]


def guests(
    tx: Tx, activity_id: int, *, limit: int, after: tuple[int, int] = (0, 0), state: str = ""
) -> list[Guest]:
    """Who has signed up, in the order in which they did; after (queue number, person)."""
    rows = sql.rows(
        tx,
        "SELECT s.subscriber_id, n.address, s.state, s.queue_no, s.channel, s.signed_at, s.came_at"
        " FROM activity_signups s LEFT JOIN subscriber_addresses n"
        " ON n.subscriber_id = s.subscriber_id AND n.channel = 'sms'"
        " WHERE s.activity_id = %(id)s AND (s.queue_no, s.subscriber_id) > (%(no)s, %(who)s)"
        " AND (%(state)s = '' OR s.state = %(state)s)"
        " ORDER BY s.queue_no, s.subscriber_id LIMIT %(limit)s",
        {"id": activity_id, "no": after[0], "who": after[1], "state": state, "limit": limit},
    )
    return [Guest(*row) for row in rows]


def came(tx: Tx, activity_id: int) -> int:
    """How many have come."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM activity_signups WHERE activity_id = %(id)s AND state = 'came'",
            {"id": activity_id},
        )
    )


def _seen(row: sql.Row) -> Seen:
    return Seen(Activity(*row[:-2]), row[-2], row[-1])
