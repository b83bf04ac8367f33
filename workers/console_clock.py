"""The console by the clock: proposals that nobody has decided in time expire."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from models import approvals
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
AT_ONCE = 100


@dataclass(slots=True)
class ConsoleClock:
    """Looks once a minute; a backlog takes some minutes, and nothing waits for it."""

    store: Store
    looked_at: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("console", {"proposals": self._expire})

    def tick(self, now: datetime) -> None:
        """Do what is due. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _expire(self, now: datetime) -> bool:
        if self.looked_at is not None and now - self.looked_at < EVERY:
            return False
        self.looked_at = now
        expired = self.store.run(lambda tx: approvals.expire(tx, now, AT_ONCE))
        if expired:
            log.info("proposals expired", count=expired)
        return False
