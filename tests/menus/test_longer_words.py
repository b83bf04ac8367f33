"""What may stand behind a word: a second number, words as they were typed, a place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dialogs import live
from menus.menus import Menus, Mistakes, read_folder
from sms import replies
from tests.menus.conftest import FOLDER

Load = Callable[..., Menus]
SHIPPED = live.check(read_folder(FOLDER))
GIFT = "words:\n  - {say: [转赠, ZZ], dialog: balance, takes: to, and_number: amount}\n"
KNOWN: dict[str, Any] = {"optional": {"balance": frozenset({"to", "amount", "where"})}}


@pytest.fixture(scope="module")
def gifts(load_sample: Load, sample: Mapping[str, str]) -> Menus:
    return load_sample(
        {**sample, "keywords.yaml": GIFT}, **{**KNOWN, "normalise": replies.normalise}
    )


@pytest.mark.parametrize(
    "said",
    ["ZZ 13800001234 100", "转赠13800001234 100", "转赠 13800001234，100分", "zz13800001234+100",
     "轉贈：13800001234、100积分", "ＺＺ　１３８００００１２３４　１００"],
)  # fmt: skip
def test_a_second_number_becomes_a_note(gifts: Menus, said: str) -> None:
    word = gifts.word(replies.normalise(said))
    assert word is not None
    assert dict(word.route.notes) == {"to": "13800001234", "amount": "100"}


def test_the_second_may_be_missing(gifts: Menus) -> None:
    word = gifts.word("zz 13800001234")
    assert word is not None
    assert dict(word.route.notes) == {"to": "13800001234"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("  - {say: [ZZ], dialog: balance, and_number: amount}\n",
         "2:34: numbers can only stand behind a number, as another note"),
        ("  - {say: [ZZ], dialog: balance, takes: to, takes_words: where}\n",
         "2:45: either a number stands behind the word, or words"),
        ("  - {say: [ZZ], dialog: balance, takes_words: place}\n",
         "2:34: dialog balance takes no place"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(
    load_sample: Load, sample: Mapping[str, str], words: str, expected: str
) -> None:
    with pytest.raises(Mistakes) as caught:
        load_sample({**sample, "keywords.yaml": f"words:\n{words}"}, **KNOWN)
    told = str(caught.value.mistakes[0])
    assert told.split(": ", 1)[1].startswith(expected.split(": ", 1)[1]), told


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("附近长沙", "长沙"),
        ("FJ 五一大道", "五一大道"),
        ("附近：株洲市。", "株洲市"),
        ("附近", None),
    ],
)
def test_a_place_stands_right_behind_its_word(said: str, where: str | None) -> None:
    word = SHIPPED.word(replies.normalise(said))
    assert word is not None
    assert word.route.dialog == "nearby"
    assert word.route.notes.get("where") == where
    assert word.loose == (where is not None)


def test_a_story_is_no_place() -> None:
    assert SHIPPED.word("附近" + "有一家店他们的服务真的非常不好让我等了很久") is None


@given(some.text(alphabet=some.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_words_behind_a_number_are_kept_as_typed(typed: str) -> None:
    text = f"TS 100000123 {typed}"
    word = SHIPPED.word(replies.normalise(text))
    if word is None or "words" not in word.route.notes:
        return
    kept = word.as_typed(text, replies.normalise).route.notes["words"]
    assert replies.normalise(kept) == replies.normalise(word.route.notes["words"])
    assert kept in text or kept == word.route.notes["words"]
