"""What crosses a bind, whatever the protocol: one frame is one request or one answer.

out   Part                      a submit
in    Bound · Answered · Told   the answer to our bind, to a submit, to a question about one
      Heard · Receipted         a text from a phone, a receipt: each wants our answer
      Pinged · Ponged           the other side tests the link, or answers our test
      Unbinding · Unbound       the other side ends the bind, or lets us end it
      Rejected                  an answer that says only "no", or a request we do not know
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

GSM7, UCS2 = 0, 8  # data_coding (SMPP) and Msg_Fmt (CMPP) alike


class Malformed(ValueError):
    """Bytes that are no frame of this protocol: the bind cannot go on."""


def cut(buffer: bytearray, *, least: int, most: int) -> bytes | None:
    """Take the first whole frame off the buffer, or None: both protocols begin with its length.

    Raises Malformed where the length is none of theirs.
    """
    if len(buffer) < least:
        return None
    length = int.from_bytes(buffer[:4], "big")
    if not least <= length <= most:
        raise Malformed(f"a frame of {length} bytes")
    if len(buffer) < length:
        return None
    frame = bytes(buffer[:length])
    del buffer[:length]
    return frame


@dataclass(frozen=True, slots=True)
class Part:
    """One SMS to submit. `sender` is our number with its extension; `to` is E.164 without +."""

    to: str
    sender: str
    body: bytes
    coding: int
    number: int = 1
    of: int = 1
    has_header: bool = False  # the body begins with a user data header (3GPP TS 23.040, 9.2.3.24)


@dataclass(frozen=True, slots=True)
class Bound:
    sequence: int
    status: int


@dataclass(frozen=True, slots=True)
class Answered:
    sequence: int
    status: int
    message_id: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the SMSC says of a message that we have asked about; `status` 0: it knows it."""

    sequence: int
    status: int
    state: str
    error: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A text, or a part of one, that a phone sent. `message_id`: the carrier's, if it names one."""

    sequence: int
    sender: str
    to: str
    body: bytes
    coding: int
    has_header: bool
    message_id: str
    sar: tuple[int, int, int] | None = None  # reference, number, of: SMPP's own way to split


@dataclass(frozen=True, slots=True)
class Receipted:
    """What became of a message: `state` as the carrier writes it, such as DELIVRD."""

    sequence: int
    message_id: str
    state: str
    error: str
    sender: str  # the phone
    to: str  # our number with its extension
    carrier_id: str  # of the receipt itself, which the answer must repeat (CMPP)


@dataclass(frozen=True, slots=True)
class Pinged:
    sequence: int


@dataclass(frozen=True, slots=True)
class Ponged:
    sequence: int


@dataclass(frozen=True, slots=True)
class Unbinding:
    sequence: int


@dataclass(frozen=True, slots=True)
class Unbound:
    sequence: int


@dataclass(frozen=True, slots=True)
class Rejected:
    sequence: int
    status: int
    request: bool  # a request of theirs that we do not know, and must refuse


Frame = (
    Bound | Answered | Told | Heard | Receipted | Pinged | Ponged | Unbinding | Unbound | Rejected
)


class Codec(Protocol):
    """How one protocol writes and reads frames. Without state: any bind may share it."""

    @property
    def name(self) -> str:
        """smpp or cmpp."""

    @property
    def last_sequence(self) -> int:
        """The highest sequence number; the next one after it is 1."""

    @property
    def ascii_only(self) -> bool:
        """Whether coding 0 is ASCII rather than the GSM alphabet."""

    @property
    def submits(self) -> bool:
        """Whether the bind may submit: a receiver may not."""

    def cut(self, buffer: bytearray) -> bytes | None:
        """Take the first whole frame off the buffer, or None. Raises Malformed."""

    def read(self, frame: bytes) -> Frame:
        """What a whole frame says. Raises Malformed."""

    def bind(self, sequence: int, now: datetime) -> bytes:
        """Our request to bind."""

    def submit(self, sequence: int, part: Part) -> bytes:
        """A submit, with a receipt asked for."""

    def ask(self, sequence: int, message_id: str, sender: str) -> bytes | None:
        """What became of a message, by the SMSC's id and our number; None: there is no such way."""

    def answer(self, frame: Heard | Receipted, *, status: int) -> bytes:
        """Our answer to what they delivered: 0 once it is kept."""

    def ping(self, sequence: int) -> bytes: ...

    def pong(self, sequence: int) -> bytes: ...

    def unbind(self, sequence: int) -> bytes: ...

    def unbound(self, sequence: int) -> bytes: ...

    def refuse(self, sequence: int) -> bytes | None:
        """Our answer to a request that we do not know, if the protocol has one."""

    def verdict(self, status: int) -> str:
        """What a submit's status means: "taken", "later", "busy" or "refused"."""


Deliver = Callable[[Heard | Receipted], None]
