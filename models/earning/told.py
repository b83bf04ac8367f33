"""What BOSS tells of one event, checked field by field, whether it came by HTTP or in a file.

The same event told in both ways must be the same event: values are told apart by their text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from models.earning.event import Event
from models.points import SHANGHAI

ID, TYPE, NUMBER, MOMENT = FIELDS = ("event_id", "type", "msisdn", "occurred_at")
VALUES = "values"

# Older ones are refused: their ids may be forgotten already (events.KEPT_FOR), so that nobody
# could say whether they have been counted.
OLDEST = timedelta(days=60)
AHEAD_MOST = timedelta(minutes=10)  # as much as BOSS' clock may be fast
VALUES_MOST = 30
VALUE_CHARS_MOST = 200
NUMBER_MOST = 10**15  # what every language's numbers hold exactly
# A value whose name ends so is a whole number; every other is a text, in a file and by HTTP.
COUNTED = ("_fen", "_points", "_count", "_days", "_minutes", "_seconds", "_mb", "_kb")

_ID = re.compile(r"[!-~]{1,80}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,16}")
_DIGITS = re.compile(r"20[0-9]{12}")
_ISO_CHARS_LEAST = len("2026-03-02T12:00:00")
# What PostgreSQL cannot store (NUL, halves of characters), and what no value needs.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_HALVES = re.compile(r"[\ud800-\udfff]")


class Bad(ValueError):
    """Why an event is refused: the field, a fixed phrase, and what stood there."""

    def __init__(self, column: str, reason: str, value: object = "") -> None:
        super().__init__(f"{column}: {reason}" if column else reason)
        self.column, self.reason, self.value = column, reason, value


@dataclass(frozen=True, slots=True)
class Told:
    """A checked event whose subscriber is known by number only; `line_no` of its file, or 0."""

    id: str
    type: str
    msisdn: str
    occurred_at: datetime
    values: Mapping[str, Any]
    line_no: int = 0

    @classmethod
    def of(cls, event: Event) -> Told:
        """An event of a subscriber whom we know by id, as if it had been told."""
        return cls(event.id, event.type, str(event.subscriber_id), event.occurred_at, event.values)

    @property
    def content_hash(self) -> bytes:
        """Equal for the same event, whichever way it came."""
        values = sorted(f"{name}\0{value}" for name, value in self.values.items())  # none has a NUL
        content = [self.type, self.msisdn, self.occurred_at.isoformat(), *values]
        return hashlib.sha256("\0".join(content).encode()).digest()


@lru_cache(1024)
def is_value_name(name: str) -> bool:
    """Whether a value may be called so."""
    return _NAME.fullmatch(name) is not None and name not in (*FIELDS, VALUES)


def read(
    fields: Mapping[str, Any], values: Mapping[str, Any], *, msisdn: Callable[[str], str],
    now: datetime, line_no: int = 0,
) -> Told:  # fmt: skip
    """The event that these fields tell. `msisdn` reads a number or raises ValueError. Raises Bad.

    A moment without a zone is Beijing's. A value that is None or "" is left out.
    """
    event_id, kind = fields.get(ID), fields.get(TYPE)
    if not (isinstance(event_id, str) and _ID.fullmatch(event_id)):
        raise Bad(ID, "1 to 80 letters, digits or signs, no spaces", event_id)
    if not (isinstance(kind, str) and _NAME.fullmatch(kind)):
        raise Bad(TYPE, "a name of 1 to 40 small letters, digits and _", kind)
    written = fields.get(NUMBER)
    if not isinstance(written, str):
        raise Bad(NUMBER, "the number is missing or no text", written)
    try:
        number = msisdn(written)
    except ValueError as not_one:
        raise Bad(NUMBER, str(not_one), written) from None
    occurred_at = _moment(fields.get(MOMENT), now)
    return Told(event_id, kind, number, occurred_at, _values(values), line_no)


def _moment(written: object, now: datetime) -> datetime:
    if not isinstance(written, str):
        raise Bad(MOMENT, "the time is missing or no text", written)
    try:
        if _DIGITS.fullmatch(written):
            written = f"{written[:8]}T{written[8:]}"
        elif len(written) < _ISO_CHARS_LEAST:
            raise ValueError("a day is no moment")
        found = datetime.fromisoformat(written)
        if found.tzinfo is None:
            found = found.replace(tzinfo=SHANGHAI)
        found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Bad(
            MOMENT, "not a time such as 2026-03-02T12:00:00+08:00 or 20260302120000", written
        ) from None
    if found > now + AHEAD_MOST:
        raise Bad(MOMENT, "in the future", written)
    if found < now - OLDEST:
        raise Bad(MOMENT, f"more than {OLDEST.days} days ago", written)
    return found


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        name: _value(name, value)
        for name, value in given.items()
        if value is not None and value != ""
    }
    if len(found) > VALUES_MOST:
        raise Bad(VALUES, f"more than {VALUES_MOST} values")
    return found


def _value(name: str, value: Any) -> Any:
    if not is_value_name(name):
        raise Bad(VALUES, "a name of 1 to 40 small letters, digits and _", name)
    if name.endswith(COUNTED):
        return _whole(name, value)
    if not isinstance(value, str):
        raise Bad(name, "must be a text", value)
    if len(value) > VALUE_CHARS_MOST:
        raise Bad(name, f"longer than {VALUE_CHARS_MOST} characters", value)
    if _UNFIT.search(value):
        broken = "not in the file's encoding" if _HALVES.search(value) else "control characters"
        raise Bad(name, broken, value)
    return value


def _whole(name: str, value: Any) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > NUMBER_MOST:
        raise Bad(name, "not a whole number", value)
    return value
