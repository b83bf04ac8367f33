"""Privacy by the clock: the numbers of deleted people go from what was still owed to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from models.privacy import erasure
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
AT_ONCE = 20  # people in a tick, each in a transaction of its own


@dataclass(slots=True)
class PrivacyClock:
    """`patience`: a message to somebody who was deleted is given up after it."""

    store: Store
    patience: timedelta
    looked_at: datetime | None = None
    passed: list[int] = field(default_factory=list)  # looked at lately: others come first
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("privacy", {"deletions": self._finish})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _finish(self, now: datetime) -> bool:
        if self.looked_at is not None and now - self.looked_at < EVERY:
            return False
        self.looked_at = now
        waiting = self.store.read(partial(erasure.unfinished, limit=1000))
        due = [person for person in waiting if person not in self.passed][:AT_ONCE]
        self.passed = self.passed + due if len(due) == AT_ONCE else []
        for person in due:
            done = self.store.run(
                partial(erasure.finish, person=person, patience=self.patience, now=now)
            )
            if done:
                log.info("deletion finished", subscriber=person)
        return False
