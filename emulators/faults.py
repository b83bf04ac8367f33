"""Faults on demand: what goes wrong, where, and how many times."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass

from emulators.state import Json
from emulators.timers import Timers

PLACES = (
    "wechat.api",
    "wechat.callback",
    "twilio.api",
    "twilio.callback",
    "boss.api",
    "boss.callback",
    "smsc.submit",
    "smsc.receipt",
    "smsc.text",
)
DEEDS = (
    "slow", "error", "drop", "duplicate", "reorder", "bad_signature", "late", "busy", "vendor",
)  # fmt: skip
DEFAULT_SECONDS = {"slow": 6.0, "late": 10.0, "reorder": 2.0}
MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Fault:
    """One order to misbehave. `times` 0 = until removed; `seconds` for slow, late and reorder."""

    id: int
    on: str
    do: str
    path: str = ""
    times: int = 1
    seconds: float = 0.0
    code: int | None = None
    status: int | None = None


class BadFault(ValueError):
    """The order cannot be understood; the sentence says why."""


class Faults:
    """The faults in force; each is used up by the calls it strikes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._faults: list[tuple[Fault, int]] = []

    def add(self, order: Json) -> Fault:
        """Take an order of the control API. Raises BadFault."""
        fault = _read(order, next(self._ids))
        with self._lock:
            if len(self._faults) >= MOST_FAULTS:
                raise BadFault(f"{MOST_FAULTS} faults are in force; remove some first")
            self._faults.append((fault, fault.times))
        return fault

    def take(self, on: str, path: str) -> Fault | None:
        """The first fault that strikes this call, counted down; None when all is well."""
        with self._lock:
            for place, (fault, left) in enumerate(self._faults):
                if fault.on != on or fault.path not in path:
                    continue
                if fault.times == 0:
                    return fault
                if left <= 1:
                    del self._faults[place]
                else:
                    self._faults[place] = (fault, left - 1)
                return fault
            return None

    def list(self) -> list[Json]:
        """The faults in force, each with how many times are `left` (null = until removed)."""
        with self._lock:
            return [
                asdict(fault) | {"left": left if fault.times else None}
                for fault, left in self._faults
            ]

    def remove(self, number: int | None = None) -> None:
        """Take one fault back, or all."""
        with self._lock:
            self._faults = [
                kept for kept in self._faults if number is not None and kept[0].id != number
            ]


class Held:
    """Keeps things back until the next one of their place has gone by (or a time limit)."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._lock = threading.Lock()
        self._waiting: dict[str, list[int]] = {}

    def put(self, place: str, seconds: float, what: str, act: Callable[[], None]) -> None:
        """Do `act` after the next thing that passes `place`, in `seconds` at the latest."""
        with self._lock:
            number = self._timers.later(seconds, f"{what} (held back)", act)
            self._waiting.setdefault(place, []).append(number)

    def passed(self, place: str) -> None:
        """Something has gone by: what was held at this place follows now."""
        with self._lock:
            waiting = self._waiting.pop(place, [])
        for number in waiting:
            self._timers.hurry(number)


def _read(order: Json, number: int) -> Fault:
    unknown = set(order) - {"on", "path", "do", "times", "seconds", "code", "status"}
    if unknown:
        raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
    on, do = order.get("on"), order.get("do")
    if on not in PLACES:
        raise BadFault(f"'on' must be one of {', '.join(PLACES)}")
    if do not in DEEDS:
        raise BadFault(f"'do' must be one of {', '.join(DEEDS)}")
    if do == "bad_signature" and not on.endswith(".callback"):
        raise BadFault("bad_signature fits callbacks only: answers of an API are not signed")
    if do in ("busy", "vendor") and on != "smsc.submit":
        raise BadFault(f"{do} is what an SMSC answers: it fits smsc.submit only")
    try:
        seconds = float(order.get("seconds", DEFAULT_SECONDS.get(do, 0.0)))
        times = int(order.get("times", 1))
        code, status = (None if order.get(k) is None else int(order[k]) for k in ("code", "status"))
    except (TypeError, ValueError) as bad:
        raise BadFault("times, code, status must be whole numbers, seconds a number") from bad
    if seconds < 0 or times < 0:
        raise BadFault("seconds and times must not be negative")
    return Fault(number, on, do, str(order.get("path") or ""), times, seconds, code, status)
