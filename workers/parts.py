"""What a clock does, in parts: each kind of work a bounded part of a tick, at rest after a failure.

tick ──▶ work, batch by batch ──▶ a second is over, or nothing is left ──▶ the next kind
            └──▶ it failed: said in the log, left alone for a minute; the others go on
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger()

# Of each kind of work in a tick: then the clock does something else first.
A_TICK_S = 1.0
# After a failure, which is our bug or the database's.
PAUSE = timedelta(minutes=1)

# Does a batch of what is due at this moment; says whether there may be more.
Work = Callable[[datetime], bool]


@dataclass(slots=True)
class Parts:
    """The kinds of work of one clock, in their order; `batches` of each in a tick at most."""

    clock: str
    works: Mapping[str, Work]
    batches: int | None = None
    paused: dict[str, datetime] = field(default_factory=dict)

    def tick(self, now: datetime) -> None:
        """Do a part of each. Raises nothing: the process has other clocks."""
        for name, work in self.works.items():
            if now >= self.paused.get(name, now):
                try:
                    self._do(work, now)
                except Exception as bug:
                    log.exception(
                        "clock failed", clock=self.clock, work=name, error=type(bug).__name__
                    )
                    self.paused[name] = now + PAUSE

    def _do(self, work: Work, now: datetime) -> None:
        until, done = time.monotonic() + A_TICK_S, 0
        while work(now) and time.monotonic() < until:
            done += 1
            if done == self.batches:
                return
