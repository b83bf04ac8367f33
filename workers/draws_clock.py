"""Draws by the clock: seeds are promised ahead and revealed afterwards, prizes go their way.

promise · reveal · end          each minute
settle                          what BOSS has answered about packages, told at once
remind · forfeit                parcels without an address, told by day
forget                          where parcels went, long after they were sent
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialogs import draw_news
from dialogs.engine import Engine
from models import subscribers
from models.base import Tx
from models.draws import giving, parcels, publishing, seeds
from models.draws.results import Won
from models.store import Store
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
AT_ONCE = 50


@dataclass(slots=True)
class DrawsClock:
    """Looks once a minute, but at BOSS's answers each time."""

    store: Store
    engine: Engine
    looked_at: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        works = {
            "days": self._days, "settle": self._settle, "remind": self._remind,
            "forfeit": self._forfeit,
        }  # fmt: skip
        self.parts = Parts("draws", works)

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _days(self, now: datetime) -> bool:
        """End draws that are over; promise the seeds of days to come; reveal those of days over."""
        if self.looked_at is not None and timedelta() <= now - self.looked_at < EVERY:
            return False
        keep = self.engine.rules.seeds
        ended = self.store.run(lambda tx: publishing.end_due(tx, now))
        promised = self.store.run(lambda tx: seeds.promise_ahead(tx, keep, now))
        revealed = self.store.run(lambda tx: seeds.reveal_due(tx, keep, now, AT_ONCE))
        self.store.run(lambda tx: parcels.forget(tx, now))
        if ended or promised or revealed:
            log.info("draws looked after", ended=ended, promised=promised, revealed=len(revealed))
        if len(revealed) < AT_ONCE:
            self.looked_at = now
        return len(revealed) == AT_ONCE

    def _settle(self, now: datetime) -> bool:
        due = self.store.read(lambda tx: giving.answered(tx, AT_ONCE))
        for subscriber_id, result_id in due:
            self.store.run(
                partial(self.settle, subscriber_id=subscriber_id, result_id=result_id, now=now)
            )
        return len(due) == AT_ONCE

    def settle(self, tx: Tx, *, subscriber_id: int, result_id: int, now: datetime) -> None:
        """Note one answer of BOSS, and tell the person."""
        won = giving.settle(tx, subscriber_id=subscriber_id, result_id=result_id, now=now)
        if won is not None:
            draw_news.package(tx, self.engine, won, now)

    def _remind(self, now: datetime) -> bool:
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        due = self.store.read(lambda tx: parcels.to_remind(tx, now, AT_ONCE))
        for won in due:
            self.store.run(partial(self.remind, won=won, now=now))
        return len(due) == AT_ONCE

    def remind(self, tx: Tx, *, won: Won, now: datetime) -> None:
        """Tell one person, once, until when their parcel waits for an address."""
        subscribers.lock_id(tx, won.subscriber_id)
        if parcels.reminded(tx, won, now):
            draw_news.reminder(tx, self.engine, won, now)

    def _forfeit(self, now: datetime) -> bool:
        if not notices.may_tell(self.engine.rules.sending, now):
            return False
        due = self.store.read(lambda tx: parcels.overdue(tx, now, AT_ONCE))
        for won in due:
            self.store.run(partial(self.forfeit, won=won, now=now))
        return len(due) == AT_ONCE

    def forfeit(self, tx: Tx, *, won: Won, now: datetime) -> None:
        """Put one prize back, and tell who had won it."""
        if parcels.forfeit(tx, won, now) is not None:
            draw_news.forfeited(tx, self.engine, won, now)
