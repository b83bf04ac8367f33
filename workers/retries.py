"""What every attempt has in common: a lease, backoff with jitter, and an end to patience."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from integrations import errors as calling
from models import outbox
from models.outbox import Owed
from models.store import Store, Unavailable
from sms import errors as sending
from workers.nudges import Nudges

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long something is tried."""

    attempts: int
    backoff_first: timedelta
    backoff_most: timedelta
    lease: timedelta
    ask_again: timedelta


@dataclass(frozen=True, slots=True)
class Desk:
    """Where workers take rows from and put them back."""

    store: Store
    nudges: Nudges
    patience: Patience
    now: Callable[[], datetime]

    def take(self, queue: str, limit: int) -> list[Owed]:
        """Rows that are due, leased to us."""
        now = self.now()
        return self.store.alone(
            lambda tx: outbox.take(tx, queue=queue, limit=limit, lease=self.patience.lease, now=now)
        )

    def submitting(self, owed: Owed) -> bool:
        """Say that it leaves now; False if the row is not ours any more."""
        now, lease = self.now(), self.patience.lease
        return self.store.alone(lambda tx: outbox.submitting(tx, owed, lease=lease, now=now))

    def guard(self, owed: Owed, work: Callable[[Owed], None]) -> None:
        """Do the work on a row and file what comes of it. Raises nothing: the lease heals."""
        try:
            self._attempt(owed, work)
        except Unavailable:
            log.warning("row left to its lease", owed=owed.id, why="database unavailable")

    def _attempt(self, owed: Owed, work: Callable[[Owed], None]) -> None:
        try:
            work(owed)
        except (calling.TryLater, sending.TryLater) as later:
            self._put_off(owed, str(later), later.after_s)
        except sending.Unknown as unknown:
            self._put_off(owed, str(unknown), None)
        except (calling.CallFailed, sending.Refused) as refused:
            # A call that is refused outright is no answer to the person who waits for it: an
            # operator puts right what is wrong (a secret, an address) and tries it again.
            self.give_up(owed, "dead" if owed.kind == "call" else "failed", str(refused))
        except Unavailable:
            raise
        except Exception as bug:
            log.exception("row failed", owed=owed.id, kind=owed.kind, error=type(bug).__name__)
            self._put_off(owed, f"{type(bug).__name__} in our own code", None)

    def give_up(self, owed: Owed, state: str, error: str) -> None:
        """No more tries."""
        log.error("gave up", owed=owed.id, kind=owed.kind, state=state, error=error)
        now = self.now()
        self.store.alone(lambda tx: outbox.give_up(tx, owed, state=state, error=error, now=now))

    def _put_off(self, owed: Owed, error: str, after_s: float | None) -> None:
        if owed.attempts >= self.patience.attempts:
            self.give_up(owed, "dead", error)
            return
        until = self.now() + self._wait(owed.attempts, after_s)
        log.warning("put off", owed=owed.id, kind=owed.kind, attempt=owed.attempts, error=error)
        self.store.alone(lambda tx: outbox.put_off(tx, owed, until=until, error=error))

    def _wait(self, attempt: int, after_s: float | None) -> timedelta:
        if after_s is not None:
            return timedelta(seconds=after_s)
        doubled: timedelta = self.patience.backoff_first * 2.0 ** (attempt - 1)
        # Spread out, so that those who failed together do not come back together.
        return min(doubled, self.patience.backoff_most) * random.uniform(0.75, 1.25)
