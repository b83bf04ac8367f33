"""What a text of a broadcast must say, and must not."""

from __future__ import annotations

import pytest

from models.broadcasts import wording


@pytest.mark.parametrize(
    "text",
    [
        "夏日T恤，凭券换回T恤一件",
        "半价。请勿回复TD，本号不收短信",
        "回复T看更多优惠",
        "半价。不能退订回TD",
    ],
)
def test_a_text_that_would_be_refused_as_it_leaves_is_not_approved_first(text: str) -> None:
    assert wording.faults(text) == ["way_out"]


@pytest.mark.parametrize("unseen", ["\0", "\x07", "\x85", "\u200b", "\u2028", "\u202e", "\ufeff"])
def test_what_nobody_can_see_is_in_no_text(unseen: str) -> None:
    assert wording.faults(f"周末{unseen}半价。退订回TD") == ["control"]
    assert not wording.faults("周末半价👨\u200d👩\u200d👧\n退订回TD")
