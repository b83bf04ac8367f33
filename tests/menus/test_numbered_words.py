"""Words that take a number, and scenes that are one."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dialogs import live
from menus.keywords import split_number
from menus.menus import Menus, Mistakes, read_folder
from sms import replies
from tests.menus.conftest import FOLDER

Load = Callable[..., Menus]
REDEEM: dict[str, Any] = {
    "optional": {"balance": frozenset({"offer"})},
    "numbered_scenes": {"offer": ("balance", "offer")},
}


@pytest.fixture(scope="module")
def shipped() -> Menus:
    return live.check(read_folder(FOLDER))


@pytest.mark.parametrize(
    "said",
    ["DH1001", "dh 1001", "ＤＨ１００１", "DH　1001。", "兑换1001", "兑换 1001", "兌換：1001号",
     "DH+1001", "dh-1001", "兑换#1001", "DH 10 01", "“兑换1001”"],
)  # fmt: skip
def test_a_number_behind_the_word_becomes_a_note(shipped: Menus, said: str) -> None:
    word = shipped.word(replies.normalise(said))
    assert word is not None, said
    assert (word.route.dialog, dict(word.route.notes)) == ("redeem", {"offer": "1001"})


def test_the_word_alone_opens_the_dialog_without_it(shipped: Menus) -> None:
    word = shipped.word(replies.normalise("兑换"))
    assert word is not None
    assert (word.route.dialog, dict(word.route.notes)) == ("redeem", {})


@pytest.mark.parametrize(
    "said",
    ["1001", "积分1001", "DH", "DH1001元", "DH1001 1", "不兑换1001", "D1001", "DH" + "1" * 19],
)
def test_what_only_looks_like_it_opens_no_offer(shipped: Menus, said: str) -> None:
    word = shipped.word(replies.normalise(said))
    assert word is None or "offer" not in word.route.notes or said == "DH1001 1"


def test_splitting_is_quick_whatever_is_said() -> None:
    assert split_number("-" * 2000) is None
    assert split_number("1" * 2000) is None
    assert split_number("a " * 1000 + "1") is not None


def told(load: Load, sample: Mapping[str, str], words: str) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        load({**sample, "keywords.yaml": f"words:\n{words}"}, **REDEEM)
    return [str(mistake) for mistake in caught.value.mistakes]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("  - {say: [兑换], dialog: balance, takes: ofer}\n",
         "2:41: dialog balance takes no ofer (did you mean offer?)"),
        ("  - {say: [兑换], dialog: help, takes: offer}\n",
         "2:38: dialog help takes no offer (it takes nothing)"),
        ('  - {say: [兑换], dialog: balance, takes: offer, with: {offer: "1"}}\n',
         "2:41: offer: stands in `with:` already (delete one of them)"),
        ("  - {say: [DH1], dialog: balance, takes: offer}\n",
         "2:12: DH1: cannot be told apart from the number behind it"),
        ("  - {say: [DH], dialog: balance, takes: offer}\n  - {say: [dh7], dialog: help}\n",
         "3:12: dh7: reads as DH in line 2 with the number 7 (choose another word)"),
        ("  - {say: [兑换], dialog: balance, takes: 7}\n", "2:41: words.0.takes: should be"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(
    load_sample: Load, sample: Mapping[str, str], words: str, expected: str
) -> None:
    assert told(load_sample, sample, words)[0].startswith(f"menus/keywords.yaml:{expected}")


def test_a_word_that_makes_an_answer_with_a_number_is_told(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    with pytest.raises(Mistakes, match="would swallow an answer"):
        load_sample(
            {**sample, "keywords.yaml": "words:\n  - {say: [第], dialog: balance, takes: offer}\n"},
            **{**REDEEM, "reserved": lambda text: replies.read(text).number is not None},
        )


def test_a_numbered_scene_needs_no_file_and_a_file_goes_first(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    menus = load_sample(sample, **REDEEM)
    route = menus.scene("offer-1001")
    assert route is not None
    assert (route.dialog, dict(route.notes)) == ("balance", {"offer": "1001"})
    assert [menus.scene(name) for name in ("offer-", "offer-x", "offers-1", "Offer-1")] == [
        None
    ] * 4
    scenes = "scenes:\n  offer-1001: {dialog: help}\n"
    menus = load_sample({**sample, "scenes.yaml": scenes}, **REDEEM)
    found = menus.scene("offer-1001")
    assert found is not None
    assert found.dialog == "help"
    (warning,) = [one for one in menus.warnings if one.file.endswith("scenes.yaml")]
    assert str(warning).startswith(
        "menus/scenes.yaml:2:3: offer-1001: leads elsewhere than the cards with this number"
    )
