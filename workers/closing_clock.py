"""The closing of days, beside the clock: every night the day that is over, and what was missed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from models import audit_proof
from models.points import closings
from models.points.accounts import day_of
from models.points.closings import Closing
from models.store import Store, Unavailable

log = structlog.get_logger()

# After midnight in China. Whoever dates a transfer before it has this long to write it.
CLOSES_AFTER = timedelta(minutes=30)
# So long a closing waits for transactions that began before the gate shut; then it is put off.
WRITERS_HAVE_S = 60.0
LOOK_EVERY_S = 0.05
# A closing that failed is tried again after this.
TRY_AGAIN = timedelta(minutes=5)


class StillWriting(Exception):
    """Somebody who began before the day was shut has not ended yet: seal it later."""


def due_day(now: datetime) -> date:
    """The last day that may be closed now."""
    return day_of(now - CLOSES_AFTER) - timedelta(days=1)


def close_through(
    store: Store, day: date, *, now: Callable[[], datetime], patience_s: float = WRITERS_HAVE_S
) -> Iterator[Closing]:
    """Shut all days until this one, and seal each that is not sealed yet, in order.

    Raises ValueError when the day is not over, StillWriting.
    """
    first = store.read(closings.next_day)
    if first is None or first > day:
        return
    store.run(lambda tx: closings.shut(tx, day))
    _await_writers(store, patience_s)
    while first <= day:
        # Not store.run: what takes minutes is not tried three times.
        with store.begin() as tx:
            sealed = closings.seal(tx, first, now=now())
        if sealed is None:
            return
        yield sealed
        first += timedelta(days=1)


def _await_writers(store: Store, patience_s: float) -> None:
    waiting_for = store.read(closings.writers)
    give_up_at = time.monotonic() + patience_s
    while waiting_for:
        if time.monotonic() > give_up_at:
            raise StillWriting(f"{len(waiting_for)} transactions from before the day was shut")
        time.sleep(LOOK_EVERY_S)
        waiting_for &= store.read(closings.writers)


@dataclass(slots=True)
class ClosingClock:
    """Begins a closing on a thread of its own when one is due: a big day takes minutes."""

    store: Store
    now: Callable[[], datetime]
    done: date | None = None
    not_before: datetime | None = None
    thread: threading.Thread | None = field(default=None)

    def tick(self, now: datetime) -> None:
        """Begin what is due, unless it is under way."""
        day = due_day(now)
        if self.done == day or (self.thread and self.thread.is_alive()):
            return
        if self.not_before and now < self.not_before:
            return
        self.not_before = now + TRY_AGAIN
        self.thread = threading.Thread(target=self.close, args=(day,), daemon=True, name="closing")
        self.thread.start()

    def close(self, day: date) -> None:
        """Close until this day; what fails is logged and tried again."""
        try:
            for sealed in close_through(self.store, day, now=self.now):
                # Logs are kept where who owns the database cannot alter them: `ledger verify` and
                # `audit verify` compare with what they say.
                log.info(
                    "day closed", day=str(sealed.day), transfers=sealed.transfers,
                    legs=sealed.legs, hash=sealed.hash.hex(),
                    audit=self.store.read(audit_proof.head),
                )  # fmt: skip
        except (StillWriting, ValueError) as early:
            log.warning("closing put off", day=str(day), why=str(early))
        except (Unavailable, SQLAlchemyError, psycopg.Error) as error:
            log.warning("closing failed", day=str(day), why=type(error).__name__)
        else:
            following = self.store.read(closings.next_day)
            if following and following > day:
                self.done = day
