"""The worker's job: drain one queue of the outbox.

A job in Redis is only a nudge; what there is to do stands in the outbox table.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from models import outbox
from models.outbox import Owed
from workers.calls import Caller
from workers.deliver import Deliverer
from workers.retries import Desk

# Then the job makes room for a nudge of a more urgent queue, and comes back.
BATCHES_A_JOB = 20


@dataclass(frozen=True, slots=True)
class Drainer:
    """Takes what is owed in a queue, a batch at a time, until nothing is due."""

    desk: Desk
    deliverer: Deliverer
    caller: Caller
    batch: int
    senders: int
    pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pool", ThreadPoolExecutor(self.senders, "sender"))

    def drain(self, queue: str) -> int:
        """Send and call all that is due; returns how many rows were worked on."""
        self.desk.nudges.taken(queue)
        done = 0
        for _ in range(BATCHES_A_JOB):
            rows = self.desk.take(queue, self.batch)
            if not rows:
                return done
            done += len(rows)
            list(self.pool.map(self._work, rows))
        self.desk.nudges((queue,))
        return done

    def _work(self, owed: Owed) -> None:
        if owed.kind == "call":
            self.desk.guard(owed, self.caller.call)
        else:
            self.desk.guard(owed, self.deliverer.deliver)


_drainer: Drainer | None = None


def wire(drainer: Drainer) -> None:
    """Give this worker process what its jobs work with."""
    global _drainer
    _drainer = drainer


def drain(queue: str) -> int:
    """What the nudges in Redis name."""
    if _drainer is None:
        raise RuntimeError("start workers with `python app.py worker`")
    return _drainer.drain(queue) if queue in outbox.QUEUES else 0
