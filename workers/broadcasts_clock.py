"""Broadcasts by the clock: what has left is noted, and the next ones become owed, at their pace.

Any number of clocks may do this at once: a broadcast is held while it is looked at, and whoever
finds it held goes on to the next. All progress stands in the database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from models import outbox
from models.broadcasts import acting, following, queueing
from models.broadcasts.queueing import Pacing
from models.broadcasts.tables import QUEUED, SENT
from models.sending_policy import Policy
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

FOLLOWED_AT_ONCE = 2000
# Of those whose receipt has not come; there may be a million that never get one.
RECEIPTS_A_TICK = 5  # times as many


@dataclass(slots=True)
class BroadcastsClock:
    """Queues what runs, follows what was queued, reopens what nobody approved."""

    store: Store
    policy: Policy
    pacing: Pacing
    nudges: Callable[[Collection[str]], None]
    # How far a broadcast has been followed, by its number; what is beyond comes at the next tick.
    seen: dict[int, int] = field(default_factory=dict)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts(
            "broadcasts",
            {
                "reopen": self._reopen, "follow": self._follow, "receipts": self._receipts,
                "queue": self._queue,
            },
        )  # fmt: skip

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _reopen(self, now: datetime) -> bool:
        self.store.alone(lambda tx: acting.reopen(tx, now))
        return False

    def _follow(self, now: datetime) -> bool:
        """Look at all that is owed, which is little."""
        for number in self._open(now):
            after: int | None = 0
            while after is not None:
                after = self._look_at(number, QUEUED, after)
        return False

    def _receipts(self, now: datetime) -> bool:
        """Look at some of what was sent, in turn."""
        numbers = self._open(now)
        for number in numbers:
            for _ in range(RECEIPTS_A_TICK):
                self.seen[number] = self._look_at(number, SENT, self.seen.get(number, 0)) or 0
                if not self.seen[number]:
                    break
        self.seen = {number: self.seen[number] for number in numbers}
        return False

    def _open(self, now: datetime) -> list[int]:
        return self.store.read(lambda tx: following.open_ones(tx, now))

    def _look_at(self, number: int, state: str, after: int) -> int | None:
        return self.store.run(
            partial(
                following.follow, number=number, state=state, after=after, limit=FOLLOWED_AT_ONCE
            )
        )

    def _queue(self, now: datetime) -> bool:
        """A batch of each that runs; whether there may be more."""
        more, owed = False, 0
        for number in self.store.read(queueing.running):
            step = partial(
                queueing.queue, number=number, policy=self.policy, pacing=self.pacing, now=now
            )
            batch = self.store.run(step)
            more, owed = more or batch.more, owed + batch.queued
            if batch.done:
                log.info("broadcast done", broadcast=number)
        if owed:
            self.nudges((outbox.BULK,))
        return more
