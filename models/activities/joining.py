"""Signing up: a place while there is one, else a place in the queue, which moves up by itself.

Places are counted on one row for each activity, which is held first: of two who want the last
place the second waits for the first, and then sees that it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models import sql
from models.activities import planning
from models.activities.planning import Activity
from models.activities.tables import (
    CAME,
    GOING,
    LEFT,
    MOVED_UP,
    NO_PLACE,
    OFF,
    PUBLISHED,
    WAITING,
)  # fmt: skip
from models.base import Tx
from models.subscribers import Subscriber

# Until so long before the beginning a free place goes to whoever waits: they must get there.
MOVES_UP_UNTIL = timedelta(hours=2)


MOVE_UP_AT_ONCE = 100  # the clock goes on with the others


class NotPossible(Exception):
    """Somebody cannot sign up, give up or check in; `why` names the rule, `facts` what it needs.

    unknown, cancelled, closed, begun, unbound, members_only and premium_only (club, name), already,
    already_waiting (ahead), full (ahead), queue_full, full_now, not_signed_up; and at the door
    old_code, no_such_code, too_many_tries, not_yet (opens_at), over, came.
    """

    def __init__(self, why: str, **facts: Any) -> None:
        super().__init__(why)
        self.why = why
        self.facts: dict[str, Any] = facts


@dataclass(frozen=True, slots=True)
class SignedUp:
    """What came of it: `state` is going, or waiting with so many `ahead`."""

    activity: Activity
    state: str
    ahead: int = 0


def sign_up(
    tx: Tx, who: Subscriber, activity_id: int, *, wait: bool, channel: str, now: datetime
) -> SignedUp:
    """A place, or, where there is none and the person is ready to `wait`, a place in the queue.

    The caller holds the person. Raises NotPossible.
    """
    activity = _held(tx, activity_id)
    check(tx, who, activity, now)
    _refuse_twice(tx, who, activity)
    if activity.waiting and activity.taken < activity.capacity:
        move_up(tx, activity, now)  # whoever waits comes before somebody new
        activity = planning.find(tx, activity_id) or activity
    if activity.free:
        _write(tx, who, activity, GOING, channel, now)
        return SignedUp(activity, GOING)
    if not takes_waiting(activity, now):
        raise NotPossible("queue_full")
    if not wait:
        raise NotPossible("full", ahead=activity.waiting)
    _write(tx, who, activity, WAITING, channel, now)
    return SignedUp(activity, WAITING, activity.waiting)


def takes_waiting(activity: Activity, now: datetime) -> bool:
    """Whether somebody more may wait: nobody moves up any more when it is about to begin."""
    return activity.waiting < activity.queue_most and now < activity.starts_at - MOVES_UP_UNTIL


def give_up(tx: Tx, who: Subscriber, activity_id: int, *, now: datetime) -> Activity:
    """Give a place or a place in the queue up, and move up who waits.

    The caller holds the person. Returns the activity as it was. Raises NotPossible.
    """
    activity = _held(tx, activity_id)
    state = standing(tx, who.id, activity_id)
    if state not in (GOING, WAITING):
        raise NotPossible("not_signed_up")
    if now >= activity.starts_at:
        raise NotPossible("begun")
    sql.run(
        tx,
        "UPDATE activity_signups SET state = %(state)s, changed_at = %(now)s, news = NULL"
        " WHERE subscriber_id = %(who)s AND activity_id = %(id)s",
        {"who": who.id, "id": activity_id, "state": LEFT, "now": now},
    )
    _count(tx, activity_id, going=-(state == GOING), waiting=-(state == WAITING))
    if state == GOING:
        move_up(tx, activity, now)
    return activity


def check(tx: Tx, who: Subscriber, activity: Activity, now: datetime) -> None:
    """Raises NotPossible where this person may not sign up for it now, however many places."""
    if activity.state != PUBLISHED:
        raise NotPossible("cancelled" if activity.why else "unknown")
    if now >= activity.closes_at:
        raise NotPossible("begun" if now >= activity.starts_at else "closed")
    may_come(tx, who, activity)


def may_come(tx: Tx, who: Subscriber, activity: Activity) -> None:
    """Raises NotPossible where it is not for this person."""
    if who.msisdn is None:
        raise NotPossible("unbound")
    if activity.club is None:
        return
    level = sql.maybe_value(
        tx,
        "SELECT level FROM memberships WHERE subscriber_id = %(id)s AND club_code = %(club)s"
        " AND state = 'active'",
        {"id": who.id, "club": activity.club},
    )
    if level is None:
        raise NotPossible("members_only", club=activity.club, name=activity.club_name)
    if activity.premium_only and level != "premium":
        raise NotPossible("premium_only", club=activity.club, name=activity.club_name)


def standing(tx: Tx, subscriber_id: int, activity_id: int) -> str | None:
    """The state of somebody's sign-up, or None if there never was one."""
    found: str | None = sql.maybe_value(
        tx,
        "SELECT state FROM activity_signups WHERE subscriber_id = %(who)s AND activity_id = %(id)s",
        {"who": subscriber_id, "id": activity_id},
    )
    return found


def ahead(tx: Tx, subscriber_id: int, activity_id: int) -> int:
    """How many wait before somebody who waits."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM activity_signups s JOIN activity_signups m"
            " ON m.activity_id = s.activity_id AND m.subscriber_id = %(who)s"
            " WHERE s.activity_id = %(id)s AND s.state = 'waiting' AND s.queue_no < m.queue_no",
            {"who": subscriber_id, "id": activity_id},
        )
    )


def move_up(tx: Tx, activity: Activity, now: datetime) -> Sequence[int]:
    """Give free places to whoever has waited longest; the activity is held. Returns who they are.

    The clock tells them. Who can come no more (blocked, deleted, a member no more) is passed over.
    """
    if activity.state != PUBLISHED or now >= activity.starts_at - MOVES_UP_UNTIL:
        return ()
    moved: list[int] = []
    for who, status, may in _queue(tx, activity):
        if not _count(tx, activity.id, going=1, waiting=-1):
            break
        if status != "active" or not may:
            _count(tx, activity.id, going=-1, waiting=0)
            _set(tx, who, activity.id, OFF, NO_PLACE if status == "active" else None, now)
        else:
            _set(tx, who, activity.id, GOING, MOVED_UP, now)
            moved.append(who)
    return moved


def send_away(tx: Tx, activity_id: int, now: datetime) -> int:
    """Tell who still waits that there was no place, once nobody moves up any more."""
    activity = planning.hold(tx, activity_id)
    if activity is None or now < activity.starts_at - MOVES_UP_UNTIL:
        return 0
    gone = sql.change(
        tx,
        "UPDATE activity_signups SET state = 'off', news = %(news)s, changed_at = %(now)s"
        " WHERE activity_id = %(id)s AND state = 'waiting'",
        {"id": activity_id, "news": NO_PLACE, "now": now},
    )
    _count(tx, activity_id, going=0, waiting=-gone)
    return gone


def merge(tx: Tx, *, source: int, target: int, now: datetime) -> None:
    """What `source` has signed up for, `target` has; a second place is free. Both are held."""
    rows = sql.rows(
        tx,
        "SELECT activity_id FROM activity_signups WHERE subscriber_id = %(source)s ORDER BY 1",
        {"source": source},
    )
    for (activity_id,) in rows:
        activity = planning.hold(tx, activity_id)
        theirs, ours = (standing(tx, one, activity_id) for one in (source, target))
        if activity is None or theirs is None:
            continue
        if ours is None or _better(theirs, ours):
            _count(tx, activity_id, going=-(ours == GOING), waiting=-(ours == WAITING))
            both = {"source": source, "target": target, "id": activity_id}
            sql.run(
                tx,
                "DELETE FROM activity_signups"
                " WHERE subscriber_id = %(target)s AND activity_id = %(id)s",
                both,
            )
            sql.run(
                tx,
                "UPDATE activity_signups SET subscriber_id = %(target)s"
                " WHERE subscriber_id = %(source)s AND activity_id = %(id)s",
                both,
            )
        else:
            _count(tx, activity_id, going=-(theirs in (GOING, CAME)), waiting=-(theirs == WAITING))
            sql.run(
                tx,
                "DELETE FROM activity_signups"
                " WHERE subscriber_id = %(source)s AND activity_id = %(id)s",
                {"source": source, "id": activity_id},
            )
        move_up(tx, planning.find(tx, activity_id) or activity, now)


def miscounted(tx: Tx) -> list[int]:
    """The activities whose counts differ from their sign-ups: none, unless there is a defect."""
    rows = sql.rows(
        tx,
        "SELECT p.activity_id FROM activity_places p LEFT JOIN activity_signups s"
        " ON s.activity_id = p.activity_id GROUP BY p.activity_id"
        " HAVING p.taken <> count(*) FILTER (WHERE s.state IN ('going', 'came'))"
        " OR p.waiting <> count(*) FILTER (WHERE s.state = 'waiting')",
    )
    return [row[0] for row in rows]


_BEST = (LEFT, OFF, WAITING, GOING, CAME)


def _better(one: str, other: str) -> bool:
    return _BEST.index(one) > _BEST.index(other)


def _held(tx: Tx, activity_id: int) -> Activity:
    found = planning.hold(tx, activity_id)
    if found is None:
        raise NotPossible("unknown")
    return found


def _refuse_twice(tx: Tx, who: Subscriber, activity: Activity) -> None:
    state = standing(tx, who.id, activity.id)
    if state in (GOING, CAME):
        raise NotPossible("already")
    if state == WAITING:
        raise NotPossible("already_waiting", ahead=ahead(tx, who.id, activity.id))


def _queue(tx: Tx, activity: Activity) -> list[tuple[int, str, bool]]:
    """(subscriber id, status, whether it is for them) of who waits, the longest first."""
    rows = sql.rows(
        tx,
        "SELECT s.subscriber_id, p.status, %(club)s::text IS NULL OR EXISTS (SELECT 1"
        "   FROM memberships m WHERE m.subscriber_id = s.subscriber_id"
        "   AND m.club_code = %(club)s AND m.state = 'active'"
        "   AND (m.level = 'premium' OR NOT %(premium)s)) FROM activity_signups s"
        " JOIN subscribers p ON p.id = s.subscriber_id"
        " WHERE s.activity_id = %(id)s AND s.state = 'waiting' ORDER BY s.queue_no"
        " LIMIT %(most)s",
        {
            "id": activity.id, "club": activity.club, "premium": activity.premium_only,
            "most": MOVE_UP_AT_ONCE,
        },
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in rows]


def write_place(tx: Tx, who: Subscriber, activity: Activity, channel: str, now: datetime) -> None:
    """A place for somebody at the door; the activity is held. Raises NotPossible ("full_now")."""
    if activity.taken >= activity.capacity:
        raise NotPossible("full_now")
    state = standing(tx, who.id, activity.id)
    if state == WAITING:
        _count(tx, activity.id, going=0, waiting=-1)
    _write(tx, who, activity, GOING, channel, now)


def _write(
    tx: Tx, who: Subscriber, activity: Activity, state: str, channel: str, now: datetime
) -> None:
    """Note the sign-up, and count it. Raises NotPossible ("full_now") where there is no place."""
    if not _count(tx, activity.id, going=int(state == GOING), waiting=int(state == WAITING)):
        raise NotPossible("full_now")
    number = sql.value(
        tx,
        "UPDATE activity_places SET next_no = next_no + 1 WHERE activity_id = %(id)s"
        " RETURNING next_no - 1",
        {"id": activity.id},
    )
    sql.run(
        tx,
        "INSERT INTO activity_signups AS s (subscriber_id, activity_id, state, queue_no, channel,"
        " signed_at, changed_at, reminded) VALUES (%(who)s, %(id)s, %(state)s, %(no)s, %(channel)s,"
        " %(now)s, %(now)s, %(reminded)s) ON CONFLICT (subscriber_id, activity_id) DO UPDATE SET"
        " state = excluded.state, queue_no = excluded.queue_no, channel = excluded.channel,"
        " signed_at = excluded.signed_at, changed_at = excluded.changed_at,"
        " reminded = excluded.reminded, news = NULL",
        {
            "who": who.id, "id": activity.id, "state": state, "no": number, "channel": channel,
            # Whoever signs up after a reminder went out has just read when it is.
            "now": now, "reminded": planning.reminded(activity.starts_at, now),
        },
    )  # fmt: skip


def _set(
    tx: Tx, subscriber_id: int, activity_id: int, state: str, news: str | None, now: datetime
) -> None:
    sql.run(
        tx,
        "UPDATE activity_signups SET state = %(state)s, news = %(news)s, changed_at = %(now)s"
        " WHERE subscriber_id = %(who)s AND activity_id = %(id)s",
        {"who": subscriber_id, "id": activity_id, "state": state, "news": news, "now": now},
    )


def _count(tx: Tx, activity_id: int, *, going: int, waiting: int) -> bool:
    """Add to the counts, never past the capacity; whether there was room."""
    return bool(
        sql.change(
            tx,
            "UPDATE activity_places SET taken = taken + %(going)s, waiting = waiting + %(waiting)s"
            " WHERE activity_id = %(id)s AND taken + %(going)s <= capacity",
            {"id": activity_id, "going": going, "waiting": waiting},
        )
    )
