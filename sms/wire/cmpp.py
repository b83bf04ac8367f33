"""CMPP 2.0 and 3.0, China Mobile's protocol between an SP and its gateway (ISMG).

    Total_Length 4 │ Command_Id 4 │ Sequence_Id 4 │ body

Field names and lengths: China Mobile, 中国移动通信互联网短信网关接口协议, V2.0 and V3.0.
Answers carry the request's command with the highest bit set.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sms.wire.frames import (
    Answered,
    Bound,
    Frame,
    Heard,
    Malformed,
    Part,
    Pinged,
    Ponged,
    Receipted,
    Rejected,
    Unbinding,
    Unbound,
    cut,
)  # fmt: skip

CONNECT, TERMINATE, SUBMIT, DELIVER, QUERY, CANCEL, ACTIVE_TEST = 1, 2, 4, 5, 6, 7, 8
ANSWER = 0x80000000
V20, V30 = 0x20, 0x30
HEADER = struct.Struct(">III")
# The longest frame that means something: a submit to 100 numbers of 32 bytes. More is noise.
FRAME_MOST = 8192
_SHANGHAI = ZoneInfo("Asia/Shanghai")
# Msg_Fmt 0 is ASCII here, not the GSM alphabet: read as Latin-1, which it is a part of.
_ASCII = 3
# Result of SUBMIT_RESP. 8 is flow control; 9 and above are the gateway's own.
_TAKEN, _BUSY = 0, 8
_REFUSED = frozenset({1, 2, 3, 4, 5, 6, 7})


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the two versions differ: lengths in bytes."""

    version: int
    terminal: int
    status: int
    link: int  # Reserve 8 (2.0), LinkID 20 (3.0)
    has_type: bool  # a byte behind each terminal: 0 real, 1 pseudonym

    @property
    def receipt(self) -> int:
        """60 bytes (2.0) or 71 (3.0)."""
        return 8 + 7 + 10 + 10 + self.terminal + 4


SHAPES = {
    V20: Shape(V20, terminal=21, status=1, link=8, has_type=False),
    V30: Shape(V30, terminal=32, status=4, link=20, has_type=True),
}


@dataclass(frozen=True, slots=True)
class Cmpp:
    """CMPP as a Codec. `sp_id` is the enterprise code, `service_id` the business code."""

    sp_id: str
    secret: str
    version: int = V20
    service_id: str = ""
    name: str = field(default="cmpp", init=False)
    last_sequence: int = field(default=0xFFFFFFFF, init=False)
    submits: bool = field(default=True, init=False)
    ascii_only: bool = field(default=True, init=False)

    @property
    def shape(self) -> Shape:
        return SHAPES[self.version]

    def cut(self, buffer: bytearray) -> bytes | None:
        return cut(buffer, least=HEADER.size, most=FRAME_MOST)

    def read(self, frame: bytes) -> Frame:
        _, command, sequence = HEADER.unpack_from(frame)
        fields = _Fields(frame, HEADER.size)
        match command:
            case 0x80000001:
                return Bound(sequence, fields.number(self.shape.status))
            case 0x80000004:
                message_id = str(fields.number(8))
                return Answered(sequence, fields.number(self.shape.status), message_id)
            case 5:
                return self._delivered(sequence, fields)
            case 8:
                return Pinged(sequence)
            case 0x80000008:
                return Ponged(sequence)
            case 2:
                return Unbinding(sequence)
            case 0x80000002:
                return Unbound(sequence)
        return Rejected(sequence, command, request=not command & ANSWER)

    def bind(self, sequence: int, now: datetime) -> bytes:
        stamp = now.astimezone(_SHANGHAI).strftime("%m%d%H%M%S")
        body = (
            _text(self.sp_id, 6)
            + authenticator(self.sp_id, self.secret, stamp)
            + bytes([self.version])
            + int(stamp).to_bytes(4, "big")
        )
        return _frame(CONNECT, sequence, body)

    def submit(self, sequence: int, part: Part) -> bytes:
        shape, to = self.shape, _text(part.to, self.shape.terminal)
        kind = b"\0" if shape.has_type else b""
        body = b"".join((
            bytes(8),  # Msg_Id: the gateway gives it
            bytes([part.of, part.number, 1, 0]),  # Pk_total, Pk_number, Registered_Delivery, level
            _text(self.service_id, 10),
            b"\2",  # Fee_UserType 2: the SP itself is charged
            bytes(shape.terminal), kind,  # Fee_terminal_Id: for Fee_UserType 3 alone
            bytes([0, part.has_header, part.coding]),  # TP_pId, TP_udhi, Msg_Fmt
            _text(self.sp_id, 6),
            b"01", b"000000",  # FeeType 01: free for the phone; FeeCode in fen
            bytes(17), bytes(17),  # Valid_Time, At_Time: at once
            _text(part.sender, 21),
            b"\1", to, kind,  # one receiver
            bytes([len(part.body)]), part.body,
            bytes(shape.link),
        ))  # fmt: skip
        return _frame(SUBMIT, sequence, body)

    def ask(self, sequence: int, message_id: str, sender: str) -> bytes | None:
        return None  # CMPP_QUERY counts the messages of a day, and tells of none

    def answer(self, frame: Heard | Receipted, *, status: int) -> bytes:
        message_id = frame.carrier_id if isinstance(frame, Receipted) else frame.message_id
        body = int(message_id).to_bytes(8, "big") + status.to_bytes(self.shape.status, "big")
        return _frame(DELIVER | ANSWER, frame.sequence, body)

    def ping(self, sequence: int) -> bytes:
        return _frame(ACTIVE_TEST, sequence, b"")

    def pong(self, sequence: int) -> bytes:
        return _frame(ACTIVE_TEST | ANSWER, sequence, b"\0")

    def unbind(self, sequence: int) -> bytes:
        return _frame(TERMINATE, sequence, b"")

    def unbound(self, sequence: int) -> bytes:
        return _frame(TERMINATE | ANSWER, sequence, b"")

    def refuse(self, sequence: int) -> bytes | None:
        return None  # CMPP has no answer for what it does not know

    def verdict(self, status: int) -> str:
        if status == _TAKEN:
            return "taken"
        if status == _BUSY:
            return "busy"
        return "refused" if status in _REFUSED else "later"

    def _delivered(self, sequence: int, fields: _Fields) -> Heard | Receipted:
        carrier_id = str(fields.number(8))
        to = fields.text(21)
        fields.skip(10 + 1)  # Service_Id, TP_pid
        has_header, coding = bool(fields.number(1)), fields.number(1)
        sender = fields.text(self.shape.terminal)
        fields.skip(int(self.shape.has_type))
        is_receipt = fields.number(1) == 1
        body = fields.take(fields.number(1))
        coding = _ASCII if coding == 0 else coding
        if not is_receipt:
            return Heard(sequence, sender, to, body, coding, has_header, carrier_id)
        # Some gateways pad the receipt, some cut SMSC_sequence off: only the front is needed.
        about = _Fields(body, 0)
        message_id, state = str(about.number(8)), about.text(7)
        about.skip(20)
        phone = about.text(min(self.shape.terminal, about.left())) or sender
        return Receipted(sequence, message_id, state, state, phone, to, carrier_id)


def authenticator(sp_id: str, secret: str, stamp: str) -> bytes:
    """AuthenticatorSource: MD5 of the SP's id in 6 bytes, nine NULs, the secret, MMDDHHMMSS."""
    return hashlib.md5(  # the protocol's own choice
        _text(sp_id, 6) + bytes(9) + secret.encode("ascii") + stamp.encode("ascii"),
        usedforsecurity=False,
    ).digest()


def _frame(command: int, sequence: int, body: bytes) -> bytes:
    return HEADER.pack(HEADER.size + len(body), command, sequence) + body


def _text(words: str, length: int) -> bytes:
    """ASCII in a field of fixed length. Raises ValueError where it does not fit."""
    encoded = words.encode("ascii")
    if len(encoded) > length:
        raise ValueError(f"{len(encoded)} characters do not fit a field of {length}")
    return encoded.ljust(length, b"\0")


@dataclass(slots=True)
class _Fields:
    """Reads a body from the front. Raises Malformed where it is too short."""

    data: bytes
    at: int

    def take(self, length: int) -> bytes:
        taken = self.data[self.at : self.at + length]
        if len(taken) < length:
            raise Malformed("CMPP: a frame ends too early")
        self.at += length
        return taken

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "big")

    def text(self, length: int) -> str:
        """Up to the first NUL; what is no ASCII is not a number nor a state."""
        return self.take(length).split(b"\0", 1)[0].decode("ascii", "replace").strip()

    def skip(self, length: int) -> None:
        self.take(length)

    def left(self) -> int:
        return len(self.data) - self.at
