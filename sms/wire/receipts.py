"""Delivery receipts: what became of a message, in whatever way an SMSC writes it.

    id:7D2A1F sub:001 dlvrd:001 submit date:2611221230 done date:2611221231 stat:DELIVRD err:000 ...

The text is by custom (SMPP 3.4, appendix B), not by rule: fields are missing, reordered, in small
letters, with blanks. The TLVs receipted_message_id and message_state are surer, where they come.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_FIELD = re.compile(r"\b(id|stat|err)\s*[:=]\s*([^\s]+)", re.IGNORECASE)
# message_state (SMPP 3.4, 5.2.28).
_STATES: Mapping[int, str] = {
    1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD",
    7: "UNKNOWN", 8: "REJECTD",
}  # fmt: skip
# What a state means for us. MA:xxxx, MB:xxxx ... are Chinese gateways' own failures.
DELIVERED = frozenset({"DELIVRD", "DELIVERED"})
UNDERWAY = frozenset({"ENROUTE", "ACCEPTD", "ACCEPTED", "BUFFERED", "UNKNOWN", ""})


@dataclass(frozen=True, slots=True)
class Receipt:
    """`state` in capitals; `error` is the carrier's own code, or ""."""

    message_id: str
    state: str
    error: str


def read(text: bytes, *, message_id: str = "", state: bytes = b"") -> Receipt:
    """What a receipt says, never raising: what it does not say is ""."""
    said: dict[str, str] = {}
    for name, value in _FIELD.findall(text.decode("latin-1")):
        said.setdefault(name.lower(), value)
    return Receipt(
        message_id=message_id or said.get("id", ""),
        state=(state_of(state) or said.get("stat", "")).upper()[:STATE_MOST],
        error=said.get("err", "")[:STATE_MOST],
    )


def state_of(number: bytes) -> str:
    """message_state in words, "" where it says nothing."""
    return _STATES.get(int.from_bytes(number, "big"), "") if number else ""


STATE_MOST = 16  # characters that are kept of a state or an error


def outcome(state: str) -> str:
    """ "delivered", "sent" (still underway) or "failed"."""
    if state.upper() in DELIVERED:
        return "delivered"
    return "sent" if state.upper() in UNDERWAY else "failed"


def same_id(one: str) -> tuple[str, ...]:
    """The ways in which an SMSC may write an id again: as it is, without zeros, hex as decimal.

    Some answer a submit in hexadecimal and write the receipt in decimal, or the other way round.
    """
    ways = [one, one.lstrip("0"), one.upper(), one.lower()]
    if one.isascii() and one.isdigit() and len(one) <= _ID_DIGITS:
        ways += [format(int(one), "x"), format(int(one), "X")]
    elif _HEX.fullmatch(one):
        ways.append(str(int(one, 16)))
    return tuple(dict.fromkeys(way for way in ways if way))


def known_as(gateway: str, message_id: str) -> str:
    """A carrier's id as we keep it, in 64 characters: a longer or a strange one by its digest."""
    plain = f"{gateway}:{message_id}"
    if len(plain) <= ID_MOST and message_id.isascii() and message_id.isprintable():
        return plain
    return f"{gateway}:~{hashlib.sha256(message_id.encode()).hexdigest()[:40]}"


def spellings(known: str) -> tuple[str, ...]:
    """The ways in which the id of a receipt may have been written in the answer to the submit."""
    gateway, _, message_id = known.partition(":")
    return tuple(known_as(gateway, one) for one in same_id(message_id))


ID_MOST = 64
_ID_DIGITS = 20
_HEX = re.compile(r"[0-9A-Fa-f]{1,16}")
