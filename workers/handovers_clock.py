"""Hand-overs by the clock: what nobody has said a word in for too long ends, and is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import structlog

from dialogs import attended
from dialogs.engine import Engine
from models import handovers
from models.base import Tx
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

AT_ONCE = 100


@dataclass(slots=True)
class HandoversClock:
    """Ends what is over."""

    store: Store
    engine: Engine
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("handovers", {"end": self._end})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _end(self, now: datetime) -> bool:
        def work(tx: Tx) -> int:
            ended = handovers.close_due(tx, now, limit=AT_ONCE)
            for found in ended:
                attended.ended(tx, self.engine.menus(), found, by=handovers.BY_CLOCK, now=now)
            return len(ended)

        ended = self.store.run(work)
        if ended:
            log.info("hand-overs ended", people=ended)
        return ended >= AT_ONCE
