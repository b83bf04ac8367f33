"""Synonyms: what stands around a word and instead of it, checked like every other file."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from menus.diff import diff
from menus.menus import Menus, Mistakes
from menus.synonyms import negates

Load = Callable[..., Menus]
WORDS = (
    "words:\n  - {say: [积分, JF], dialog: balance}\n"
    "  - {say: [谢谢], dialog: help, exactly: true}\n"
)
GOOD = "around: [请问, 谢谢, 能不能]\ninstead:\n  积分: [分数, 点数]\n"


def loaded(load: Load, sample: Mapping[str, str], synonyms: str) -> Menus:
    return load({**sample, "keywords.yaml": WORDS, "synonyms.yaml": synonyms})


@pytest.mark.parametrize("said", ["请问分数", "分数", "点数谢谢", "能不能积分"])
def test_a_synonym_means_its_word(load_sample: Load, sample: Mapping[str, str], said: str) -> None:
    guesses = loaded(load_sample, sample, GOOD).guess(said)
    assert (guesses.sure, [word.route.dialog for word in guesses.words]) == (True, ["balance"])


def test_without_the_file_words_are_guessed_at_all_the_same(
    load_sample: Load, sample: Mapping[str, str]
) -> None:
    menus = load_sample({**sample, "keywords.yaml": WORDS})
    assert [word.name for word in menus.guess("jifen").words] == ["积分"]
    assert menus.guess("分数").words == ()


@pytest.mark.parametrize(
    ("synonyms", "expected"),
    [
        ("around: [请问, 不]\n", "1:14: 不: turns the sense of a sentence"),
        ("around: [请问, 请 问]\n", "1:14: 请 问: stands in line 1 already"),
        ("around: [积分]\n", "1:10: 积分: is a word of keywords.yaml (delete it here)"),
        ('around: ["。"]\n', "1:10: 。: nothing is left of this when it is read"),
        ("instead:\n  积粉: [分数]\n", "2:3: 积粉: no word of keywords.yaml"),
        ("instead:\n  积分: [jf]\n", "2:8: jf: is a word of keywords.yaml"),
        ("instead:\n  积分: [好的]\n", "2:8: 好的: is an answer to a question"),
        ("around: [分数]\ninstead:\n  积分: [分数]\n", "3:8: 分数: stands in line 1 already"),
        ("aroud: [请问]\n", "1:1: aroud: unknown key (did you mean around?)"),
        ("instead: [分数]\n", "1:10: instead: should be"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    load_sample: Load, sample: Mapping[str, str], synonyms: str, expected: str
) -> None:
    with pytest.raises(Mistakes) as caught:
        loaded(load_sample, sample, synonyms)
    assert str(caught.value.mistakes[0]).startswith(f"menus/synonyms.yaml:{expected}")


def test_what_changes_is_told(sample: Mapping[str, str]) -> None:
    before = {**sample, "keywords.yaml": WORDS, "synonyms.yaml": GOOD}
    after = {**before, "synonyms.yaml": "around: [请问]\ninstead:\n  积分: [分数, 分分]\n"}
    assert "Synonyms\n" in diff(before, after)
    assert "  - 点数: says 积分" in diff(before, after)
    assert "  + 分分: says 积分" in diff(before, after)
    assert "  - 能不能: means nothing by itself" in diff(before, after)


def test_a_question_is_no_negation() -> None:
    assert not negates("能不能查有没有是不是")
    assert all(map(negates, ["不查", "别查", "没有", "我不能", "能不"]))
