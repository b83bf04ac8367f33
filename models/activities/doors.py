"""At the door: a code that changes while people look at it, and who came.

    screen ──every minute──▶ open_code: a scene for WeChat, six digits for a phone without it
    scan, or digits by SMS ──▶ came ──▶ event activity_attended: points and tasks
                                  └──▶ asked how it was, once it is over

A code works a little longer than it is shown, and no more: a photo of it, sent to a friend, does
not count. The digits are compared with codes of what the person has signed up for alone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import activity_ratings, sql, subscribers
from models.activities import planning
from models.activities.joining import NotPossible, may_come, standing, write_place
from models.activities.planning import Activity
from models.activities.tables import CAME, GOING, PUBLISHED, TRIES_MOST
from models.base import Tx
from models.earning.happened import happened
from models.subscribers import Subscriber

OPENS_BEFORE = timedelta(hours=2)  # the beginning
CLOSES_AFTER = timedelta(hours=1)  # the end
SHOWN = timedelta(seconds=60)
# WeChat's shortest temporary code lives 60 s; a scan may take a moment, and so does typing.
WORKS = timedelta(seconds=150)
KEPT = timedelta(days=1)
ATTENDED = "activity_attended"


@dataclass(frozen=True, slots=True)
class DoorCode:
    """What stands at a door for now; `url` is "" where WeChat has made no picture."""

    code: int
    digits: str
    url: str
    shown_until: datetime
    works_until: datetime

    @property
    def spaced(self) -> str:
        """As people read it: "482 913"."""
        return f"{self.digits[:3]} {self.digits[3:]}"


@dataclass(frozen=True, slots=True)
class Came:
    """Somebody is in; `points` they got for it, and whether they had no place before."""

    activity: Activity
    points: int
    walked_in: bool


def is_open(activity: Activity, now: datetime) -> bool:
    """Whether people are let in now."""
    opens, closes = activity.starts_at - OPENS_BEFORE, activity.ends_at + CLOSES_AFTER
    return activity.state == PUBLISHED and opens <= now < closes


def scene(code: int) -> str:
    """What the picture at the door says (dialogs/catalog.py)."""
    return f"checkin-{code}"


def shown(tx: Tx, activity_id: int, now: datetime) -> DoorCode | None:
    """The code that stands at the door now; None if it is time for another."""
    row = sql.first(
        tx,
        "SELECT code, digits, url, shown_until, works_until FROM activity_doors"
        " WHERE activity_id = %(id)s AND shown_until > %(now)s ORDER BY made_at DESC LIMIT 1",
        {"id": activity_id, "now": now},
    )
    return DoorCode(*row) if row else None


def new_code(now: datetime) -> DoorCode:
    """Another code that nobody can guess; WeChat makes its picture before it is kept."""
    return DoorCode(
        secrets.randbelow(9 * 10**17) + 10**17, f"{secrets.randbelow(10**6):06d}", "",
        now + SHOWN, now + WORKS,
    )  # fmt: skip


def keep(tx: Tx, activity_id: int, code: DoorCode, url: str, now: datetime) -> DoorCode:
    """Show it from now on."""
    sql.run(
        tx,
        "INSERT INTO activity_doors (code, activity_id, digits, url, made_at, shown_until,"
        " works_until) VALUES (%(code)s, %(id)s, %(digits)s, %(url)s, %(now)s, %(shown)s,"
        " %(works)s)",
        {
            "code": code.code, "id": activity_id, "digits": code.digits, "url": url, "now": now,
            "shown": code.shown_until, "works": code.works_until,
        },
    )  # fmt: skip
    return DoorCode(code.code, code.digits, url, code.shown_until, code.works_until)


def scanned(tx: Tx, who: Subscriber, code: int, *, channel: str, now: datetime) -> Came:
    """Let in who has scanned the code at the door, with a place or without, if there is one.

    The caller holds the person. Raises NotPossible.
    """
    row = sql.first(
        tx,
        "SELECT activity_id, works_until FROM activity_doors WHERE code = %(code)s",
        {"code": code},
    )
    if row is None or row[1] <= now:
        raise NotPossible("old_code")
    return let_in(tx, who, row[0], channel=channel, now=now)


def typed(tx: Tx, who: Subscriber, digits: str, *, channel: str, now: datetime) -> Came:
    """Let in who has typed the digits at the door of what they have signed up for.

    The caller holds the person. Raises NotPossible; commit all the same: a wrong code is counted.
    """
    rows = sql.rows(
        tx,
        "SELECT s.activity_id, s.tries, s.state, EXISTS (SELECT 1 FROM activity_doors d"
        "  WHERE d.activity_id = s.activity_id AND d.works_until > %(now)s"
        "  AND d.digits = %(digits)s) FROM activity_signups s"
        " JOIN activities a ON a.id = s.activity_id AND a.state = 'published'"
        " WHERE s.subscriber_id = %(who)s AND s.state IN ('going', 'came')"
        " AND a.starts_at - %(before)s <= %(now)s AND a.ends_at + %(after)s > %(now)s"
        " ORDER BY a.starts_at, a.id",
        {
            "who": who.id, "now": now, "digits": digits, "before": OPENS_BEFORE,
            "after": CLOSES_AFTER,
        },
    )  # fmt: skip
    waiting_for = [row for row in rows if row[2] == GOING]
    if not waiting_for:
        raise NotPossible("came") if rows else _too_early(tx, who, now)
    if all(row[1] >= TRIES_MOST for row in waiting_for):
        raise NotPossible("too_many_tries")
    for activity_id, tries, _, fits in waiting_for:
        if fits and tries < TRIES_MOST:
            return let_in(tx, who, activity_id, channel=channel, now=now)
    sql.run(
        tx,
        "UPDATE activity_signups SET tries = tries + 1 WHERE subscriber_id = %(who)s"
        " AND activity_id = ANY (%(ids)s) AND tries < %(most)s",
        {"who": who.id, "ids": [row[0] for row in waiting_for], "most": TRIES_MOST},
    )
    raise NotPossible("no_such_code")


def _too_early(tx: Tx, who: Subscriber, now: datetime) -> NotPossible:
    """Why nothing lets this person in now: what they go to is yet to come, or there is nothing."""
    starts_at = sql.value(
        tx,
        "SELECT min(a.starts_at) FROM activity_signups s JOIN activities a ON a.id = s.activity_id"
        " WHERE s.subscriber_id = %(who)s AND s.state = 'going' AND a.state = 'published'"
        " AND a.starts_at > %(now)s",
        {"who": who.id, "now": now},
    )
    if starts_at is None:
        return NotPossible("not_signed_up")
    return NotPossible("not_yet", opens_at=starts_at - OPENS_BEFORE)


def let_in(tx: Tx, who: Subscriber, activity_id: int, *, channel: str, now: datetime) -> Came:
    """Note that somebody is there, once, and tell the earning rules. Raises NotPossible.

    The caller holds the person, and has seen that they stand at the door.
    """
    activity = planning.hold(tx, activity_id)
    if activity is None or activity.state != PUBLISHED:
        raise NotPossible("cancelled" if activity else "unknown")
    if now < activity.starts_at - OPENS_BEFORE:
        raise NotPossible("not_yet", opens_at=activity.starts_at - OPENS_BEFORE)
    if now >= activity.ends_at + CLOSES_AFTER:
        raise NotPossible("over")
    state = standing(tx, who.id, activity_id)
    if state == CAME:
        raise NotPossible("came")
    may_come(tx, who, activity)  # who has signed up as a member may be none by now
    if state != GOING:
        write_place(tx, who, activity, channel, now)
    sql.run(
        tx,
        "UPDATE activity_signups SET state = %(state)s, came_at = %(now)s, changed_at = %(now)s,"
        " news = NULL WHERE subscriber_id = %(who)s AND activity_id = %(id)s",
        {"state": CAME, "who": who.id, "id": activity_id, "now": now},
    )
    activity_ratings.owe(
        tx, subscriber_id=who.id, activity=activity_id, title=activity.title,
        ends_at=activity.ends_at,
    )  # fmt: skip
    given = happened(
        tx, who.id, ATTENDED, key=f"attended:{activity_id}:{who.id}", now=now,
        values={"activity": str(activity_id), "club": activity.club or ""},
    )  # fmt: skip
    return Came(activity, given, state != GOING)


def let_in_by_number(tx: Tx, msisdn: str, activity_id: int, *, now: datetime) -> Came:
    """The same for whoever says their number to the staff. Raises NotPossible."""
    who = subscribers.find(tx, "sms", msisdn)
    if who is None:
        raise NotPossible("not_signed_up")
    return let_in(tx, subscribers.lock_id(tx, who.id), activity_id, channel="staff", now=now)


def forget(tx: Tx, now: datetime, limit: int) -> int:
    """Delete codes that have long stopped working; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM activity_doors WHERE code IN (SELECT code FROM activity_doors"
        " WHERE works_until < %(before)s LIMIT %(limit)s)",
        {"before": now - KEPT, "limit": limit},
    )
