"""Phone numbers in what people write, however they write them."""

from __future__ import annotations

import re

import pytest

from models.hiding import hide_numbers


@pytest.mark.parametrize(
    "written",
    [
        "13812345678", "+8613812345678", "138 1234 5678", "138-1234-5678", "138/1234/5678",
        "138 - 1234 - 5678", "138_1234_5678", "138，1234，5678", "138—1234—5678", "138:1234:5678",
        "１３８１２３４５６７８", "１３８／１２３４／５６７８", "1.3.8.1.2.3.4.5.6.7.8",
        "0086 138 1234 5678", "138*1234*5678", "(138)1234,5678", "138\u200b1234\u200b5678",
    ],
)  # fmt: skip
def test_a_number_is_hidden_however_it_is_written(written: str) -> None:
    hidden = hide_numbers(f"打{written}找我")
    assert re.fullmatch(r"打\W*\d+\*{4}\d+\W*找我", hidden)
    digits = [char for char in hidden if char.isdigit()]
    assert len(digits) == 7, hidden


@pytest.mark.parametrize(
    "written",
    ["2026-11-22 07:14:10", "100, 200, 300, 400", "1300、1400、1500", "流水号 100000001",
     "验证码 123456"],
)  # fmt: skip
def test_what_is_no_number_of_a_phone_stays(written: str) -> None:
    assert hide_numbers(written) == written


def test_an_amount_behind_a_number_is_no_part_of_it() -> None:
    assert hide_numbers("转赠13812345678 100") == "转赠138****5678 100"
    assert hide_numbers("ZZ 13812345678，20") == "ZZ 138****5678，20"
    assert hide_numbers("卡号 13812345678 1234 5678") == "卡号 138****5678"


def test_a_long_text_takes_no_longer_for_it() -> None:
    for text in ("1 " * 30_000, "13,,," * 12_000, "1" * 9 + " " * 50_000):
        hide_numbers(text)
