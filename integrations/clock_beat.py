"""What the clock says of itself in Redis: who leads, when it last beat, how its tasks went."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import redis
import structlog

log = structlog.get_logger()

KEY = "circle:clock"
LASTS_S = 7 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Task:
    """One of the clock's tasks. `longest_ms` since this leader leads."""

    name: str
    ran_at: datetime
    took_ms: float
    longest_ms: float
    error: str


@dataclass(frozen=True, slots=True)
class Beat:
    """The clock as it last wrote; `leader` is "host:process"."""

    leader: str
    leads_since: datetime
    at: datetime
    tasks: tuple[Task, ...]


class ClockBeat:
    """Writes a beat for each tick; one trip to Redis, and nobody minds if it fails."""

    def __init__(
        self, connection: redis.Redis, leader: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: seconds that never go back, to measure with."""
        leader = leader or f"{socket.gethostname()}:{os.getpid()}"
        self._redis, self._leader, self.clock = connection, leader, clock
        self._since: datetime | None = None
        self._tasks: dict[str, tuple[datetime, float, float, str]] = {}

    def leads(self, now: datetime) -> None:
        """A new reign begins."""
        self._since, self._tasks = now, {}

    def ran(self, name: str, *, now: datetime, seconds: float, error: str = "") -> None:
        """A task ended; written with the next beat."""
        took = seconds * 1000
        longest = self._tasks[name][2] if name in self._tasks else 0.0
        self._tasks[name] = (now, took, max(longest, took), error)

    def beat(self, now: datetime) -> None:
        """Write it all."""
        tasks = [
            {"name": name, "at": at.timestamp(), "took": took, "longest": longest, "error": error}
            for name, (at, took, longest, error) in self._tasks.items()
        ]
        since = (self._since or now).timestamp()
        said = {"leader": self._leader, "since": since, "at": now.timestamp(), "tasks": tasks}
        try:
            self._redis.set(KEY, json.dumps(said), ex=LASTS_S)
        except redis.RedisError as error:
            log.warning("clock's beat not written", why=type(error).__name__)


def last_beat(connection: redis.Redis) -> Beat | None:
    """What the clock wrote last, None if nothing in a week. Raises redis.RedisError."""
    raw = connection.get(KEY)
    if raw is None:
        return None
    said = json.loads(raw)
    tasks = tuple(
        Task(one["name"], _moment(one["at"]), one["took"], one["longest"], one["error"])
        for one in said["tasks"]
    )
    return Beat(said["leader"], _moment(said["since"]), _moment(said["at"]), tasks)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
