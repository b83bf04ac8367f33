"""The console by the clock: proposals that nobody has decided in time expire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from models import approvals
from models.store import Store

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
AT_ONCE = 100


@dataclass(slots=True)
class ConsoleClock:
    """Looks once a minute; a backlog takes some minutes, and nothing waits for it."""

    store: Store
    looked_at: datetime | None = None

    def tick(self, now: datetime) -> None:
        """Do what is due."""
        if self.looked_at is not None and now - self.looked_at < EVERY:
            return
        self.looked_at = now
        expired = self.store.run(lambda tx: approvals.expire(tx, now, AT_ONCE))
        if expired:
            log.info("proposals expired", count=expired)
