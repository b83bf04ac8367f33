"""Points by the clock: holds end, what has expired is swept, and owners are warned before it does.

Each tick does a bounded part, so that nothing else that is due waits for it. All progress stands
in the database: a clock that dies is followed by one that goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import structlog

from dialogs import notices as telling
from dialogs import offer_words
from dialogs.balance import month_and_day
from dialogs.engine import Engine
from models import expiry_warnings, points
from models.base import Tx
from models.expiry_warnings import Warned
from models.points import expiry, holds
from models.store import Store, Unavailable
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

# Batches of each kind of work in a tick.
BATCHES_A_TICK = 20
# A batch that did not end in time is tried again with half as many accounts, down to this.
LEAST_BATCH = 50
HOLDS_AT_ONCE = 50  # in one transaction, which people wait for


@dataclass(slots=True)
class PointsClock:
    """Sweeps and warns. `warn_least`: nobody is written to for fewer points."""

    store: Store
    engine: Engine
    warn_days_ahead: tuple[int, ...]
    warn_least: int
    grace_days: int  # of points that come back after their last day
    batch: int = expiry.BATCH
    swept_for: date | None = None  # the last day for which the sweep was begun
    warned_on: date | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts(
            "points",
            {"holds": self._release, "sweep": self._sweep, "warn": self._warn},
            batches=BATCHES_A_TICK,
        )

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _release(self, now: datetime) -> bool:
        """Give back what was reserved for too long; whether there may be more."""
        released = self.store.run(
            lambda tx: holds.release_due(tx, now, HOLDS_AT_ONCE, grace_days=self.grace_days)
        )
        if released:
            log.info("holds released", holds=released)
        return released == HOLDS_AT_ONCE

    def _sweep(self, now: datetime) -> bool:
        """Expire a batch; whether there may be more."""
        last = expiry.last_day(now)
        if self.swept_for != last:
            begun = self.store.run(lambda tx: expiry.begin(tx, now=now))
            self.swept_for = last
            log.info("expiry begins", day=last.isoformat(), days=begun)
        try:
            swept = self.store.run(lambda tx: expiry.sweep(tx, now=now, batch=self.batch))
        except Unavailable:
            self.batch = max(self.batch // 2, LEAST_BATCH)
            raise
        self.batch = min(self.batch * 2, expiry.BATCH)
        if swept is not None and swept.lots:
            log.info(
                "lots expired", day=swept.day.isoformat(), unit=swept.unit, lots=swept.lots,
                points=swept.points,
            )  # fmt: skip
        return swept is not None

    def _warn(self, now: datetime) -> bool:
        """Warn a batch of people; whether there may be more."""
        today = points.day_of(now)
        if not notices.may_tell(self.engine.rules.sending, now):
            return False
        if self.warned_on != today:
            ahead = self.warn_days_ahead
            self.store.run(lambda tx: expiry_warnings.begin(tx, days_ahead=ahead, now=now))
            self.warned_on = today
        if notices.too_many_wait(self.store):
            return False
        told = self.store.run(lambda tx: self._warn_some(tx, now))
        if told:
            log.info("warned of expiry", people=told)
        return told is not None

    def _warn_some(self, tx: Tx, now: datetime) -> int | None:
        people = expiry_warnings.take(tx, least=self.warn_least, now=now)
        if people is None:
            return None
        for warned in people:
            key, values = self._words(tx, warned, now)
            owed_id = telling.tell(
                tx, self.engine.menus(), warned.who, key, kind="points", now=now, **values
            )
            expiry_warnings.note(tx, warned, owed_id=owed_id, now=now)
        return len(people)

    def _words(self, tx: Tx, warned: Warned, now: datetime) -> tuple[str, dict[str, Any]]:
        values: dict[str, Any] = {
            "expiring": warned.points,
            "expiring_by": month_and_day(warned.expires_on),
            "total": warned.usable,
        }
        if warned.unit != points.POINTS:
            return "points.coins_expiring_soon", values
        rules = self.engine.rules
        shown = rules.shelf.within_reach(tx, warned.usable, rules.offers_shown, now)
        if not shown:
            return "points.expiring_soon_small", values
        return "points.expiring_soon", values | {"offers": offer_words.named(shown)}
