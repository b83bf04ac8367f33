"""Joining again: a term that was left goes on, and a new one is never had without its price.

left, or ended ── kept_until, kept_premium ──▶ joins again ── kept_until still to come ──▶ goes on
                                                  ├── its grace is not over ──▶ goes on, overdue
                                                  └── over ──▶ a new term, for what renewing costs
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models import clubs, points
from models.base import Tx
from models.clubs import ACTIVE
from models.memberships import rules as published
from models.memberships.rules import ORDINARY, PREMIUM, ClubRules, Rules
from models.memberships.terms import Membership, NotAllowed, Quote, columns, find
from models.points import NEVER, Cause, NotEnough
from models.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Beginning:
    """What joining now begins with; `price`: points for a new term, 0: nothing to pay."""

    ends_on: date | None
    premium_until: date | None  # what is left of premium; NEVER: it has no end
    price: int = 0

    @property
    def quote(self) -> Quote | None:
        """What must be agreed to; None: nothing has to be paid."""
        if not self.price or self.ends_on is None:
            return None
        return Quote(ORDINARY, self.price, self.ends_on)


def join(
    tx: Tx, who: Subscriber, code: str, *, origin: str, now: datetime, agreed: str = "",
    channel: str = "clock",
) -> bool:  # fmt: skip
    """Make the person a member: their first term, what was left of one, or one that is paid for.

    `agreed`: the quote that was agreed to. False if they were one already: nothing is paid.
    """
    rules, today = published.live(tx), points.day_of(now)
    found = find(tx, who, code)
    if not rules.version:  # it begins when there are some
        return clubs.join(tx, who, code, origin=origin, now=now)
    if found is not None and found.state in clubs.STANDING:
        return False
    starts, serial = _begun(
        tx, who, found, code, rules, agreed=agreed, channel=channel, origin=origin, now=now
    )
    terms = columns(rules, code, today, starts.ends_on, None)
    del terms["premium_until"]
    done = clubs.join(tx, who, code, origin=origin, now=now, terms=terms, serial=serial)
    if done and starts.premium_until is not None:
        last = None if starts.premium_until == NEVER else starts.premium_until
        sets = columns(rules, code, today, starts.ends_on, last) | {"level": PREMIUM}
        clubs.change(
            tx, who, code, ACTIVE, of=(ACTIVE,), origin=origin, now=now, why="again", sets=sets
        )
    return done


def beginning(tx: Tx, who: Subscriber, code: str, now: datetime) -> Beginning:
    """With which term this person would join, or join again, now."""
    return _beginning(find(tx, who, code), published.live(tx).of(code), points.day_of(now))


def due_to_join(tx: Tx, who: Subscriber, code: str, now: datetime) -> Quote | None:
    """What joining again costs in points, if anything. Raises NotAllowed: too few of them."""
    quote = beginning(tx, who, code, now).quote
    if quote is not None:
        have = points.balance(tx, who, now=now, expiring_days=1).usable
        if have < quote.price:
            raise NotAllowed("points", have=have, price=quote.price)
    return quote


def _begun(
    tx: Tx, who: Subscriber, found: Membership | None, code: str, rules: Rules, *, agreed: str,
    channel: str, origin: str, now: datetime,
) -> tuple[Beginning, int | None]:  # fmt: skip
    """What a join begins with, paid for if it was agreed to, and the transfer's serial number.

    Whoever has not agreed to its price, or has not the points any more, begins with a term that is
    over: they are members for its grace, and renew within it.
    """
    today = points.day_of(now)
    starts = _beginning(found, rules.of(code), today)
    if starts.quote is None or found is None:
        return starts, None
    overdue = Beginning(today - timedelta(days=1), starts.premium_until)
    if starts.quote.agreed != agreed:
        return overdue, None
    cause = Cause(f"club:{who.id}:{code}:{found.changes}", "club", channel, origin)
    try:
        paid = points.spend(
            tx, who, points=starts.price, into=published.account(code), cause=cause, now=now
        )
    except NotEnough:
        return overdue, None
    return starts, paid.serial


def _beginning(found: Membership | None, rule: ClubRules, today: date) -> Beginning:
    terms = rule.ordinary
    kept = found.kept_until if found else None
    premium = found.kept_premium if found else None
    left = premium if rule.premium is not None and premium and premium >= today else None
    if kept is None or not terms.term_months:
        return Beginning(terms.first_term(today), left)
    price = terms.price_points or 0
    if kept >= today or (price and today <= kept + timedelta(days=terms.grace_days)):
        return Beginning(kept, left)
    return Beginning(terms.first_term(today), left, price)
