"""Segments: counted as billed, split where a phone can put them together again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms import segments

SIGNATURE = "【和生活圈】"
# Short texts never need a split: repeat what was found until parts come about.
TEXTS = st.builds(
    lambda text, times: text * times,
    st.text(alphabet=st.sampled_from("ab1€[]~\f@是好，😀𠮷\n") | st.characters(), max_size=40),
    st.integers(1, 30),
)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("是" * 70, 1),
        ("是" * 71, 2),
        ("是" * 134, 2),
        ("是" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
        ("a" * 70 + "是", 2),
        (SIGNATURE + "好" * 64, 1),
        (SIGNATURE + "好" * 65, 2),
        ("`", 1),
    ],
)
def test_texts_are_counted_as_they_are_billed(text: str, count: int) -> None:
    assert segments.count(text) == count


def test_units_follow_the_alphabet() -> None:
    assert segments.units("a€") == 3
    assert segments.units("是😀") == 3
    assert segments.units("€是") == 2
    assert segments.is_gsm7("Hello @ £ Ω € {}")
    assert not segments.is_gsm7("ç")


def test_an_emoji_on_the_border_moves_whole_to_the_next_part() -> None:
    parts = segments.split("是" * 66 + "😀" + "好" * 10)
    assert parts == ["是" * 66, "😀" + "好" * 10]


def test_an_escaped_character_on_the_border_moves_whole_to_the_next_part() -> None:
    parts = segments.split("a" * 152 + "€" + "b" * 20)
    assert parts == ["a" * 152, "€" + "b" * 20]


@settings(deadline=None, derandomize=True)
@given(TEXTS)
def test_the_parts_are_the_text_and_each_fits(text: str) -> None:
    parts = segments.split(text)
    gsm7 = segments.is_gsm7(text)
    sizes = [segments.units(part) if gsm7 else len(_utf16(part)) // 2 for part in parts]
    limit = (160 if gsm7 else 70) if len(parts) == 1 else (153 if gsm7 else 67)
    assert "".join(parts) == text
    assert all(0 < size <= limit for size in sizes)
    assert segments.count(text) == len(parts)


@settings(deadline=None, derandomize=True)
@given(TEXTS)
def test_no_part_could_have_taken_the_next_character(text: str) -> None:
    parts = segments.split(text)
    limit = 153 if segments.is_gsm7(text) else 67
    measure = segments.units if segments.is_gsm7(text) else (lambda part: len(_utf16(part)) // 2)
    for part, following in pairwise(parts):
        assert measure(part + following[0]) > limit


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")
