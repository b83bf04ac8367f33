"""What a person reads of a tier: where they stand now, what is missing, what will not count soon.

Looking changes nothing: legs that nobody has counted yet are counted on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models import sql
from models.base import Tx
from models.points import day_of
from models.subscribers import Subscriber
from models.tiers import counting
from models.tiers.rules import Rules, Tier, live


@dataclass(frozen=True, slots=True)
class Standing:
    """`counted`: the points that count now. `valid_until` None: the lowest, which stays."""

    tier: Tier
    since: date
    valid_until: date | None
    in_grace: bool
    counted: int


@dataclass(frozen=True, slots=True)
class Projection:
    """What is missing, in points, and until when all that counts now still does.

    `missing` to the `next` tier, 0 where there is none. After `by` the `lapsing` points count no
    more; None: nothing will lapse. `keep_missing` points more keep the tier at its review.
    """

    next: Tier | None
    missing: int
    by: date | None
    lapsing: int
    keep_missing: int


@dataclass(frozen=True, slots=True)
class _Seen:
    rules: Rules
    standing: Standing
    months: list[tuple[date, int]]  # and the points of each that count

    def left_on(self, day: date) -> int:
        """How many of the points that count now will count on a day."""
        kept = (n for month, n in self.months if self.rules.counted_until(month) >= day)
        return max(0, sum(kept))


def standing(tx: Tx, subscriber: Subscriber, now: datetime) -> Standing | None:
    """Where a person stands; None where no tiers are published.

    Points enough for a higher tier show it, though nobody has written it down yet.
    """
    seen = _look(tx, subscriber.id, now)
    return seen.standing if seen else None


def project(tx: Tx, subscriber: Subscriber, now: datetime) -> Projection | None:
    """The next tier and what it takes; None where no tiers are published."""
    seen = _look(tx, subscriber.id, now)
    return _projection(seen) if seen else None


def both(tx: Tx, subscriber_id: int, now: datetime) -> tuple[Standing, Projection] | None:
    """Both at the price of one."""
    seen = _look(tx, subscriber_id, now)
    return (seen.standing, _projection(seen)) if seen else None


def _look(tx: Tx, subscriber_id: int, now: datetime) -> _Seen | None:
    rules, today = live(tx), day_of(now)
    if rules is None:
        return None
    row = sql.first(
        tx,
        "SELECT tier, since, review_on, grace_until IS NOT NULL FROM tier_standings"
        " WHERE subscriber_id = %(id)s",
        {"id": subscriber_id},
    )
    code, since, review_on, in_grace = row or (rules.lowest.code, today, None, False)
    first = rules.first_month(today)
    months = [
        (month, rules.weigh(earned, spent))
        for month, earned, spent in counting.by_month(
            tx, rules.counting, subscriber_id, first=first
        )
    ]
    counted = max(0, sum(n for _, n in months))
    reached = rules.reached(counted)
    if rules.rank(reached.code) > rules.rank(code):
        code, since, review_on, in_grace = reached.code, today, rules.review_after(today), False
    valid_until = review_on - timedelta(days=1) if review_on else None
    return _Seen(rules, Standing(rules.tier(code), since, valid_until, in_grace, counted), months)


def _projection(seen: _Seen) -> Projection:
    has, higher = seen.standing, seen.rules.after(seen.standing.tier)
    by, lapsing = _next_lapse(seen, [seen.rules.counted_until(month) for month, _ in seen.months])
    keep = 0
    if has.valid_until is not None:
        left = seen.left_on(has.valid_until + timedelta(days=1))
        keep = max(0, has.tier.threshold - left)
    missing = max(0, higher.threshold - has.counted) if higher else 0
    return Projection(higher, missing, by, lapsing, keep)


def _next_lapse(seen: _Seen, ends: Sequence[date]) -> tuple[date | None, int]:
    """The last day on which all that counts now still does, and how much is lost after it."""
    for end in ends:
        lapsing = seen.standing.counted - seen.left_on(end + timedelta(days=1))
        if lapsing > 0:
            return end, lapsing
    return None, 0
