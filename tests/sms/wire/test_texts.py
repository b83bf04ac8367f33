"""Texts as bytes: nothing is lost in cutting, coding, putting together; receipts of all kinds."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sms import segments
from sms.wire import receipts, texts
from sms.wire.frames import GSM7, UCS2, Heard, Part

GSM = st.text(alphabet=sorted(segments.GSM7_BASIC | segments.GSM7_EXTENDED), max_size=500)
ANY = st.text(st.characters(codec="utf-8"), min_size=1, max_size=400)


def heard(part: Part) -> Heard:
    """The part as the phone at the other end would have sent it."""
    return Heard(1, part.to, part.sender, part.body, part.coding, part.has_header, "")


@given(ANY | GSM.filter(bool), st.integers(0, 100_000), st.booleans())
def test_a_text_comes_back_as_it_was_however_its_parts_arrive(
    text: str, reference: int, wide: bool
) -> None:
    parts = texts.parts(text, to="8613800000001", sender="10086", reference=reference, wide=wide)
    assert len(parts) >= segments.count(text)
    assert wide or len(parts) == segments.count(text)
    assert all(len(part.body) <= 140 + 20 for part in parts)
    placed = [texts.place(heard(part)) for part in parts]
    assert all(place is None or place.wide == wide for place, _ in placed)
    shuffled = random.Random(reference).sample(placed, len(placed))
    in_order = sorted(shuffled, key=lambda one: one[0].number if one[0] else 0)
    assert texts.words([(body, parts[0].coding) for _, body in in_order]) == text


@given(ANY | GSM.filter(bool), st.booleans())
def test_a_part_fits_into_one_sms(text: str, wide: bool) -> None:
    for part in texts.parts(text, to="1", sender="2", reference=1, wide=wide):
        header = 6 + wide  # bytes, which are 7 or 8 septets
        septets = len(part.body) - header + header + 1 if part.has_header else len(part.body)
        assert septets <= 160 if part.coding == GSM7 else len(part.body) <= 140


def test_where_coding_0_is_ascii_other_signs_of_the_gsm_alphabet_go_as_ucs2() -> None:
    """@ is 0x00 in the GSM alphabet: a CMPP gateway would end the text there."""
    for text, coding in (("Hello, 10 points", GSM7), ("me@home", UCS2), ("[1]", UCS2)):
        (part,) = texts.parts(text, to="1", sender="2", reference=1, ascii_only=True)
        assert (part.coding, texts.decode(part.body, coding)) == (coding, text)
    (part,) = texts.parts("me@home", to="1", sender="2", reference=1)
    assert (part.coding, part.body[:3]) == (GSM7, b"me\0")


def test_a_text_of_more_parts_than_a_header_can_count_is_refused() -> None:
    with pytest.raises(ValueError, match="256 parts"):
        texts.parts("好" * (255 * 67 + 1), to="1", sender="2", reference=1)


def test_an_emoji_is_never_cut_in_two() -> None:
    text = "好" * 66 + "😀" * 40
    for part in texts.parts(text, to="1", sender="2", reference=7):
        texts.place(heard(part))[1].decode("utf-16-be")  # raises where half of one stands alone


def test_both_kinds_of_references_and_smpps_own_are_read() -> None:
    narrow = Heard(1, "1", "2", bytes([5, 0, 3, 9, 2, 1]) + b"ab", GSM7, True, "")
    wide = Heard(1, "1", "2", bytes([6, 8, 4, 1, 2, 3, 2]) + b"cd", GSM7, True, "")
    other_first = Heard(1, "1", "2", bytes([9, 5, 2, 0, 1, 0, 3, 9, 2, 2]) + b"ef", GSM7, True, "")
    tlvs = Heard(1, "1", "2", b"gh", GSM7, False, "", sar=(700, 2, 3))
    assert texts.place(narrow) == (texts.Place(9, 2, 1, False), b"ab")
    assert texts.place(wide) == (texts.Place(0x0102, 3, 2, True), b"cd")
    assert texts.place(other_first) == (texts.Place(9, 2, 2, False), b"ef")
    assert texts.place(tlvs) == (texts.Place(700, 3, 2, True), b"gh")


def test_a_header_that_tells_of_no_parts_is_taken_off() -> None:
    ports = Heard(1, "1", "2", bytes([4, 4, 2, 1, 2]) + b"hi", GSM7, True, "")
    assert texts.place(ports) == (None, b"hi")


@given(st.binary(max_size=200), st.sampled_from([0, 1, 3, 4, 8, 15, 241]), st.booleans())
def test_any_bytes_become_words_without_an_error(body: bytes, coding: int, header: bool) -> None:
    _, rest = texts.place(Heard(1, "1", "2", body, coding, header, ""))
    assert isinstance(texts.words([(rest, coding)]), str)


@pytest.mark.parametrize(
    ("body", "coding"),
    [("是".encode("utf-16-be"), UCS2), ("是".encode("gb18030"), 15), (b"Y", GSM7), (b"Y", 3)],
)
def test_a_yes_is_read_in_every_coding_that_gateways_use(body: bytes, coding: int) -> None:
    assert texts.decode(body, coding) in ("是", "Y")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            b"id:7D2A1F sub:001 dlvrd:001 submit date:2611221230 done date:2611221231"
            b" stat:DELIVRD err:000 text:hello",
            ("7D2A1F", "DELIVRD", "000"),
        ),
        (b"ID: 12345 STAT: UNDELIV ERR: 01B", ("12345", "UNDELIV", "01B")),
        (b"stat:EXPIRED id:9", ("9", "EXPIRED", "")),
        (b"id=77 stat=MB:0069", ("77", "MB:0069", "")),
        (b"", ("", "", "")),
        (b"\xff\xfe garbage", ("", "", "")),
        # What the subscriber's own text says at the end counts for nothing.
        (b"id:5 stat:DELIVRD err:000 text:stat:REJECTD", ("5", "DELIVRD", "000")),
    ],
)
def test_receipts_are_read_in_all_the_ways_they_are_written(
    text: bytes, said: tuple[str, str, str]
) -> None:
    read = receipts.read(text)
    assert (read.message_id, read.state, read.error) == said


def test_the_optional_parameters_are_believed_first() -> None:
    read = receipts.read(b"id:1 stat:DELIVRD", message_id="abc", state=b"\x05")
    assert (read.message_id, read.state) == ("abc", "UNDELIV")


@given(st.binary(max_size=300), st.binary(max_size=4))
def test_no_receipt_breaks_the_reader(text: bytes, state: bytes) -> None:
    assert receipts.outcome(receipts.read(text, state=state).state) in (
        "delivered", "sent", "failed",
    )  # fmt: skip


def test_an_id_is_found_in_hexadecimal_and_in_decimal() -> None:
    assert "7d2a1f" in receipts.same_id(str(0x7D2A1F))
    assert str(0x7D2A1F) in receipts.same_id("7D2A1F")
    assert "123" in receipts.same_id("0000000123")
