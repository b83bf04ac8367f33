"""Merchants by the clock: each is rated once a month, by what is known then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from functools import partial

import structlog

from models.merchants import rating
from models.merchants.rating import NoRules
from models.points import SHANGHAI, day_of
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

AT_ONCE = 50  # merchants in a tick, each in a transaction of its own


@dataclass(slots=True)
class MerchantsClock:
    """Rates those that have not been rated since the month began in China."""

    store: Store
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("merchants", {"rate": self._rate})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _rate(self, now: datetime) -> bool:
        """Rate some; whether there may be more."""
        month = datetime.combine(day_of(now).replace(day=1), time(), SHANGHAI)
        due = self.store.read(partial(rating.due, before=month, limit=AT_ONCE))
        for code in due:
            try:
                made = self.store.run(
                    partial(rating.rerate, merchant_code=code, now=now, why="monthly")
                )
            except NoRules:
                return False  # until somebody publishes some
            if made:
                log.info("merchant rated", merchant=code, rating=made.rating, score=made.score)
        return len(due) == AT_ONCE
