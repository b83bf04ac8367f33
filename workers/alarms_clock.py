"""SMS figures by the clock: counts are added up, prices noted, the old is forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models import sms_counts
from models.store import Store
from workers.parts import Parts

FOLD_AT_ONCE = 5000
TIDY_EVERY = timedelta(minutes=10)


@dataclass(slots=True)
class AlarmsClock:
    """`milli_fen`: gateway -> what a segment costs, of those that have a price."""

    store: Store
    milli_fen: Mapping[str, int]
    tidied_at: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("alarms", {"fold": self._fold, "tidy": self._tidy})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _fold(self, _now: datetime) -> bool:
        return self.store.run(lambda tx: sms_counts.fold(tx, FOLD_AT_ONCE)) == FOLD_AT_ONCE

    def _tidy(self, now: datetime) -> bool:
        if self.tidied_at is not None and now - self.tidied_at < TIDY_EVERY:
            return False
        self.tidied_at = now
        self.store.run(lambda tx: sms_counts.keep_prices(tx, self.milli_fen, now))
        self.store.run(lambda tx: sms_counts.forget_old(tx, now))
        return False
