"""A circuit breaker for each outside system, shared over Redis by all workers.

    closed ──failures in a row──▶ open ──its pause is over──▶ one probe ──it works──▶ closed
       ▲                           ▲                              └──it fails──▶ open, twice as long
       └────────close()── held ◀───┴── hold(): by hand, until a hand closes it

Every question and every outcome is one script in Redis: of many workers one probes. Without Redis
everything passes, as if there were no breaker. (pybreaker holds a lock while it calls and reads
its state in several steps; circuitbreaker shares nothing: docs/decisions.md.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import redis
import structlog

from integrations.errors import TryLater

log = structlog.get_logger()

CLOSED, OPEN, PROBING, HELD = "closed", "open", "probing", "held"
# Longer than any call may take: a worker that dies while it probes keeps others off so long.
PROBE_S = 60.0
# Who came while somebody else probed comes back after this.
AFTER_PROBE_S = 5.0
# What is held by a hand is looked at again after this.
HELD_S = 60.0
MINUTES_KEPT = 15
RATE_MINUTES = 10
ERROR_CHARS = 200


class ShutOff(TryLater):
    """The breaker let nothing through: nothing was tried."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """`failures` in a row open it for `first_s`; then for twice as long after each failed probe."""

    failures: int
    first_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class Condition:
    """How a system does. `ok`, `refused` and `failed` are the calls of the last RATE_MINUTES.

    Who refuses is there: only what failed opens the breaker.
    """

    name: str
    state: str
    since: datetime | None
    retry_at: datetime | None
    in_a_row: int
    last_ok: datetime | None
    last_failed: datetime | None
    last_refused: datetime | None
    last_error: str
    by: str
    because: str
    ok: int
    refused: int
    failed: int

    @property
    def calls(self) -> int:
        return self.ok + self.refused + self.failed

    @property
    def failed_percent(self) -> int | None:
        """Of the last minutes' calls, None if there were none."""
        return round(100 * self.failed / self.calls) if self.calls else None


# -> whether it may pass (1 or 0), and else after how many seconds to come back.
_ASK = """
local state, retry_at, probe_until = unpack(
  redis.call('HMGET', KEYS[1], 'state', 'retry_at', 'probe_until'))
local now = tonumber(ARGV[1])
if not state or state == 'closed' then return {1, '0'} end
if state == 'held' then return {0, ARGV[4]} end
if now < tonumber(retry_at) then return {0, tostring(tonumber(retry_at) - now)} end
if probe_until and now < tonumber(probe_until) then return {0, ARGV[3]} end
if ARGV[5] == '1' then redis.call('HSET', KEYS[1], 'probe_until', now + tonumber(ARGV[2])) end
return {1, '0'}
"""
# -> the state that it was in, and the state that it is in now.
_NOTE = """
local now, outcome = ARGV[1], ARGV[2]
local state = redis.call('HGET', KEYS[1], 'state') or 'closed'
redis.call('HINCRBY', KEYS[2], outcome, 1)
redis.call('EXPIRE', KEYS[2], ARGV[7])
redis.call('HSET', KEYS[1], 'last_' .. outcome, now)
if outcome ~= 'ok' then redis.call('HSET', KEYS[1], 'last_error', ARGV[3]) end
if outcome ~= 'failed' then
  redis.call('HSET', KEYS[1], 'in_a_row', 0)
  if state == 'open' then
    redis.call('HSET', KEYS[1], 'state', 'closed', 'since', now, 'pause', 0)
    redis.call('HDEL', KEYS[1], 'retry_at', 'probe_until')
    return {state, 'closed'}
  end
  return {state, state}
end
local in_a_row = redis.call('HINCRBY', KEYS[1], 'in_a_row', 1)
local probed = state == 'open' and redis.call('HEXISTS', KEYS[1], 'probe_until') == 1
if probed or (state == 'closed' and in_a_row >= tonumber(ARGV[4])) then
  local pause = tonumber(redis.call('HGET', KEYS[1], 'pause') or '0') * 2
  pause = math.min(math.max(pause, tonumber(ARGV[5])), tonumber(ARGV[6]))
  if state == 'closed' then redis.call('HSET', KEYS[1], 'since', now) end
  redis.call('HSET', KEYS[1], 'state', 'open', 'pause', pause, 'retry_at', tonumber(now) + pause)
  redis.call('HDEL', KEYS[1], 'probe_until', 'by', 'because')
  return {state, 'open'}
end
return {state, state}
"""


class Breaker:
    """Stands before one system. `is_fault`: whether an error means that the system is down.

    Errors of other kinds are answers: the system is there and refuses.
    """

    def __init__(
        self,
        connection: redis.Redis,
        name: str,
        *,
        tolerance: Tolerance,
        now: Callable[[], datetime],
        is_fault: Callable[[Exception], bool],
        answers: tuple[type[Exception], ...],
    ) -> None:
        self.name = name
        self._redis, self._tolerance, self._now = connection, tolerance, now
        self._is_fault, self._answers = is_fault, answers
        self._ask = connection.register_script(_ASK)
        self._note = connection.register_script(_NOTE)

    def ask(self) -> None:
        """Whether a call may be made now. Raises ShutOff. What asked must be made, and watched."""
        after_s = self._refusal(probe=True)
        if after_s is not None:
            raise ShutOff(f"{self.name} is shut off by its breaker", after_s=after_s)

    def is_shut(self) -> bool:
        """Whether ask() would refuse now; takes no probe."""
        return self._refusal(probe=False) is not None

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Note how the calls within go."""
        try:
            yield
        except Exception as error:
            if self._is_fault(error):
                self._noted("failed", str(error))
            elif isinstance(error, self._answers):
                self._noted("refused", str(error))
            raise  # our own bug says nothing of the system
        self._noted("ok")

    def hold(self, *, by: str, because: str) -> None:
        """Let nothing through until close(). Raises redis.RedisError."""
        self._set_by_hand(HELD, by, because)
        log.warning("breaker held", system=self.name, by=by)

    def close(self, *, by: str, because: str) -> None:
        """Let everything through again. Raises redis.RedisError."""
        self._set_by_hand(CLOSED, by, because)
        log.warning("breaker closed by hand", system=self.name, by=by)

    def condition(self) -> Condition:
        """How the system does. Raises redis.RedisError."""
        now = self._seconds()
        minute = int(now // 60)
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(self._key)
            for ago in range(RATE_MINUTES):
                pipe.hmget(self._minute_key(minute - ago), "ok", "refused", "failed")
            kept, *minutes = pipe.execute()
        found = {name.decode(): value.decode("utf-8", "replace") for name, value in kept.items()}
        state = found.get("state", CLOSED)
        if state == OPEN and now < float(found.get("probe_until", 0)):
            state = PROBING
        return Condition(
            name=self.name,
            state=state,
            since=_moment(found, "since"),
            retry_at=_moment(found, "retry_at"),
            in_a_row=int(found.get("in_a_row", 0)),
            last_ok=_moment(found, "last_ok"),
            last_failed=_moment(found, "last_failed"),
            last_refused=_moment(found, "last_refused"),
            last_error=found.get("last_error", ""),
            by=found.get("by", ""),
            because=found.get("because", ""),
            ok=sum(int(each[0] or 0) for each in minutes),
            refused=sum(int(each[1] or 0) for each in minutes),
            failed=sum(int(each[2] or 0) for each in minutes),
        )

    def _set_by_hand(self, state: str, by: str, because: str) -> None:
        with self._redis.pipeline() as pipe:
            pipe.hset(self._key, "state", state)
            pipe.hset(self._key, "since", self._seconds())
            pipe.hset(self._key, items=["by", by, "because", because, "pause", 0, "in_a_row", 0])
            pipe.hdel(self._key, "retry_at", "probe_until")
            pipe.execute()

    def _refusal(self, *, probe: bool) -> float | None:
        given: list[float] = [self._seconds(), PROBE_S, AFTER_PROBE_S, HELD_S, int(probe)]
        try:
            may, after_s = self._ask(keys=[self._key], args=given)
        except redis.RedisError as error:
            log.warning("breaker not asked", system=self.name, why=type(error).__name__)
            return None
        return None if may else float(after_s)

    def _noted(self, outcome: str, error: str = "") -> None:
        now, most = self._seconds(), self._tolerance
        keys = [self._key, self._minute_key(int(now // 60))]
        given: list[float | str] = [
            now, outcome, error[:ERROR_CHARS], most.failures, most.first_s, most.most_s,
            MINUTES_KEPT * 60,
        ]  # fmt: skip
        try:
            before, after = (state.decode() for state in self._note(keys=keys, args=given))
        except redis.RedisError as away:
            log.warning("breaker not told", system=self.name, why=type(away).__name__)
            return
        if before != after:
            log.warning("breaker changed", system=self.name, before=before, state=after)

    def _seconds(self) -> float:
        return self._now().timestamp()

    @property
    def _key(self) -> str:
        return f"circle:breaker:{self.name}"

    def _minute_key(self, minute: int) -> str:
        return f"{self._key}:{minute}"


Breakers = Mapping[str, Breaker]


def _moment(found: Mapping[str, str], name: str) -> datetime | None:
    return datetime.fromtimestamp(float(found[name]), UTC) if name in found else None
