"""Terms: when a membership and its level end, renewed for points or for nothing, and premium.

joined ──begin──▶ a term ──30 days before──▶ renewable ──▶ its last day ──grace──▶ ended (due.py)
                    └── premium, for points or by what was done (progress.py): a term of its own

Whoever changes a membership holds the person. A quote is what somebody is asked to agree to; pay()
compares it again, so nobody pays another price, or for another term, than they said yes to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from models import clubs, points, sql
from models.base import Tx
from models.clubs import ACTIVE, Club
from models.memberships import rules as published
from models.memberships.rules import ORDINARY, PREMIUM, ClubRules, Level, Rules
from models.points import Cause, NotEnough
from models.subscribers import Subscriber


class NotAllowed(Exception):
    """Nothing has changed: `why`, and `facts` for the words that say so.

    not_member, opening, resting (suspended), busy (BOSS is being asked), no_end (never renewed),
    too_early (`starts`, `until`), no_premium, not_for_sale, points (`have`, `price`), changed (not
    what was agreed to), overdue (its term is over), often (`limit` a year), not_resting.
    """

    def __init__(self, why: str, **facts: Any) -> None:
        super().__init__(why)
        self.why = why
        self.facts: Mapping[str, Any] = facts


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's membership; `ends_on`, `premium_until`: last days, None: no end."""

    club: Club
    state: str
    level: str
    since: datetime | None
    ends_on: date | None
    premium_until: date | None
    suspended_on: date | None
    look_on: date | None
    changes: int
    kept_until: date | None  # of who has left: the last day of the term that they had
    kept_premium: date | None  # and of premium

    @property
    def is_premium(self) -> bool:
        return self.level == PREMIUM


@dataclass(frozen=True, slots=True)
class Quote:
    """What another term of a level costs, in points, and its last day."""

    level: str
    price: int
    until: date

    @property
    def agreed(self) -> str:
        """What somebody says yes to, as a conversation or a form keeps it."""
        return f"{self.level}:{self.price}:{self.until}"


_MEMBERSHIP = (
    "SELECT c.code, c.name, c.intro, c.price_fen, c.boss_service, m.state, m.level, m.since,"
    " m.ends_on, m.premium_until, m.suspended_on, m.look_on, m.changes, m.kept_until,"
    " m.kept_premium"
    " FROM memberships m JOIN clubs c ON c.code = m.club_code WHERE m.subscriber_id = %(id)s"
)


def find(tx: Tx, who: Subscriber, code: str) -> Membership | None:
    """This person's membership in a club, whatever its state; None: there never was one."""
    row = sql.first(tx, f"{_MEMBERSHIP} AND c.code = %(code)s", {"id": who.id, "code": code})
    return _membership(row) if row else None


def all_of(tx: Tx, who: Subscriber) -> list[Membership]:
    """The memberships of this person, resting ones too, in the operator's order of the clubs."""
    rows = sql.rows(
        tx,
        f"{_MEMBERSHIP} AND m.state = ANY (%(states)s) ORDER BY c.position",
        {"id": who.id, "states": [clubs.OPENING, *clubs.STANDING]},
    )
    return [_membership(row) for row in rows]


def active(tx: Tx, who: Subscriber, code: str) -> Membership:
    """A membership that has the services. Raises NotAllowed."""
    found = find(tx, who, code)
    if found is None or found.state in clubs.NO_MEMBER:
        raise NotAllowed("not_member")
    if found.state == ACTIVE:
        return found
    why = {clubs.OPENING: "opening", clubs.SUSPENDED: "resting"}.get(found.state, "busy")
    raise NotAllowed(why)


def begin(tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime) -> date | None:
    """Begin the first term of who has joined without one; its last day, None: no end."""
    found = find(tx, who, code)
    rules, today = published.live(tx), points.day_of(now)
    if found is None or found.state != ACTIVE or found.ends_on is not None or not rules.version:
        return found.ends_on if found else None
    last = rules.of(code).ordinary.first_term(today)
    sets = columns(rules, code, today, last, found.premium_until)
    clubs.change(tx, who, code, ACTIVE, of=(ACTIVE,), origin=origin, now=now, why="term", sets=sets)
    return last


def quote(tx: Tx, who: Subscriber, code: str, level: str, now: datetime) -> Quote:
    """What another term of this level, or the first premium one, costs now. Raises NotAllowed."""
    return _quote(active(tx, who, code), published.live(tx), level, points.day_of(now))


def pay(
    tx: Tx, who: Subscriber, code: str, *, agreed: str, channel: str, origin: str, now: datetime
) -> Quote:
    """Renew, or become premium, for what was agreed to (Quote.agreed). Raises NotAllowed."""
    found, rules, today = active(tx, who, code), published.live(tx), points.day_of(now)
    level = PREMIUM if agreed.startswith(f"{PREMIUM}:") else ORDINARY
    offered = _quote(found, rules, level, today)
    if offered.agreed != agreed:
        raise NotAllowed("changed")
    serial = None
    if offered.price:
        # Of this very change of the membership, so that two who say yes at once pay once.
        cause = Cause(f"club:{who.id}:{code}:{found.changes}", "club", channel, origin)
        try:
            serial = points.spend(
                tx, who, points=offered.price, into=published.account(code), cause=cause, now=now
            ).serial
        except NotEnough as short:
            raise NotAllowed("points", have=short.have, price=offered.price) from None
    if level == PREMIUM:
        _become_premium(
            tx, who, found, rules, offered.until, origin=origin, now=now,
            why="paid", serial=serial,
        )  # fmt: skip
    else:
        sets = columns(rules, code, today, offered.until, found.premium_until)
        clubs.change(
            tx, who, code, ACTIVE, of=(ACTIVE,), origin=origin, now=now, why="renewed", sets=sets,
            serial=serial,
        )  # fmt: skip
    return offered


def reach_premium(
    tx: Tx, who: Subscriber, found: Membership, rules: Rules, *, origin: str, now: datetime
) -> date:
    """Make a member premium, or keep them so, for what they have done; the last day of it."""
    level, last = rules.of(found.club.code).premium or Level(), found.premium_until
    today = points.day_of(now)
    first = level.first_term(today) or today
    until = max(first, level.next_term(last)) if last else first
    _become_premium(tx, who, found, rules, until, origin=origin, now=now, why="reached")
    return until


def _become_premium(
    tx: Tx, who: Subscriber, found: Membership, rules: Rules, until: date, *, origin: str,
    now: datetime, why: str, serial: int | None = None,
) -> None:  # fmt: skip
    """What was paid for is not lost by an earlier end of the membership itself."""
    last = max(found.ends_on, until) if found.ends_on else None
    sets = columns(rules, found.club.code, points.day_of(now), last, until)
    clubs.change(
        tx, who, found.club.code, ACTIVE, of=(ACTIVE,), origin=origin, now=now, why=why,
        sets=sets | {"level": PREMIUM}, serial=serial,
    )  # fmt: skip


def _quote(found: Membership, rules: Rules, level: str, today: date) -> Quote:
    rule = rules.of(found.club.code)
    if level == PREMIUM and rule.premium is None:
        raise NotAllowed("no_premium")
    is_first = level == PREMIUM and not found.is_premium
    terms = rule.premium if level == PREMIUM and rule.premium else rule.ordinary
    if is_first:
        until = terms.first_term(today)
    else:
        last = found.premium_until if level == PREMIUM else found.ends_on
        if last is None or not terms.term_months:
            raise NotAllowed("no_end")
        starts = last - timedelta(days=rules.renew_days)
        if today < starts:
            raise NotAllowed("too_early", starts=starts, until=last)
        until = terms.next_term(last)
    if terms.price_points is None:
        raise NotAllowed("not_for_sale")
    if until is None:
        raise NotAllowed("no_end")
    return Quote(level, terms.price_points, until)


def columns(
    rules: Rules, code: str, today: date, ends_on: date | None, premium_until: date | None
) -> dict[str, object]:
    """The columns of these terms, and when the clock next has something to do about them."""
    return {
        "ends_on": ends_on, "premium_until": premium_until,
        "look_on": looks_on(rules, rules.of(code), today, ends_on, premium_until),
    }  # fmt: skip


def looks_on(
    rules: Rules, rule: ClubRules, today: date, ends_on: date | None, premium_until: date | None
) -> date | None:
    """The next day after today on which one of these terms wants a reminder, or an end."""
    moments: list[date] = []
    premium = rule.premium.grace_days if rule.premium else 0
    for last, grace in ((ends_on, rule.ordinary.grace_days), (premium_until, premium)):
        if last is not None:
            moments += [last - timedelta(days=days) for days in rules.remind_days]
            moments += [last + timedelta(days=1), last + timedelta(days=grace + 1)]
    return min((day for day in moments if day > today), default=None)


def _membership(row: tuple[Any, ...]) -> Membership:
    return Membership(Club(*row[:5]), *row[5:])
