"""SMPP 3.4 and CMPP 2.0/3.0 as an SMSC speaks them: frames of clients read, answers written.

Written apart from the product's own codecs, so that the two check each other.
"""

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Protocol

LONGEST_FRAME = 65_536
ANSWER = 0x80000000


class BadFrame(ValueError):
    """Bytes that no client of this protocol sends."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """An SMS as a client hands it over."""

    sender: str
    to: str
    body: bytes
    coding: int
    has_header: bool
    wants_receipt: bool


@dataclass(frozen=True, slots=True)
class Request:
    """One frame of a client. `kind`: bind submit query answer ping pong unbind unbound other."""

    kind: str
    sequence: int
    status: int = 0
    submitted: Submitted | None = None
    receives: bool = True  # of a bind: whether deliveries go over it
    submits: bool = True  # and whether submits may
    login: str = ""
    message_id: str = ""  # of a query


@dataclass(frozen=True, slots=True)
class Receipt:
    message_id: str
    state: str
    error: str
    phone: str
    to: str
    submitted_at: str  # YYMMDDHHMM
    done_at: str


class SmscCodec(Protocol):
    name: str

    def read(self, frame: bytes) -> Request: ...
    def bound(self, sequence: int, status: int, request: bytes) -> bytes: ...
    def submitted(self, sequence: int, status: int, message_id: str) -> bytes: ...
    def queried(self, sequence: int, message_id: str, state: str) -> bytes: ...
    def deliver(
        self, sequence: int, sender: str, to: str, body: bytes, coding: int, has_header: bool
    ) -> bytes: ...
    def receipt(self, sequence: int, receipt: Receipt) -> bytes: ...
    def ping(self, sequence: int) -> bytes: ...
    def pong(self, sequence: int) -> bytes: ...
    def unbind(self, sequence: int) -> bytes: ...
    def unbound(self, sequence: int) -> bytes: ...


def cut(buffer: bytearray) -> bytes | None:
    """The first whole frame; both protocols begin with its length. Raises BadFrame."""
    if len(buffer) < 4:
        return None
    length = int.from_bytes(buffer[:4], "big")
    if not 12 <= length <= LONGEST_FRAME:
        raise BadFrame(f"a frame of {length} bytes")
    if len(buffer) < length:
        return None
    frame = bytes(buffer[:length])
    del buffer[:length]
    return frame


# message_state by its number (SMPP 3.4, 5.2.28).
_STATES = ("", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD")


class SmppCodec:
    """SMPP 3.4, one system_id and password."""

    name = "smpp"
    _HEAD = struct.Struct(">IIII")
    # ESME_RINVPASWD
    BAD_LOGIN = 0x0E

    def __init__(self, system_id: str, password: str) -> None:
        self._login = (system_id, password)

    def read(self, frame: bytes) -> Request:
        if len(frame) < self._HEAD.size:
            raise BadFrame("an SMPP header has 16 bytes")
        _, command, status, sequence = self._HEAD.unpack_from(frame)
        if command in (0x1, 0x2, 0x9):
            system_id, at = _c_string(frame, 16)
            password, _ = _c_string(frame, at)
            good = hmac.compare_digest(repr((system_id, password)), repr(self._login))
            return Request(
                "bind", sequence, 0 if good else self.BAD_LOGIN, receives=command != 0x2,
                submits=command != 0x1, login=system_id,
            )  # fmt: skip
        if command == 0x4:
            return Request("submit", sequence, submitted=_submit_sm(frame))
        if command == 0x3:
            return Request("query", sequence, message_id=_c_string(frame, 16)[0])
        kinds = {0x80000005: "answer", 0x15: "ping", 0x80000015: "pong", 0x6: "unbind",
                 0x80000006: "unbound"}  # fmt: skip
        return Request(kinds.get(command, "other"), sequence, status)

    def bound(self, sequence: int, status: int, request: bytes) -> bytes:
        command = int.from_bytes(request[4:8], "big") | ANSWER
        return self._frame(command, sequence, status, b"emulated-smsc\0" if not status else b"")

    def submitted(self, sequence: int, status: int, message_id: str) -> bytes:
        body = message_id.encode() + b"\0" if not status else b""
        return self._frame(0x80000004, sequence, status, body)

    def queried(self, sequence: int, message_id: str, state: str) -> bytes:
        """Of a message that is not known here, `state` "": ESME_RQUERYFAIL."""
        if not state:
            return self._frame(0x80000003, sequence, 0x67)
        words = message_id.encode() + b"\0\0"
        return self._frame(0x80000003, sequence, 0, words + bytes([_STATES.index(state), 0]))

    def deliver(
        self, sequence: int, sender: str, to: str, body: bytes, coding: int, has_header: bool
    ) -> bytes:
        return self._deliver_sm(sequence, sender, to, body, coding, 0x40 if has_header else 0)

    def receipt(self, sequence: int, receipt: Receipt) -> bytes:
        text = (
            f"id:{receipt.message_id} sub:001 dlvrd:{int(receipt.state == 'DELIVRD'):03} submit"
            f" date:{receipt.submitted_at} done date:{receipt.done_at} stat:{receipt.state}"
            f" err:{receipt.error} text:"
        )
        return self._deliver_sm(sequence, receipt.phone, receipt.to, text.encode(), 0, 0x04)

    def ping(self, sequence: int) -> bytes:
        return self._frame(0x15, sequence)

    def pong(self, sequence: int) -> bytes:
        return self._frame(0x80000015, sequence)

    def unbind(self, sequence: int) -> bytes:
        return self._frame(0x6, sequence)

    def unbound(self, sequence: int) -> bytes:
        return self._frame(0x80000006, sequence)

    def _deliver_sm(
        self, sequence: int, sender: str, to: str, body: bytes, coding: int, esm_class: int
    ) -> bytes:
        return self._frame(0x5, sequence, 0, b"".join((
            b"\0", b"\1\1", sender.encode(), b"\0", b"\0\1", to.encode(), b"\0",
            bytes([esm_class, 0, 0]), b"\0", b"\0", bytes([0, 0, coding, 0, len(body)]), body,
        )))  # fmt: skip

    def _frame(self, command: int, sequence: int, status: int = 0, body: bytes = b"") -> bytes:
        return self._HEAD.pack(self._HEAD.size + len(body), command, status, sequence) + body


def _submit_sm(frame: bytes) -> Submitted:
    try:
        _, at = _c_string(frame, 16)  # service_type
        sender, at = _c_string(frame, at + 2)
        to, at = _c_string(frame, at + 2)
        esm_class = frame[at]
        _, at = _c_string(frame, at + 3)  # schedule_delivery_time
        _, at = _c_string(frame, at)  # validity_period
        registered, coding, length = frame[at], frame[at + 2], frame[at + 4]
        body = frame[at + 5 : at + 5 + length]
    except IndexError:
        raise BadFrame("a submit_sm ends too early") from None
    if len(body) != length:
        raise BadFrame("a submit_sm ends too early")
    return Submitted(sender, to, body, coding, bool(esm_class & 0x40), bool(registered & 1))


def _c_string(frame: bytes, at: int) -> tuple[str, int]:
    end = frame.find(b"\0", at)
    if end < 0:
        raise BadFrame("a string without an end")
    return frame[at:end].decode("ascii", "replace"), end + 1


class CmppCodec:
    """CMPP 2.0 or 3.0 by what the client says as it connects; one SP id and secret."""

    name = "cmpp"
    _HEAD = struct.Struct(">III")

    def __init__(self, sp_id: str, secret: str) -> None:
        self._sp_id, self._secret = sp_id, secret
        self._version = 0x20

    @property
    def _terminal(self) -> int:
        return 32 if self._version >= 0x30 else 21

    @property
    def _status(self) -> int:
        return 4 if self._version >= 0x30 else 1

    def read(self, frame: bytes) -> Request:
        _, command, sequence = self._HEAD.unpack_from(frame)
        if command == 1:
            if len(frame) < 39:
                raise BadFrame("a CMPP_CONNECT has 39 bytes")
            return self._connect(sequence, frame[12:])
        if command == 4:
            return Request("submit", sequence, submitted=self._submit(frame[12:]))
        if command == 0x80000005:
            return Request("answer", sequence, int.from_bytes(frame[20 : 20 + self._status], "big"))
        kinds = {8: "ping", 0x80000008: "pong", 2: "unbind", 0x80000002: "unbound"}
        return Request(kinds.get(command, "other"), sequence)

    def _connect(self, sequence: int, body: bytes) -> Request:
        sp_id = _fixed(body[:6])
        self._version = body[22]
        stamp = f"{int.from_bytes(body[23:27], 'big'):010}"
        right = hashlib.md5(
            body[:6] + bytes(9) + self._secret.encode() + stamp.encode(), usedforsecurity=False
        ).digest()
        if self._version not in (0x20, 0x30):
            return Request("bind", sequence, 4, login=sp_id)
        good = hmac.compare_digest(right, body[6:22]) and sp_id == self._sp_id
        return Request("bind", sequence, 0 if good else 3, login=sp_id)

    def _submit(self, body: bytes) -> Submitted:
        terminal, kind = self._terminal, int(self._version >= 0x30)
        at = 8
        wants = body[at + 2] == 1
        at += 4 + 10 + 1 + terminal + kind
        if len(body) < at + 3 + 6 + 2 + 6 + 17 + 17 + 21 + 1:
            raise BadFrame("a CMPP_SUBMIT ends too early")
        has_header, coding = bool(body[at + 1]), body[at + 2]
        at += 3 + 6 + 2 + 6 + 17 + 17
        sender = _fixed(body[at : at + 21])
        receivers = body[at + 21]
        at += 22
        to = _fixed(body[at : at + terminal])
        at += terminal * receivers + kind
        length = body[at] if at < len(body) else -1
        words = body[at + 1 : at + 1 + max(length, 0)]
        if receivers != 1 or len(words) != length:
            raise BadFrame("a CMPP_SUBMIT for one receiver whose length is right, please")
        return Submitted(sender, to, words, coding, has_header, wants)

    def bound(self, sequence: int, status: int, request: bytes) -> bytes:
        proof = hashlib.md5(
            status.to_bytes(self._status, "big") + request[18:34] + self._secret.encode(),
            usedforsecurity=False,
        ).digest()
        body = status.to_bytes(self._status, "big") + proof + bytes([self._version])
        return self._frame(0x80000001, sequence, body)

    def submitted(self, sequence: int, status: int, message_id: str) -> bytes:
        number = int(message_id) if not status else 0
        status = min(status, 256**self._status - 1)  # 2.0 has one byte
        body = number.to_bytes(8, "big") + status.to_bytes(self._status, "big")
        return self._frame(0x80000004, sequence, body)

    def queried(self, sequence: int, message_id: str, state: str) -> bytes:
        raise BadFrame("a CMPP_QUERY asks for the counts of a day, which nobody keeps here")

    def deliver(
        self, sequence: int, sender: str, to: str, body: bytes, coding: int, has_header: bool
    ) -> bytes:
        return self._deliver(sequence, sequence, sender, to, body, coding, has_header, False)

    def receipt(self, sequence: int, receipt: Receipt) -> bytes:
        body = b"".join((
            int(receipt.message_id).to_bytes(8, "big"), _field(receipt.state, 7),
            _field(receipt.submitted_at, 10), _field(receipt.done_at, 10),
            _field(receipt.phone, self._terminal), bytes(4),
        ))  # fmt: skip
        return self._deliver(sequence, sequence, receipt.phone, receipt.to, body, 0, False, True)

    def ping(self, sequence: int) -> bytes:
        return self._frame(8, sequence, b"")

    def pong(self, sequence: int) -> bytes:
        return self._frame(0x80000008, sequence, b"\0")

    def unbind(self, sequence: int) -> bytes:
        return self._frame(2, sequence, b"")

    def unbound(self, sequence: int) -> bytes:
        return self._frame(0x80000002, sequence, b"")

    def _deliver(
        self, sequence: int, message_id: int, sender: str, to: str, body: bytes, coding: int,
        has_header: bool, is_receipt: bool,
    ) -> bytes:  # fmt: skip
        newer = self._version >= 0x30
        return self._frame(5, sequence, b"".join((
            message_id.to_bytes(8, "big"), _field(to, 21), bytes(10),
            bytes([0, has_header, coding]), _field(sender, self._terminal),
            b"\0" if newer else b"", bytes([is_receipt, len(body)]), body,
            bytes(20 if newer else 8),
        )))  # fmt: skip

    def _frame(self, command: int, sequence: int, body: bytes) -> bytes:
        return self._HEAD.pack(self._HEAD.size + len(body), command, sequence) + body


def _field(words: str, length: int) -> bytes:
    return words.encode("ascii", "replace")[:length].ljust(length, b"\0")


def _fixed(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("ascii", "replace")
