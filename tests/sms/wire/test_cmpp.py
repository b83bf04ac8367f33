"""CMPP, byte by byte. The frames are those of the tests of github.com/bigwhite/gocmpp (packets of a
library that talks to carriers' gateways); where we fill a field otherwise, the test says so.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms.wire.cmpp import SHAPES, V20, V30, Cmpp
from sms.wire.frames import (
    Answered,
    Bound,
    Heard,
    Malformed,
    Part,
    Pinged,
    Receipted,
    Rejected,
    Unbinding,
)  # fmt: skip

CONNECT = bytes.fromhex(
    "00000027 00000001 00000017 393030303031 90d00c1d517abd0b4f65f6bcf8535d16 21 3cdc73be"
)
# Its time stamp is 1021080510: October 21, 08:05:10 in China.
CONNECTED_AT = datetime(2026, 10, 21, 0, 5, 10, tzinfo=UTC)

SUBMIT_2 = bytes.fromhex(
    (
        "000000bd 00000004 00000017 0000000000000000 01 01 01 01 74657374000000000000 02"
        " 313335303030303236393600000000000000000000 00 00 08 393030303031 3032 313000000000"
        " 3135313130353133313535353130312b00 0000000000000000000000000000000000"
        " 393030303031000000000000000000000000000000 01"
        " 313335303030303236393600000000000000000000 1e"
        " 6d4b8bd50067006f0063006d00700070002000730075006200 6d00690074 0000000000000000"
    ).replace(" ", "")
)
SUBMIT_3 = bytes.fromhex(
    (
        "000000e1 00000004 00000017 0000000000000000 01 01 01 01 74657374000000000000 02"
        " 3133353030303032363936 000000000000000000000000000000000000000000 00 00 00 08"
        " 393030303031 3032 313000000000 3135313130353133313535353130312b00"
        " 0000000000000000000000000000000000 393030303031000000000000000000000000000000 01"
        " 3133353030303032363936 000000000000000000000000000000000000000000 00 1e"
        " 6d4b8bd50067006f0063006d00700070002000730075006200 6d00690074"
        " 0000000000000000000000000000000000000000"
    ).replace(" ", "")
)
DELIVER_2 = bytes.fromhex(
    (
        "00000067 00000005 00000005 b525628000010000 393030303031000000000000000000000000000000"
        " 00000000000000000000 00 00 00 313334313233343030303000000000000000000000 00 12"
        " 5468697320697320612074657374204d4f2e 0000000000000000"
    ).replace(" ", "")
)
DELIVER_3 = bytes.fromhex(
    (
        "0000007f 00000005 00000001 b4c5530000010000 393030303031000000000000000000000000000000"
        " 00000000000000000000 00 00 00 3133343132333430303030"
        " 000000000000000000000000000000000000000000 00 00 12"
        " 5468697320697320612074657374204d4f2e 0000000000000000000000000000000000000000"
    ).replace(" ", "")
)
RECEIPT_2 = bytes.fromhex(
    (
        "b4c5530000010000 44454c49565244 31353131313230393535 31353131313230393537"
        " 313334313233343030303000000000000000000000 12345678"
    ).replace(" ", "")
)
ANSWER_2 = bytes.fromhex("00000015 80000004 00000017 b2b9da8000010000 00")
ANSWER_3 = bytes.fromhex("00000018 80000004 00000017 b2b9da8000010000 00000000")


def cmpp(version: int = V20) -> Cmpp:
    return Cmpp("900001", "888888", version, service_id="test")


def test_we_connect_as_the_specification_says() -> None:
    ours = cmpp().bind(0x17, CONNECTED_AT)
    # The frame on record says version 2.1 (0x21); ours says 2.0.
    assert ours == CONNECT[:34] + bytes([V20]) + CONNECT[35:]


@pytest.mark.parametrize(("version", "frame"), [(V20, SUBMIT_2), (V30, SUBMIT_3)])
def test_a_submit_is_laid_out_byte_by_byte(version: int, frame: bytes) -> None:
    body = "测试gocmpp submit".encode("utf-16-be")
    ours = cmpp(version).submit(0x17, Part("13500002696", "900001", body, 8))
    terminal = SHAPES[version].terminal
    fee = 35 + terminal + int(version == V30) + 3 + 6  # where FeeType begins
    wanted = bytearray(frame)
    wanted[23] = 0  # Msg_level
    wanted[35 : 35 + terminal] = bytes(terminal)  # Fee_terminal_Id: the SP pays
    wanted[fee : fee + 25] = b"01000000" + bytes(17)  # FeeType, FeeCode, Valid_Time: at once, free
    assert ours == bytes(wanted)
    assert len(ours) == int.from_bytes(ours[:4], "big")


@pytest.mark.parametrize(("version", "frame"), [(V20, ANSWER_2), (V30, ANSWER_3)])
def test_the_answer_to_a_submit_names_the_message(version: int, frame: bytes) -> None:
    assert cmpp(version).read(frame) == Answered(0x17, 0, "12878564852733378560")


LATIN1 = 3  # Msg_Fmt 0 is ASCII in CMPP, not the GSM alphabet


@pytest.mark.parametrize(
    ("version", "frame", "sequence", "carrier"),
    [(V20, DELIVER_2, 5, "13052947396898652160"), (V30, DELIVER_3, 1, "13025908756704198656")],
)
def test_a_text_from_a_phone_is_read_and_acknowledged(
    version: int, frame: bytes, sequence: int, carrier: str
) -> None:
    heard = cmpp(version).read(frame)
    assert heard == Heard(
        sequence, "13412340000", "900001", b"This is a test MO.", LATIN1, False, carrier
    )
    assert isinstance(heard, Heard)
    answer = cmpp(version).answer(heard, status=0)
    status = bytes(SHAPES[version].status)
    assert answer[4:] == frame[4:8].replace(b"\0", b"\x80", 1) + frame[8:20] + status


def receipt(version: int, content: bytes) -> bytes:
    shape = SHAPES[version]
    kind = b"\0" if shape.has_type else b""
    phone = b"13412340000".ljust(shape.terminal, b"\0")
    body = (
        DELIVER_2[12:41] + bytes(13) + phone + kind + bytes([1, len(content)]) + content
        + bytes(shape.link)
    )  # fmt: skip
    return (12 + len(body)).to_bytes(4, "big") + bytes([0, 0, 0, 5, 0, 0, 0, 9]) + body


@pytest.mark.parametrize(
    ("version", "content"),
    [
        (V20, RECEIPT_2),
        (V20, RECEIPT_2[:-4]),  # SMSC_sequence is cut off
        (V20, RECEIPT_2 + bytes(11)),  # a gateway that pads 2.0's receipts to 71
        (V30, RECEIPT_2[:-4] + bytes(11) + RECEIPT_2[-4:]),
        (V30, RECEIPT_2),  # a gateway that sends 2.0's receipts over 3.0
    ],
)
def test_a_receipt_is_read_whatever_its_length(version: int, content: bytes) -> None:
    assert cmpp(version).read(receipt(version, content)) == Receipted(
        9, "13025908756704198656", "DELIVRD", "DELIVRD", "13412340000", "900001",
        "13052947396898652160",
    )  # fmt: skip


def test_the_small_frames_are_known() -> None:
    codec = cmpp()
    assert codec.read(codec.ping(7)) == Pinged(7)
    assert codec.read(codec.unbind(8)) == Unbinding(8)
    assert codec.read(bytes.fromhex("0000001e8000000100000017" + "03" + "00" * 17)) == Bound(
        0x17, 3
    )
    assert codec.read(bytes.fromhex("0000000c0000006300000001")) == Rejected(1, 0x63, True)


@pytest.mark.parametrize("length", [0, 11, 8193, 0xFFFFFFFF])
def test_a_length_that_cannot_be_ends_the_bind(length: int) -> None:
    with pytest.raises(Malformed):
        cmpp().cut(bytearray(length.to_bytes(4, "big") + bytes(20)))


@given(st.sampled_from([V20, V30]), st.binary(max_size=300), st.sampled_from([1, 4, 5, 8, 2, 99]))
def test_random_bodies_are_read_or_refused(version: int, body: bytes, command: int) -> None:
    for answer in (0, 0x80):
        head = (12 + len(body)).to_bytes(4, "big") + bytes([answer, 0, 0, command]) + bytes(4)
        with contextlib.suppress(Malformed):
            cmpp(version).read(head + body)


@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_frames_are_cut_wherever_the_network_breaks_them(
    bodies: list[bytes], data: st.DataObject
) -> None:
    codec = cmpp()
    frames = [(12 + len(b)).to_bytes(4, "big") + bytes(8) + b for b in bodies]
    stream, buffer, out = b"".join(frames), bytearray(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        buffer += stream[:size]
        stream = stream[size:]
        while (frame := codec.cut(buffer)) is not None:
            out.append(frame)
    assert out == frames
