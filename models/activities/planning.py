"""Planning: an activity is drafted, published, edited, cancelled; who signed up hears of it.

draft ──▶ published ──▶ cancelled: everybody who has a place or waits is told
  └──────────────────────▶ cancelled: nobody knew of it
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from typing import Any

from models import sql
from models.activities.tables import CALLED_OFF, CANCELLED, CHANGED, DRAFT, PUBLISHED
from models.base import Tx
from models.points import SHANGHAI

# How long before the beginning people are reminded.
FIRST_REMINDER, LAST_REMINDER = timedelta(days=1), timedelta(hours=2)
# A reminder that would come at night comes the evening before.
DAY_BEGINS_HOUR, EVENING_HOUR = 9, 19
QUEUE_SHARE = 2  # as many as there are places may wait, twice over


class NotPlanned(Exception):
    """What an operator wants of an activity cannot be; `why` is a word.

    state: it is not in the state for it; past: it would begin in the past; taken: fewer places
    than are taken (`taken`).
    """

    def __init__(self, why: str, *, taken: int = 0) -> None:
        super().__init__(why)
        self.why, self.taken = why, taken


@dataclass(frozen=True, slots=True)
class Plan:
    """What operators write about an activity."""

    club: str | None
    premium_only: bool
    title: str
    about: str
    place: str
    starts_at: datetime
    ends_at: datetime
    closes_at: datetime
    capacity: int

    def plain(self) -> dict[str, Any]:
        """As the audit keeps it."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity, with what is taken of it by now."""

    id: int
    club: str | None
    premium_only: bool
    title: str
    about: str
    place: str
    starts_at: datetime
    ends_at: datetime
    closes_at: datetime
    state: str
    why: str
    capacity: int
    taken: int
    queue_most: int
    waiting: int
    club_name: str | None

    @property
    def free(self) -> int:
        """Places that somebody can have now: those who wait come first."""
        return max(0, self.capacity - self.taken) if not self.waiting else 0

    @property
    def plan(self) -> Plan:
        return Plan(
            self.club, self.premium_only, self.title, self.about, self.place, self.starts_at,
            self.ends_at, self.closes_at, self.capacity,
        )  # fmt: skip

    def is_open(self, now: datetime) -> bool:
        """Whether people sign up for it now."""
        return self.state == PUBLISHED and now < self.closes_at


COLUMNS = (
    "a.id, a.club_code, a.premium_only, a.title, a.about, a.place, a.starts_at, a.ends_at,"
    " a.closes_at, a.state, a.why, p.capacity, p.taken, p.queue_most, p.waiting, c.name"
)
TABLES = (
    "activities a JOIN activity_places p ON p.activity_id = a.id"
    " LEFT JOIN clubs c ON c.code = a.club_code"
)


def find(tx: Tx, activity_id: int) -> Activity | None:
    """The activity of this number, whatever its state, or None."""
    row = sql.first(tx, f"SELECT {COLUMNS} FROM {TABLES} WHERE a.id = %(id)s", {"id": activity_id})
    return Activity(*row) if row else None


def hold(tx: Tx, activity_id: int) -> Activity | None:
    """The same, and nobody else changes what is taken of it until this transaction ends."""
    row = sql.first(
        tx,
        "SELECT 1 FROM activity_places WHERE activity_id = %(id)s FOR NO KEY UPDATE",
        {"id": activity_id},
    )
    return find(tx, activity_id) if row else None


def listed(tx: Tx) -> list[Activity]:
    """All of them, what begins last first."""
    rows = sql.rows(tx, f"SELECT {COLUMNS} FROM {TABLES} ORDER BY a.starts_at DESC, a.id DESC")
    return [Activity(*row) for row in rows]


def add(tx: Tx, plan: Plan, *, author: str, now: datetime) -> int:
    """A draft; returns its number. Raises NotPlanned ("past")."""
    _check_times(plan, now)
    number = int(
        sql.value(
            tx,
            "INSERT INTO activities (club_code, premium_only, title, about, place, starts_at,"
            " ends_at, closes_at, remind_first_at, remind_last_at, author, created_at, changed_at)"
            " VALUES (%(club)s, %(premium)s, %(title)s, %(about)s, %(place)s, %(starts)s, %(ends)s,"
            " %(closes)s, %(first)s, %(last)s, %(author)s, %(now)s, %(now)s) RETURNING id",
            _values(plan, now) | {"author": author},
        )
    )
    sql.run(
        tx,
        "INSERT INTO activity_places (activity_id, capacity, queue_most)"
        " VALUES (%(id)s, %(capacity)s, %(queue)s)",
        {"id": number, "capacity": plan.capacity, "queue": plan.capacity * QUEUE_SHARE},
    )
    return number


def edit(tx: Tx, activity_id: int, plan: Plan, *, now: datetime) -> Activity:
    """Make it what is planned now, and returns it as it was; the caller moves people up.

    Who signed up hears of another time or place. Raises NotPlanned.
    """
    before = _held(tx, activity_id, (DRAFT, PUBLISHED))
    if before.starts_at <= now and before.state == PUBLISHED:
        raise NotPlanned("state")  # it has begun
    _check_times(plan, now)
    if plan.capacity < before.taken:
        raise NotPlanned("taken", taken=before.taken)
    sql.run(
        tx,
        "UPDATE activities SET club_code = %(club)s, premium_only = %(premium)s,"
        " title = %(title)s, about = %(about)s, place = %(place)s, starts_at = %(starts)s,"
        " ends_at = %(ends)s, closes_at = %(closes)s, remind_first_at = %(first)s,"
        " remind_last_at = %(last)s, changed_at = %(now)s WHERE id = %(id)s",
        _values(plan, now) | {"id": activity_id},
    )
    sql.run(
        tx,
        "UPDATE activity_places SET capacity = %(capacity)s, queue_most = %(queue)s"
        " WHERE activity_id = %(id)s",
        {"id": activity_id, "capacity": plan.capacity, "queue": plan.capacity * QUEUE_SHARE},
    )
    when_and_where = (before.starts_at, before.ends_at, before.place)
    if when_and_where != (plan.starts_at, plan.ends_at, plan.place):
        sql.run(
            tx,
            "UPDATE activity_signups SET changed_at = %(now)s, reminded = %(reminded)s,"
            " news = coalesce(news, %(news)s)"
            " WHERE activity_id = %(id)s AND state IN ('going', 'waiting')",
            {
                "id": activity_id,
                "now": now,
                "news": CHANGED,
                "reminded": reminded(plan.starts_at, now),
            },
        )
    return before


def publish(tx: Tx, activity_id: int, *, now: datetime) -> None:
    """Let people see it and sign up. Raises NotPlanned."""
    found = _held(tx, activity_id, (DRAFT,))
    _check_times(found.plan, now)
    sql.run(
        tx,
        "UPDATE activities SET state = %(state)s, changed_at = %(now)s WHERE id = %(id)s",
        {"id": activity_id, "state": PUBLISHED, "now": now},
    )


def cancel(tx: Tx, activity_id: int, *, why: str, now: datetime) -> int:
    """Call it off; returns how many people have to hear of it. Raises NotPlanned."""
    found = _held(tx, activity_id, (DRAFT, PUBLISHED))
    if found.ends_at <= now and found.state == PUBLISHED:
        raise NotPlanned("state")  # it is over
    sql.run(
        tx,
        "UPDATE activities SET state = %(state)s, why = %(why)s, changed_at = %(now)s"
        " WHERE id = %(id)s",
        {"id": activity_id, "state": CANCELLED, "why": why, "now": now},
    )
    told = sql.change(
        tx,
        "UPDATE activity_signups SET state = 'off', news = %(news)s, changed_at = %(now)s"
        " WHERE activity_id = %(id)s AND state IN ('going', 'waiting')",
        {"id": activity_id, "news": CALLED_OFF, "now": now},
    )
    sql.run(
        tx,
        "UPDATE activity_places SET waiting = 0, taken = (SELECT count(*) FROM activity_signups s"
        " WHERE s.activity_id = %(id)s AND s.state = 'came') WHERE activity_id = %(id)s",
        {"id": activity_id},
    )
    return told


def reminders(starts_at: datetime) -> tuple[datetime, datetime]:
    """When people are reminded: the day before and some hours before, never by night."""
    first, last = (
        _awake(starts_at - before) for before in (FIRST_REMINDER, LAST_REMINDER)
    )  # fmt: skip
    return first, last


def reminded(starts_at: datetime, now: datetime) -> int:
    """How many reminders are over: whoever hears of it now needs those no more."""
    return sum(now >= moment for moment in reminders(starts_at))


def _awake(moment: datetime) -> datetime:
    """The moment itself by day, else the evening before it."""
    local = moment.astimezone(SHANGHAI)
    if DAY_BEGINS_HOUR <= local.hour <= EVENING_HOUR:
        return moment
    day = local.date() - timedelta(days=local.hour < DAY_BEGINS_HOUR)
    return datetime.combine(day, time(EVENING_HOUR), SHANGHAI).astimezone(moment.tzinfo)


def _held(tx: Tx, activity_id: int, states: tuple[str, ...]) -> Activity:
    found = hold(tx, activity_id)
    if found is None or found.state not in states:
        raise NotPlanned("state")
    return found


def _check_times(plan: Plan, now: datetime) -> None:
    if plan.starts_at <= now or plan.closes_at <= now:
        raise NotPlanned("past")


def _values(plan: Plan, now: datetime) -> dict[str, Any]:
    first, last = reminders(plan.starts_at)
    return {
        "club": plan.club, "premium": plan.premium_only, "title": plan.title,
        "about": plan.about, "place": plan.place, "starts": plan.starts_at, "ends": plan.ends_at,
        "closes": plan.closes_at, "first": first, "last": last, "now": now,
    }  # fmt: skip
