"""SMPP 3.4: the PDUs of a bind (Short Message Peer-to-Peer Protocol Specification v3.4, issue 1.2).

    command_length 4 │ command_id 4 │ command_status 4 │ sequence_number 4 │ body │ TLVs

submit_sm and deliver_sm are written and read by the library smpp34; the others are a header, or a
header and a few strings. The library's own client is not used: it acknowledges what a phone has
sent before we can have kept it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import smpp34

from sms.wire import receipts
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
    Told,
    Unbinding,
    Unbound,
    cut,
)  # fmt: skip

BIND_RECEIVER, BIND_TRANSMITTER, QUERY_SM, SUBMIT_SM, DELIVER_SM = 0x1, 0x2, 0x3, 0x4, 0x5
UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK = 0x6, 0x9, 0x15
ANSWER, GENERIC_NACK = 0x80000000, 0x80000000
HEADER = struct.Struct(">IIII")
VERSION = 0x34
# A submit_sm holds at most 254 bytes of text; with every TLV of the specification less than this.
FRAME_MOST = 65_536
BINDS: Mapping[str, int] = {"rx": BIND_RECEIVER, "tx": BIND_TRANSMITTER, "trx": BIND_TRANSCEIVER}
Role = Literal["rx", "tx", "trx"]

# esm_class (5.2.12): bits 2-5 tell the message's type, bit 6 that a user data header leads it.
_TYPE, _RECEIPT, _UDHI = 0x3C, 0x04, 0x40
_TON_INTERNATIONAL, _NPI_ISDN = 1, 1
# registered_delivery (5.2.17): a receipt for success and for failure.
_WITH_RECEIPT = 1
# Optional parameters (5.3.2).
_RECEIPTED_ID, _MESSAGE_STATE, _PAYLOAD = 0x001E, 0x0427, 0x0424
_SAR_REFERENCE, _SAR_OF, _SAR_NUMBER = 0x020C, 0x020E, 0x020F
_INVALID_COMMAND = 0x03  # ESME_RINVCMDID

# command_status (5.1.3).
_OK = 0
_BUSY = frozenset({0x14, 0x58})  # ESME_RMSGQFUL, ESME_RTHROTTLED
_LATER = frozenset({0x04, 0x08, 0x0D, 0x45, 0x64, 0x65, 0x66, 0xFE, 0xFF})
_VENDOR_FROM = 0x400  # "reserved for SMSC vendor specific errors" up to 0x4FF


@dataclass(frozen=True, slots=True)
class Smpp:
    """SMPP as a Codec. `vendor`: what the SMSC's own codes mean, "later" where it says nothing."""

    system_id: str
    password: str
    role: Role = "trx"
    system_type: str = ""
    vendor: Mapping[int, str] = field(default_factory=dict)
    name: str = field(default="smpp", init=False)
    last_sequence: int = field(default=0x7FFFFFFF, init=False)
    ascii_only: bool = field(default=False, init=False)

    @property
    def submits(self) -> bool:
        return self.role != "rx"

    def cut(self, buffer: bytearray) -> bytes | None:
        return cut(buffer, least=HEADER.size, most=FRAME_MOST)

    def read(self, frame: bytes) -> Frame:
        _, command, status, sequence = HEADER.unpack_from(frame)
        match command:
            case 0x80000001 | 0x80000002 | 0x80000009:
                return Bound(sequence, status)
            case 0x80000004:
                # A refusal may leave the message_id out altogether.
                return Answered(sequence, status, _string(frame[HEADER.size :]))
            case 0x80000003:
                return _told(sequence, status, frame[HEADER.size :])
            case 0x5:
                return _delivered(sequence, frame)
            case 0x15:
                return Pinged(sequence)
            case 0x80000015:
                return Ponged(sequence)
            case 0x6:
                return Unbinding(sequence)
            case 0x80000006:
                return Unbound(sequence)
        return Rejected(sequence, status, request=not command & ANSWER)

    def bind(self, sequence: int, now: datetime) -> bytes:
        body = b"".join((
            _c_string(self.system_id, 16),
            _c_string(self.password, 9),
            _c_string(self.system_type, 13),
            bytes([VERSION, 0, 0]),  # addr_ton, addr_npi: the SMSC knows our numbers
            _c_string("", 41),
        ))  # fmt: skip
        return _frame(BINDS[self.role], sequence, body=body)

    def submit(self, sequence: int, part: Part) -> bytes:
        pdu = smpp34.SubmitSm(
            part.sender,
            part.to,
            part.body,
            dest_addr_ton=_TON_INTERNATIONAL,
            dest_addr_npi=_NPI_ISDN,
            esm_class=_UDHI if part.has_header else 0,
            registered_delivery=_WITH_RECEIPT,
            data_coding=part.coding,
            sequence_number=sequence,
        )
        return pdu.encode()

    def ask(self, sequence: int, message_id: str, sender: str) -> bytes | None:
        # The source must be that of the submit: number, type and plan (4.8.1).
        body = _c_string(message_id, 65) + b"\0\0" + _c_string(sender, 21)
        return _frame(QUERY_SM, sequence, body=body)

    def answer(self, frame: Heard | Receipted, *, status: int) -> bytes:
        return _frame(DELIVER_SM | ANSWER, frame.sequence, status=status, body=b"\0")

    def ping(self, sequence: int) -> bytes:
        return _frame(ENQUIRE_LINK, sequence)

    def pong(self, sequence: int) -> bytes:
        return _frame(ENQUIRE_LINK | ANSWER, sequence)

    def unbind(self, sequence: int) -> bytes:
        return _frame(UNBIND, sequence)

    def unbound(self, sequence: int) -> bytes:
        return _frame(UNBIND | ANSWER, sequence)

    def refuse(self, sequence: int) -> bytes | None:
        return _frame(GENERIC_NACK, sequence, status=_INVALID_COMMAND)

    def verdict(self, status: int) -> str:
        if status == _OK:
            return "taken"
        if status in _BUSY:
            return "busy"
        if status in _LATER:
            return "later"
        return self.vendor.get(status, "later") if status >= _VENDOR_FROM else "refused"


def _delivered(sequence: int, frame: bytes) -> Heard | Receipted:
    try:
        pdu = smpp34.decode(frame)
    except smpp34.SmppError as error:
        raise Malformed(f"SMPP: {error}") from None
    if not isinstance(pdu, smpp34.DeliverSm):
        raise Malformed("SMPP: a deliver_sm that is none")
    tlvs = {tlv.tag: tlv.value for tlv in pdu.tlvs}
    body = pdu.short_message or tlvs.get(_PAYLOAD, b"")
    if pdu.esm_class & _TYPE == _RECEIPT or _RECEIPTED_ID in tlvs:
        about = receipts.read(
            body,
            message_id=_string(tlvs.get(_RECEIPTED_ID, b"")),
            state=tlvs.get(_MESSAGE_STATE, b""),
        )
        return Receipted(
            sequence, about.message_id, about.state, about.error, pdu.source_addr,
            pdu.destination_addr, "",
        )  # fmt: skip
    return Heard(
        sequence, pdu.source_addr, pdu.destination_addr, body, pdu.data_coding,
        bool(pdu.esm_class & _UDHI), "", _sar(tlvs),
    )  # fmt: skip


def _told(sequence: int, status: int, body: bytes) -> Told:
    """query_sm_resp (4.8.2): message_id, final_date, message_state, error_code."""
    pieces = body.split(b"\0", 2)
    if len(pieces) < 3 or not pieces[2]:  # a refusal may leave its body out
        return Told(sequence, status or -1, "", "")
    error = pieces[2][1] if len(pieces[2]) > 1 else 0
    return Told(sequence, status, receipts.state_of(pieces[2][:1]), f"{error:03}" if error else "")


def _sar(tlvs: Mapping[int, bytes]) -> tuple[int, int, int] | None:
    """sar_msg_ref_num, sar_segment_seqnum, sar_total_segments, where all three are there."""
    wanted = (_SAR_REFERENCE, _SAR_NUMBER, _SAR_OF)
    if not all(tag in tlvs for tag in wanted):
        return None
    reference, number, of = (int.from_bytes(tlvs[tag], "big") for tag in wanted)
    return reference, number, of


def _frame(command: int, sequence: int, *, status: int = 0, body: bytes = b"") -> bytes:
    return HEADER.pack(HEADER.size + len(body), command, status, sequence) + body


def _c_string(words: str, most: int) -> bytes:
    """A C-octet string of at most `most` bytes, its NUL included. Raises ValueError beyond."""
    encoded = words.encode("ascii")
    if len(encoded) >= most:
        raise ValueError(f"{len(encoded)} characters do not fit a field of {most - 1}")
    return encoded + b"\0"


def _string(data: bytes) -> str:
    return data.split(b"\0", 1)[0].decode("ascii", "replace")
