"""What each sender of SMS says of itself in Redis: its binds, its windows, what its spool holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import redis
import structlog

log = structlog.get_logger()

KEY = "circle:senders"  # a hash: name -> what it said last
SILENT = timedelta(seconds=30)  # then it does not run
# A sender that is gone for so long is not missed any more.
FORGOTTEN_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class GatewaySeen:
    """A gateway as a sender has it. `full_s`: so long its windows have had no room."""

    bound: int
    wanted: int
    under_way: int
    window: int
    full_s: int
    share_percent: int


@dataclass(frozen=True, slots=True)
class SenderSeen:
    """A sender as it was a second ago, or when it was last seen."""

    name: str
    at: datetime
    spool_bytes: int
    gateways: Mapping[str, GatewaySeen]

    def runs(self, now: datetime) -> bool:
        """Whether it has been seen lately."""
        return now - self.at < SILENT


class SenderBeat:
    """Writes what one sender says; nobody minds if Redis is away."""

    def __init__(self, connection: redis.Redis, name: str) -> None:
        self._redis, self._name = connection, name

    def beat(self, *, spool_bytes: int, gateways: Mapping[str, GatewaySeen], now: datetime) -> None:
        """Say it."""
        said = {
            "at": now.timestamp(), "spool": spool_bytes,
            "gateways": {name: asdict(one) for name, one in gateways.items()},
        }  # fmt: skip
        self._try(lambda: self._redis.hset(KEY, self._name, json.dumps(said)))

    def gone(self) -> None:
        """It has ended in good order, with nothing in its spool, and is not missed."""
        self._try(lambda: self._redis.hdel(KEY, self._name))

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except redis.RedisError as error:
            log.warning("sender's beat not written", why=type(error).__name__)


def senders(connection: redis.Redis, now: datetime) -> list[SenderSeen]:
    """All senders that have run lately. Raises redis.RedisError."""
    found = []
    for name, raw in connection.hgetall(KEY).items():
        said = json.loads(raw)
        at = datetime.fromtimestamp(said["at"], UTC)
        if now - at < FORGOTTEN_AFTER:
            gateways = {each: GatewaySeen(**one) for each, one in said["gateways"].items()}
            found.append(SenderSeen(_word(name), at, said["spool"], gateways))
    return sorted(found, key=lambda one: one.name)


def _word(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
