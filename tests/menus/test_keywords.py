"""Keywords: one word, one meaning, and never in the way of an answer."""

from collections.abc import Callable, Mapping

import pytest

from menus.menus import Menus, Mistakes

Load = Callable[..., Menus]


def told(load_sample: Load, sample: Mapping[str, str], words: str) -> list[str]:
    with pytest.raises(Mistakes) as caught:
        load_sample({**sample, "keywords.yaml": f"words:\n{words}"})
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_word_written_twice_is_told_however_it_is_written(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    words = "  - {say: [积分, JF], dialog: balance}\n  - {say: [帮助, ｊｆ。], dialog: help}\n"
    assert told(load_sample, sample, words) == [
        "menus/keywords.yaml:3:16: ｊｆ。: reads the same as JF in line 2 (keep one of them)"
    ]


@pytest.mark.parametrize("answer", ["是", "好的", "否", "Y", '"1"', "退订"])
def test_a_word_that_is_an_answer_is_told(
    load_sample: Load, sample: Mapping[str, str], answer: str
) -> None:
    (found,) = told(load_sample, sample, f"  - {{say: [{answer}], dialog: help}}\n")
    assert found.startswith("menus/keywords.yaml:2:12: ")
    assert "would swallow an answer to an open question" in found


def test_only_leaving_and_coming_back_may_be_opened_by_their_answers(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    words = "words:\n  - {say: [退订, TD], dialog: opt_out, always: true}\n"
    word = load_sample({**sample, "keywords.yaml": words}).word("td")
    assert word is not None
    assert word.route.dialog == "opt_out"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("  - {say: [。。], dialog: help}\n", "2:12: 。。: nothing is left of this word"),
        ("  - {say: [10086], dialog: help}\n", "2:12: words.0.say.0: should be a valid string"),
        (
            "  - {say: [], dialog: help}\n",
            "2:11: words.0.say: has 0 items; at least 1 can stand here",
        ),
        ("  - {say: 积分, dialog: help}\n", "2:11: words.0.say: should be a list"),
        ("  - {dialog: help}\n", "2:5: words.0.say: missing"),
        ("  - {say: [积分], dialog: help, allways: true}\n", "2:31: words.0.allways: unknown key"),
        ("  - {say: [积分], dialog: help, always: yes}\n", "2:39: words.0.always: should be"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    load_sample: Load, sample: Mapping[str, str], words: str, expected: str
) -> None:
    assert told(load_sample, sample, words)[0].startswith(f"menus/keywords.yaml:{expected}")
