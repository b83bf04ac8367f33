"""What every attempt has in common: a lease, backoff with jitter, and an end to patience."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import redis
import structlog

from integrations import errors as calling
from integrations.breaker import Breaker, Breakers, ShutOff, Tolerance
from models import outbox
from models.outbox import Owed
from models.store import Store, Unavailable
from sms import errors as sending
from workers.nudges import Nudges

log = structlog.get_logger()


class NotNow(Exception):
    """It is to leave later: by day. That was no try."""

    def __init__(self, until: datetime) -> None:
        super().__init__("by day")
        self.until = until


# What asks us to go slower: the system is well. WeChat: this minute's limit; Twilio: too many
# requests, the sender's queue is full.
SLOW_DOWN = frozenset({429, 45011, 20429, 21611})
# Whatever else a call raises is an answer; what is neither is our own bug.
ANSWERS = (calling.CallFailed, sending.SmsFailed)


def is_fault(error: Exception) -> bool:
    """Whether an error of a call says that the other system is down: what its breaker counts."""
    if isinstance(error, calling.StopForToday):
        return False
    if isinstance(error, calling.TryLater | sending.TryLater):
        return error.code not in SLOW_DOWN
    return isinstance(error, sending.Unknown)


# While a system is down a row's tries cost it nothing, so many times as often as it may be tried:
# a row that is itself what breaks the system, all alone, ends dead in spite of it.
FREE_TRIES = 20


def breakers(
    connection: redis.Redis, names: Iterable[str], tolerance: Tolerance,
    now: Callable[[], datetime],
) -> Breakers:  # fmt: skip
    """A breaker for each of the systems called so."""
    return {
        name: Breaker(
            connection, name, tolerance=tolerance, now=now, is_fault=is_fault, answers=ANSWERS
        )
        for name in names
    }


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
    breakers: Breakers
    # Way of a row (models/outbox.py) -> the breaker before it.
    ways: Mapping[str, str]
    count: Callable[[str], None]
    # Where SMS go that name no gateway, if a sender (workers/sender) takes those that bind.
    usual_gateway: str | None = None

    def breaker(self, way: str) -> Breaker:
        """What stands before a way out."""
        return self.breakers[self.ways[way]]

    def take(self, queue: str, limit: int) -> list[Owed]:
        """Rows that are due and not shut off, leased to us."""
        now, lease = self.now(), self.patience.lease
        shut = [way for way in self.ways if self.breaker(way).is_shut()]
        return self.store.alone(
            lambda tx: outbox.take(
                tx,
                queue=queue,
                limit=limit,
                lease=lease,
                now=now,
                but=shut,
                usual_gateway=self.usual_gateway,
            )
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
        except ShutOff as shut:
            self._put_off(owed, str(shut), shut.after_s, tried=False)
        except NotNow as later:
            self._wait_until(owed, later.until)
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
        self.count(f"gave up:{state}")
        log.error("gave up", owed=owed.id, kind=owed.kind, state=state, error=error)
        now = self.now()
        self.store.alone(lambda tx: outbox.give_up(tx, owed, state=state, error=error, now=now))

    def _put_off(
        self, owed: Owed, error: str, after_s: float | None, *, tried: bool = True
    ) -> None:
        tried = tried and not self._is_down(owed)
        if tried and owed.attempts >= self.patience.attempts:
            self.give_up(owed, "dead", error)
            return
        until = self.now() + self._wait(owed.attempts, after_s)
        self.count("put off")
        log.warning("put off", owed=owed.id, kind=owed.kind, attempt=owed.attempts, error=error)
        self.store.alone(lambda tx: outbox.put_off(tx, owed, until=until, error=error, tried=tried))

    def _wait_until(self, owed: Owed, until: datetime) -> None:
        self.count("put off")
        log.info("put off until the morning", owed=owed.id)
        self.store.alone(
            lambda tx: outbox.put_off(tx, owed, until=until, error="by day", tried=False)
        )

    def _is_down(self, owed: Owed) -> bool:
        """Whether it is the system's fault: then a try costs the row none of its attempts."""
        way = self.ways.get(outbox.way(owed))
        if way is None or owed.leases > FREE_TRIES * self.patience.attempts:
            return False
        return self.breakers[way].is_shut()

    def _wait(self, attempt: int, after_s: float | None) -> timedelta:
        if after_s is not None:
            return timedelta(seconds=after_s)
        doubled: timedelta = self.patience.backoff_first * 2.0 ** (attempt - 1)
        # Spread out, so that those who failed together do not come back together.
        return min(doubled, self.patience.backoff_most) * random.uniform(0.75, 1.25)
