"""rules/merchants.yaml: what is wrong is named with line and column, all at once."""

from __future__ import annotations

import pathlib

import pytest

from menus.checked_yaml import Mistakes
from menus.merchant_rules import read

FILE = pathlib.Path(__file__).parents[2] / "rules" / "merchants.yaml"


def wrong(tmp_path: pathlib.Path, *changes: tuple[str, str]) -> list[str]:
    """What is said about the file after these replacements."""
    text = FILE.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    spoilt = tmp_path / "merchants.yaml"
    spoilt.write_text(text, "utf-8")
    with pytest.raises(Mistakes) as found:
        read(spoilt, shown="merchants.yaml")
    return [str(mistake) for mistake in found.value.mistakes]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("weight: 25", "weight: 26", "the weights are 101 together, not 100"),
        ("{name: A, least: 70}", "{name: A, least: 90}", "not less than that of A+, 85"),
        ("{name: A, least: 70}", "{name: B, least: 70}", "A stands here: the best first"),
        ("{name: B-, least: 0}", "{name: B-, least: 1}", "everybody else is in the lowest class"),
        ("{least: 2000000, points: 70}", "{least: 500000, points: 70}", "not more than the step"),
        ("{least: 2000000, points: 70}", "{least: 2000000, points: 40}", "fewer than the step"),
        ("{least: 60, points: 50}", "{least: 60, points: 101}", "less than or equal to 100"),
        ("word_of_mouth:  ", "word_of_moth:  ", "did you mean word_of_mouth?"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: pathlib.Path, old: str, new: str, words: str
) -> None:
    said = wrong(tmp_path, (old, new))
    assert any(words in one for one in said), said
    assert all(one.startswith("merchants.yaml:") for one in said)


def test_the_shipped_file_is_good() -> None:
    assert [one["name"] for one in read(FILE).content()["classes"]] == ["A+", "A", "B", "B-"]
