"""Numbers: every way of writing one, and nothing that is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms.numbers import NotANumber, masked, msisdn


@pytest.mark.parametrize(
    "text",
    [
        "13800000001",
        "8613800000001",
        "+8613800000001",
        "008613800000001",
        "138 0000 0001",
        "138-0000-0001",
        " 138　0000　0001 ",
        "１３８０００００００１",
        "＋８６１３８０００００００１",
        "+86 138-0000-0001",
        "+86 (138) 0000.0001",
        "0086 138 0000 0001",
        "\u202d13800000001\u202c",
        "138–0000—0001",
    ],
)
def test_every_way_of_writing_a_number_is_the_same_number(text: str) -> None:
    assert msisdn(text) == "+8613800000001"


@pytest.mark.parametrize("text", ["+16502530000", "001 650 253 0000"])
def test_numbers_of_other_countries_are_taken_with_their_prefix(text: str) -> None:
    assert msisdn(text) == "+16502530000"
    assert msisdn("+15005550006") == "+15005550006"


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "是", "10086", "106900001234", "1380000000", "138000000012", "12345678901"),
        *(
            "010-62345678",
            "138abc00001",
            "1-800-FLOWERS",
            "13800000001;ext=5",
            "+",
            "++8613800000001",
        ),
        *("13800000001 13800000002", "١٣٨٠٠٠٠٠٠٠١", "1" * 500, "138*0000*0001", "23800000001"),
    ],
)
def test_what_is_no_mobile_number_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(NotANumber) as refused:
        msisdn(text)
    assert not text.strip() or text not in str(refused.value)


def test_a_number_is_shown_without_its_middle() -> None:
    assert masked("+8613800000001") == "138****0001"
    assert masked("+16502530000") == "+16****0000"
    assert masked("not a number 13800000001") == "****"
    assert masked("") == "****"


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_text_is_a_number_or_not_a_number(text: str) -> None:
    try:
        assert msisdn(text).startswith("+")
    except NotANumber:
        assert "*" in masked(text)


@pytest.mark.parametrize("prefix", ["", "86", "+86", "0086", "+", "00"])
def test_the_quick_way_reads_numbers_as_the_numbering_plan_does(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(text: str) -> str:
        try:
            return msisdn(text)
        except NotANumber:
            return ""

    written = [f"{prefix}1{n:03d}0000{n % 7}{n % 3}9" for n in range(1000)]
    quick = [read(text) for text in written]
    monkeypatch.setattr("sms.numbers._PLAIN_MOBILE", re.compile("never"))
    assert quick == [read(text) for text in written]
    assert any(quick) or prefix in ("+", "00")
