"""Nudges: tell a worker that something is owed. Losing one is harmless; the clock sweeps."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import redis
import rq
import structlog

log = structlog.get_logger()

DRAIN = "workers.jobs.drain"
# While a nudge waits in the queue, another one is pointless; a worker clears the mark as it
# starts. Should it be lost with its worker, it lapses.
MARK_LASTS_S = 5
JOB_LIMIT_S = 900
# How long a door's nudges are gathered into one.
GATHER_S = 0.01


class Nudges:
    """Puts at most one waiting drain job into each queue."""

    def __init__(self, connection: redis.Redis) -> None:
        self._redis = connection

    def __call__(self, queues: Iterable[str]) -> None:
        """Have these queues drained soon."""
        for name in queues:
            try:
                if self._redis.set(_mark(name), 1, nx=True, ex=MARK_LASTS_S):
                    queue = rq.Queue(name, connection=self._redis)
                    queue.enqueue(DRAIN, name, job_timeout=JOB_LIMIT_S, result_ttl=0, failure_ttl=0)
            except redis.RedisError as error:
                log.warning("nudge lost", queue=name, why=type(error).__name__)

    def taken(self, queue: str) -> None:
        """A worker starts to drain: what is owed from now on needs a new nudge."""
        try:
            self._redis.delete(_mark(queue))
        except redis.RedisError as error:  # the mark lapses; what is owed stands in the database
            log.warning("nudge mark kept", queue=queue, why=type(error).__name__)


class NudgesSoon:
    """Nudges from a thread of its own, for doors: nobody who talks to us waits for Redis.

    Many messages in a moment share a nudge; one that is lost with the process is swept.
    """

    def __init__(self, nudges: Nudges) -> None:
        self._nudges = nudges
        self._wanted: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        threading.Thread(target=self._work, daemon=True, name="nudges").start()

    def __call__(self, queues: Iterable[str]) -> None:
        """Have these queues drained soon."""
        with self._lock:
            new = set(queues) - self._wanted
            self._wanted |= new
        if new:
            self._wake.set()

    def _work(self) -> None:
        while self._wake.wait():
            self._wake.clear()
            with self._lock:
                wanted, self._wanted = self._wanted, set()
            try:
                self._nudges(wanted)
            except Exception as bug:
                log.exception("nudge failed", why=type(bug).__name__)
            time.sleep(GATHER_S)


def _mark(queue: str) -> str:
    return f"circle:nudged:{queue}"
