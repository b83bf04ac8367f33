"""The wire: sends requests to the product, and remembers the last 1,000 exchanges for replay."""

import http.client
import itertools
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from emulators.state import Json

KEPT_EXCHANGES = 1_000
LARGEST_ANSWER = 1_000_000


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; `direction` "in" is into the product, "out" out of it."""

    id: int
    at: str
    direction: str
    what: str
    method: str
    url: str
    status: int | None
    ms: int
    headers: Mapping[str, str]
    body: bytes
    plain: str
    answer_headers: Mapping[str, str]
    answer: bytes
    answer_plain: str
    note: str

    def shown(self) -> Json:
        """As the control API gives it; `plain` is the content before encryption."""
        return {
            "id": self.id,
            "at": self.at,
            "direction": self.direction,
            "what": self.what,
            "method": self.method,
            "url": self.url,
            "status": self.status,
            "ms": self.ms,
            "note": self.note,
            "request": {
                "headers": dict(self.headers),
                "body": _text(self.body),
                "plain": self.plain,
            },
            "response": None
            if self.status is None
            else {
                "headers": dict(self.answer_headers),
                "body": _text(self.answer),
                "plain": self.answer_plain,
            },
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `status` None when nothing did, and `error` says why."""

    status: int | None
    body: bytes
    headers: Mapping[str, str]
    ms: int
    error: str = ""


class WireLog:
    """The last exchanges, oldest forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Ids go on growing over a restart, so that a page which polls with ?after= misses nothing.
        self._ids = itertools.count(int(time.time() * 1000))
        self._exchanges: deque[Exchange] = deque(maxlen=KEPT_EXCHANGES)

    def add(self, **fields: Any) -> int:
        """Remember an exchange (fields of Exchange without id and at); returns its id."""
        defaults: Json = {
            "plain": "",
            "answer_headers": {},
            "answer": b"",
            "answer_plain": "",
            "note": "",
        }
        with self._lock:
            number = next(self._ids)
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._exchanges.append(Exchange(id=number, at=at, **(defaults | fields)))
            return number

    def after(self, number: int) -> list[Json]:
        """What came after the exchange with this id, oldest first."""
        with self._lock:
            found = [exchange for exchange in self._exchanges if exchange.id > number]
        return [exchange.shown() for exchange in found]

    def find(self, number: int) -> Exchange | None:
        """One exchange, or None when it is unknown or forgotten."""
        with self._lock:
            return next((e for e in self._exchanges if e.id == number), None)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._exchanges.clear()


def send(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    timeout_s: float,
    hang_up: bool = False,
) -> Answer:
    """Send one request on a connection of its own; `hang_up` closes it without reading."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    began = time.monotonic()
    connection = kind(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request(method, target, body, {**headers, "Connection": "close"})
        if hang_up:
            return Answer(None, b"", {}, _ms(began), "hung up without reading the answer")
        response = connection.getresponse()
        data = response.read(LARGEST_ANSWER)
        return Answer(response.status, data, dict(response.getheaders()), _ms(began))
    except TimeoutError:
        return Answer(None, b"", {}, _ms(began), f"no answer in {timeout_s:g} s")
    except (OSError, http.client.HTTPException) as failed:
        return Answer(None, b"", {}, _ms(began), f"{type(failed).__name__}: {failed}")
    finally:
        connection.close()


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"({len(data)} bytes, not text)"
