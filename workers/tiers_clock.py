"""Tiers by the clock: reviews that are due, and people told of their new tier, by day only.

A review is a batch in a transaction of its own; telling holds one person at a time. All progress
stands in the database: a clock that dies is followed by one that goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import Any

import structlog

from dialogs import notices as telling
from dialogs.engine import Engine
from models import points, subscribers, tiers
from models.base import Tx
from models.store import Store, Unavailable
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

REVIEWED_AT_ONCE = 500
TOLD_AT_ONCE = 100
# Of a tier, in a message: more would be a third SMS (menus/tier_rules.py).
BENEFITS_TOLD = 2


@dataclass(slots=True)
class TiersClock:
    """Reviews, and tells."""

    store: Store
    engine: Engine
    batch: int = REVIEWED_AT_ONCE
    # People whose message failed: our bug, not looked at again by this process.
    broken: set[int] = field(default_factory=set)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts(
            "tiers",
            {"review": self._review, "tell": self._tell},
        )

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _review(self, now: datetime) -> bool:
        """Review a batch; whether there may be more."""
        batch = self.batch
        try:
            made = self.store.run(lambda tx: tiers.review_due(tx, now, batch))
        except Unavailable:  # perhaps longer than a statement may: fewer, after the pause
            self.batch = max(batch // 2, 1)
            raise
        self.batch = min(batch * 2, REVIEWED_AT_ONCE)
        if made:
            found = {why: sum(one.why == why for one in made) for why in tiers.WHY}
            log.info("tiers reviewed", **found)
        return len(made) == batch

    def _tell(self, now: datetime) -> bool:
        """Tell some people of their tiers; whether there may be more."""
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        people = self.store.read(lambda tx: tiers.untold(tx, TOLD_AT_ONCE + len(self.broken)))
        people = [one for one in people if one not in self.broken]
        told = 0
        for subscriber_id in people:
            try:
                work = partial(self.tell, subscriber_id=subscriber_id, now=now)
                told += self.store.run(work)
            except LookupError as bug:
                log.exception("tier not told", subscriber=subscriber_id, error=type(bug).__name__)
                self.broken.add(subscriber_id)
        if told:
            log.info("told of tiers", people=told)
        return len(people) >= TOLD_AT_ONCE

    def tell(self, tx: Tx, subscriber_id: int, now: datetime) -> bool:
        """Owe one person the news of their tier; False where there is none, or nobody to tell."""
        who = subscribers.lock_id(tx, subscriber_id)
        change = tiers.take_untold(tx, subscriber_id, points.day_of(now))
        if change is None or who.id != subscriber_id or who.status != "active":
            return False
        words = _words(tx, change, now)
        if words is None:
            return False
        key, values = words
        telling.tell(tx, self.engine.menus(), who, key, kind="points", now=now, **values)
        return True


def _words(tx: Tx, change: tiers.Change, now: datetime) -> tuple[str, dict[str, Any]] | None:
    """What to say of a change, by how things stand now; None if it is news no more."""
    seen = tiers.both(tx, change.subscriber_id, now)
    if seen is None or seen[0].tier.code != change.to_tier:
        return None
    standing, ahead = seen
    values: dict[str, Any] = {
        "tier": standing.tier.name,
        "benefits": "、".join(standing.tier.benefits[:BENEFITS_TOLD]),
    }
    if change.why == tiers.UP and standing.valid_until:
        return "tier.up", values | {"until": _day(standing.valid_until)}
    if change.why == tiers.GRACE and standing.in_grace and standing.valid_until:
        del values["benefits"]
        more = {"until": _day(standing.valid_until), "missing": ahead.keep_missing}
        return "tier.grace", values | more
    if change.why == tiers.DOWN and ahead.next:
        more = {"missing": ahead.missing, "next": ahead.next.name}
        return "tier.down", values | more
    return None


def _day(day: date) -> str:
    """2026-12-12 -> "2026年12月12日"; the year, since it may be the next."""
    return f"{day.year}年{day.month}月{day.day}日"
