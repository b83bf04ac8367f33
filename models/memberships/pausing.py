"""Resting and leaving: BOSS closes the service, or opens it again, and answers later.

active ──start_suspending──▶ suspending ──closed──▶ suspended ──start_resuming──▶ resuming
   ▲                             │ refused                            opened │      │ refused
   └─────────────────────────────┴──────────────────────────────────────────┘      ▼ suspended
active ──start_leaving──▶ leaving ──closed──▶ left        suspended ──start_leaving──▶ left

While a membership rests nothing is paid and nothing used, and its terms stand still.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from models import clubs, points, sql
from models.base import Tx
from models.clubs import ACTIVE, LEAVING, LEFT, RESUMING, SUSPENDED, SUSPENDING
from models.memberships import rules as published
from models.memberships.rules import Rules
from models.memberships.terms import Membership, NotAllowed, active, find, looks_on
from models.subscribers import Subscriber

A_YEAR = timedelta(days=365)


def check_suspending(tx: Tx, who: Subscriber, code: str, now: datetime) -> Membership:
    """The membership, if it may be suspended now. Raises NotAllowed."""
    found, rules = active(tx, who, code), published.live(tx)
    if found.ends_on is not None and found.ends_on < points.day_of(now):
        raise NotAllowed("overdue")  # it would rest beyond its end: renewed first
    times = sql.value(
        tx,
        "SELECT count(*) FROM membership_changes WHERE subscriber_id = %(id)s"
        " AND club_code = %(code)s AND state = 'suspended' AND why = 'rested' AND at > %(since)s",
        {"id": who.id, "code": code, "since": now - A_YEAR},
    )
    if times >= rules.suspend_a_year:
        raise NotAllowed("often", limit=rules.suspend_a_year)
    return found


def start_suspending(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> None:
    """Mark that BOSS is being asked to close the service for a while. Raises NotAllowed."""
    check_suspending(tx, who, code, now)
    sets = {"look_on": None}
    clubs.change(tx, who, code, SUSPENDING, of=(ACTIVE,), origin=origin, now=now, sets=sets)


def suspended(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> date | None:
    """BOSS has closed it: the last day for which it may rest; None if none was being suspended."""
    rules, today = published.live(tx), points.day_of(now)
    sets = {"suspended_on": today, "look_on": rests_look(rules, today, today)}
    done = clubs.change(
        tx, who, code, SUSPENDED, of=(SUSPENDING,), origin=origin, now=now, why="rested", sets=sets
    )
    return rules.rests_until(today) if done else None


def not_suspended(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """BOSS has refused: it goes on. False if none was being suspended."""
    return _back_to_active(tx, who, code, SUSPENDING, origin=origin, now=now)


def start_resuming(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> None:
    """Mark that BOSS is being asked to open the service again. Raises NotAllowed."""
    sets = {"look_on": None}
    if clubs.change(tx, who, code, RESUMING, of=(SUSPENDED,), origin=origin, now=now, sets=sets):
        return
    active(tx, who, code)  # says why, unless it does not rest at all
    raise NotAllowed("not_resting")


def resumed(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> Membership | None:
    """BOSS has opened it: its terms are so much longer as it rested; None: none rested."""
    found, rules, today = find(tx, who, code), published.live(tx), points.day_of(now)
    if found is None or found.suspended_on is None:
        return None
    rested = today - found.suspended_on
    ends_on = found.ends_on + rested if found.ends_on else None
    premium_until = found.premium_until + rested if found.premium_until else None
    sets = {
        "suspended_on": None, "ends_on": ends_on, "premium_until": premium_until,
        "look_on": looks_on(rules, rules.of(code), today, ends_on, premium_until),
    }  # fmt: skip
    done = clubs.change(
        tx, who, code, ACTIVE, of=(RESUMING,), origin=origin, now=now, why="resumed", sets=sets
    )
    return find(tx, who, code) if done else None


def not_resumed(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """BOSS has refused: it goes on resting. False if none was being resumed."""
    found, rules = find(tx, who, code), published.live(tx)
    if found is None or found.suspended_on is None:
        return False
    sets = {"look_on": rests_look(rules, found.suspended_on, points.day_of(now))}
    return clubs.change(
        tx, who, code, SUSPENDED, of=(RESUMING,), origin=origin, now=now, why="refused", sets=sets
    )


def start_leaving(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """Whether BOSS must close the service first; what rests is closed, and left at once.

    Raises NotAllowed.
    """
    if clubs.change(tx, who, code, LEFT, of=(SUSPENDED,), origin=origin, now=now):
        return False
    active(tx, who, code)
    sets = {"look_on": None}
    clubs.change(tx, who, code, LEAVING, of=(ACTIVE,), origin=origin, now=now, sets=sets)
    return True


def left(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """BOSS has closed it. False if nobody was leaving."""
    return clubs.change(tx, who, code, LEFT, of=(LEAVING,), origin=origin, now=now)


def stayed(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """BOSS has refused: the member has what they go on paying for. False if nobody was leaving."""
    return _back_to_active(tx, who, code, LEAVING, origin=origin, now=now)


def rests_look(rules: Rules, since: date, today: date) -> date:
    """When the clock next looks at what rests since that day: reminders, and the end."""
    last = rules.rests_until(since)
    moments = [last - timedelta(days=days) for days in rules.remind_days]
    end = last + timedelta(days=1)
    return min((day for day in moments if day > today), default=max(end, today))


def _back_to_active(
    tx: Tx, who: Subscriber, code: str, of: str, *, origin: str, now: datetime
) -> bool:
    found, rules, today = find(tx, who, code), published.live(tx), points.day_of(now)
    if found is None:
        return False
    look = looks_on(rules, rules.of(code), today, found.ends_on, found.premium_until)
    # What ran out while BOSS was silent is looked at now.
    overdue = look is None and (found.ends_on or found.premium_until) is not None
    sets = {"look_on": today if overdue else look}
    return clubs.change(
        tx, who, code, ACTIVE, of=(of,), origin=origin, now=now, why="refused", sets=sets
    )
