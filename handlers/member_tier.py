"""The tier on the account page: what it is, until when, how far the next one is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from models import tiers
from models.base import Tx
from models.subscribers import Subscriber

_COUNTED = {
    "earned": "新得到的积分", "spent": "用掉的积分", "both": "新得到和用掉的积分",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    """What the page shows; `lapsing` points count no more after `lapsing_after`."""

    name: str
    benefits: tuple[str, ...]
    valid_until: date | None
    in_grace: bool
    counted: int
    counts: str  # earned | spent | both
    what_counts: str
    months: int
    next_name: str | None
    next_threshold: int
    next_benefits: tuple[str, ...]
    missing: int
    keep_missing: int
    lapsing: int
    lapsing_after: date | None

    @property
    def percent(self) -> int:
        """How much of the way to the next tier is done; 100 only when all of it is."""
        return min(100, self.counted * 100 // self.next_threshold) if self.next_threshold else 100


def card(tx: Tx, who: Subscriber, now: datetime) -> Card | None:
    """The card of this person, or None where there are no tiers."""
    rules = tiers.live(tx)
    seen = tiers.both(tx, who.id, now)
    if rules is None or seen is None:
        return None
    standing, ahead = seen
    return Card(
        name=standing.tier.name,
        benefits=standing.tier.benefits,
        valid_until=standing.valid_until,
        in_grace=standing.in_grace,
        counted=standing.counted,
        counts=rules.counts,
        what_counts=_COUNTED[rules.counts],
        months=rules.period_months,
        next_name=ahead.next.name if ahead.next else None,
        next_threshold=ahead.next.threshold if ahead.next else 0,
        next_benefits=ahead.next.benefits if ahead.next else (),
        missing=ahead.missing,
        keep_missing=ahead.keep_missing,
        lapsing=ahead.lapsing,
        lapsing_after=ahead.by,
    )
