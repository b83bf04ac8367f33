"""Live numbers: what all processes did in the last minutes, added up in Redis, kept for a while.

    count(), took() ──▶ a dict in the process ──once a second──▶ Redis: hashes by ten seconds (an
                                                                 hour) and by the hour (three days)

Prometheus' counters are each process's own; these are one figure for the operator's page. Nobody
waits for Redis: a thread writes, and what is lost with a process is one second.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import redis
import structlog

log = structlog.get_logger()

FLUSH_S = 1.0
SLOT_S = 10
SLOTS_LAST_S = 3600
HOURS_LAST_S = 3 * 24 * 3600
# Upper bounds in ms; whatever takes longer is in the last.
BOUNDS_MS = (
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700,
    1000, 1500, 2000, 3000, 5000, 10_000, 60_000,
)  # fmt: skip
_MS = "ms:"
_BOUNDS = tuple(f"{_MS}{bound}" for bound in BOUNDS_MS)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was counted in a span of `seconds`."""

    seconds: float
    counts: Mapping[str, int]

    def per_second(self, name: str) -> float:
        return self.counts.get(name, 0) / self.seconds

    def total(self, start: str) -> int:
        """The sum of all counts whose names begin so."""
        return sum(n for name, n in self.counts.items() if name.startswith(start))

    def within_ms(self, share: float) -> int | None:
        """The time in which this share (0.5, 0.99) of messages was answered; None without any."""
        times = {
            int(name[len(_MS) :]): n for name, n in self.counts.items() if name.startswith(_MS)
        }
        wanted, seen = share * sum(times.values()), 0
        for bound in sorted(times):
            seen += times[bound]
            if seen >= wanted:
                return bound
        return None


class LiveNumbers:
    """Counts in this process, and reads what all have counted."""

    def __init__(self, connection: redis.Redis, now: Callable[[], datetime]) -> None:
        self._redis, self._now = connection, now
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, name: str, n: int = 1) -> None:
        """Count something; nobody waits for Redis."""
        with self._lock:
            self._counts[name] += n

    def took(self, name: str, seconds: float) -> None:
        """Count something that somebody waited for."""
        place = min(bisect_left(BOUNDS_MS, seconds * 1000), len(BOUNDS_MS) - 1)
        with self._lock:
            self._counts[name] += 1
            self._counts[_BOUNDS[place]] += 1

    def start(self) -> None:
        """Write what is counted, every second, from a thread of its own."""
        threading.Thread(target=self._work, daemon=True, name="live numbers").start()

    def flush(self) -> None:
        """Add what was counted to what all have counted. Raises redis.RedisError: it is lost."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        seconds = self._now().timestamp()
        slot, hour = _slot_key(int(seconds // SLOT_S)), _hour_key(int(seconds // 3600))
        with self._redis.pipeline(transaction=False) as pipe:
            for name, n in counts.items():
                pipe.hincrby(slot, name, n)
                if not name.startswith(_MS):
                    pipe.hincrby(hour, name, n)
            pipe.expire(slot, SLOTS_LAST_S)
            pipe.expire(hour, HOURS_LAST_S)
            pipe.execute()

    def last(self, seconds: int, *, ago_s: int = 0) -> Numbers:
        """What all processes counted in the last whole slots. Raises redis.RedisError."""
        end = int((self._now().timestamp() - ago_s) // SLOT_S)
        slots = range(end - max(seconds // SLOT_S, 1), end)
        with self._redis.pipeline(transaction=False) as pipe:
            for slot in slots:
                pipe.hgetall(_slot_key(slot))
            found = pipe.execute()
        return Numbers(len(slots) * SLOT_S, _added(found))

    def hour(self, hour: datetime) -> dict[str, int]:
        """What was counted in the hour that begins then. Raises redis.RedisError."""
        return dict(_added([self._redis.hgetall(_hour_key(int(hour.timestamp() // 3600)))]))

    def _work(self) -> None:
        while True:
            time.sleep(FLUSH_S)
            try:
                self.flush()
            except redis.RedisError as error:
                log.warning("live numbers lost", why=type(error).__name__)
            except Exception as bug:
                log.exception("live numbers failed", why=type(bug).__name__)


def whole_hour(moment: datetime) -> datetime:
    """The hour's beginning, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _added(found: Iterable[Mapping[Any, Any]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in found:
        counts.update({name.decode(): int(n) for name, n in each.items()})
    return counts


def _slot_key(slot: int) -> str:
    return f"circle:live:{slot}"


def _hour_key(hour: int) -> str:
    return f"circle:hour:{hour}"
