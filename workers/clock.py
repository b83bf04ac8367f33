"""The clock: ends waits, sweeps up what was owed but never queued, asks about late answers.

Any number may run; the one that holds the database's advisory lock leads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialogs.engine import Engine
from integrations.clock_beat import ClockBeat
from models import conversations, outbox
from models.privacy import retention
from models.store import Store, Unavailable
from workers.closing_clock import ClosingClock
from workers.nudges import Nudges

log = structlog.get_logger()

LEADER_LOCK = 0x11FEC1C1E  # any number that nothing else in this database locks
DUE_AT_ONCE = 500
# A row whose step fails is our bug, looked at again later, so that it does not starve the others.
BROKEN_ROWS_WAIT = timedelta(minutes=10)
TIDY_EVERY = timedelta(hours=1)
MOST_BITES = 200  # a million rows an hour of each kind


@dataclass(slots=True)
class Clock:
    """One tick does all that is due."""

    store: Store
    engine: Engine
    nudges: Nudges
    now: Callable[[], datetime]
    tasks: Sequence[Callable[[datetime], object]] = ()  # more of what is due, each a bounded part
    beat: ClockBeat | None = None  # says for operators that we lead, and how the tasks go
    keeping: Mapping[str, int] = field(default_factory=lambda: retention.DEFAULTS)  # days, by rule
    tidied_at: datetime | None = None
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self, every_s: float) -> None:
        """Tick while leading; stand by otherwise; until stop()."""
        while not self.stopping.is_set():
            try:
                self._lead(every_s)
            except (Unavailable, SQLAlchemyError, psycopg.Error) as error:
                log.warning("clock waits for the database", why=type(error).__name__)
            self.stopping.wait(every_s)

    def stop(self) -> None:
        self.stopping.set()

    def tick(self) -> datetime:
        """Everything that is due now, once; says when that was."""
        now = self.now()
        self._timed(self._time_outs, now)
        self._timed(self._sweep, now)
        for task in self.tasks:
            self._timed(task, now)
        if self.tidied_at is None or now - self.tidied_at > TIDY_EVERY:
            self._timed(self._tidy, now)
            self.tidied_at = now
        if self.beat:
            self.beat.beat(now)
        return now

    def _timed(self, task: Callable[[datetime], object], now: datetime) -> None:
        """Do a task, and note how long it took: "PointsClock.tick"."""
        if self.beat is None:
            task(now)
            return
        begun, error = self.beat.clock(), ""
        try:
            task(now)
        except Exception as failed:
            error = type(failed).__name__
            raise
        finally:
            name = getattr(task, "__qualname__", type(task).__name__)
            self.beat.ran(name, now=now, seconds=self.beat.clock() - begun, error=error)

    def _time_outs(self, now: datetime) -> None:
        due = self.store.read(lambda tx: conversations.due(tx, now, DUE_AT_ONCE))
        for subscriber_id, conversation_id, wait_no in due:
            self._time_out(subscriber_id, conversation_id, wait_no, now)

    def _sweep(self, now: datetime) -> None:
        released = self.store.alone(lambda tx: outbox.release_expired(tx, now))
        asked = self.store.alone(lambda tx: outbox.ask_again(tx, now))
        if released or asked:
            log.info("swept", released=released, asked_again=asked)
        self.nudges(self.store.read(lambda tx: outbox.queues_due(tx, now)))

    def _tidy(self, now: datetime) -> None:
        """Delete what nobody needs any more, in bites that no statement limit cuts short."""
        for rule in retention.RULES:
            bite = partial(retention.bite, rule=rule, days=self.keeping[rule.name], now=now)
            for _ in range(MOST_BITES):
                if self.store.run(bite) < retention.BITE:
                    break

    def _time_out(
        self, subscriber_id: int, conversation_id: int, wait_no: int, now: datetime
    ) -> None:
        try:
            self.store.run(
                lambda tx: self.engine.time_out(tx, subscriber_id, conversation_id, wait_no, now)
            )
        except Unavailable:
            raise
        except Exception as bug:  # one bad row must not stop the clock for everybody
            log.exception("timeout failed", conversation=conversation_id, error=type(bug).__name__)
            self.store.run(
                lambda tx: conversations.postpone(
                    tx, subscriber_id, conversation_id, now + BROKEN_ROWS_WAIT
                )
            )

    def _lead(self, every_s: float) -> None:
        # The lock lives as long as this connection: a leader that dies loses it by itself.
        with self.store.reading() as connection:
            took = connection.exec_driver_sql(
                "SELECT pg_try_advisory_lock(%(lock)s)", {"lock": LEADER_LOCK}
            ).scalar_one()
            if not took:
                return
            log.info("clock leads")
            if self.beat:
                self.beat.leads(self.now())
            closing = ClosingClock(self.store, self.now)
            try:
                while not self.stopping.wait(every_s):
                    connection.exec_driver_sql("SELECT 1")  # still ours?
                    closing.tick(self.tick())
            finally:
                if not connection.invalidated:
                    connection.exec_driver_sql(
                        "SELECT pg_advisory_unlock(%(lock)s)", {"lock": LEADER_LOCK}
                    )
