"""How many somebody wants, in digits and in Chinese."""

from __future__ import annotations

import pytest

from dialogs import amounts
from sms import replies


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("100", 100), ("１００", 100), ("100分", 100), ("100积分。", 100), ("1,000积分", 1000),
        ("3个", 3), ("3个如意币", 3), ("送50", 50), ("一百", 100), ("两百积分", 200), ("十", 10),
        ("十五", 15), ("二十", 20), ("一百零五", 105), ("两千五百", 2500), ("一万", 10_000),
        ("三万二千", 32_000), ("三万二", 32_000), ("一百五", 150), ("一千二", 1200),
        ("一千零五十", 1050), ("0", 0), ("第2", 2),
    ],
)  # fmt: skip
def test_numbers_are_read(said: str, number: int) -> None:
    assert amounts.read(replies.read(said)) == number


@pytest.mark.parametrize(
    "said", ["都给她", "一二三", "百", "十百", "万", "100 200", "1.5", "-5", "两百五十万万", "很多"]
)
def test_what_is_no_number_is_none(said: str) -> None:
    assert amounts.read(replies.read(said)) is None
