"""rules/tiers.yaml: what is wrong is named with line and column, all at once."""

from __future__ import annotations

import json
import pathlib

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from menus.checked_yaml import Mistakes
from menus.schema import schemas
from menus.tier_rules import read

FILE = pathlib.Path(__file__).parents[2] / "rules" / "tiers.yaml"


def wrong(tmp_path: pathlib.Path, *changes: tuple[str, str]) -> list[str]:
    """What is said about the file after these replacements."""
    text = FILE.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    spoilt = tmp_path / "tiers.yaml"
    spoilt.write_text(text, "utf-8")
    with pytest.raises(Mistakes) as found:
        read(spoilt, shown="tiers.yaml")
    return [str(mistake) for mistake in found.value.mistakes]


def line_of(words: str) -> int:
    lines = FILE.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if words in line)


def test_the_shipped_file_is_good_and_keeps_its_schema() -> None:
    content = read(FILE).content()
    assert [tier["threshold"] for tier in content["tiers"]] == sorted(
        tier["threshold"] for tier in content["tiers"]
    )
    head = FILE.read_text("utf-8").splitlines()[0]
    assert head == "# yaml-language-server: $schema=../menus/schema/tiers.json"
    validator = jsonschema_rs.validator_for(json.loads(schemas()["tiers.json"]))
    assert [e.message for e in validator.iter_errors(YAML(typ="safe").load(FILE))] == []


def test_every_mistake_is_named_at_once_with_its_place(tmp_path: pathlib.Path) -> None:
    said = wrong(
        tmp_path, ("review_months: 12", "review_months: 0"), ("name: 金卡", "nam: 金卡"),
        ("counts: earned", "counts: earnt"),
    )  # fmt: skip
    places = {
        line_of("counts: earned"): "did you mean earned?",
        line_of("review_months: 12"): "greater than or equal to 1",
        line_of("name: 金卡"): "did you mean name?",
    }
    for line, words in places.items():
        assert any(one.startswith(f"tiers.yaml:{line}:") and words in one for one in said), said


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("threshold: 0", "threshold: 5", "threshold: 0", "everybody has the lowest tier"),
        ("threshold: 10000", "threshold: 2000", "threshold: 10000", "not more than that of silver"),
        ("code: gold", "code: silver", "code: gold", "tiers.1 has it too"),
        ("name: 金卡", "name: 银卡", "name: 金卡", "tiers.1 has it too"),
        ("[spent, ", "[issuing, ", "into:", "is in earned.from, too"),
        ('"merchant:*"', '"campaign:spring"', "into:", "is in earned.from, too, as campaign:*"),
        ('[issuing, "campaign:*"]', "[]", "from:", "nobody reaches a tier"),
        ('[issuing, "campaign:*"]', '["*"]', "from:", "match pattern"),
        ("客服优先接听", "客服优先接听" * 4, "客服优先接听", "at most 20 characters"),
    ],
)
def test_what_would_not_work_is_refused(
    tmp_path: pathlib.Path, old: str, new: str, line: str, words: str
) -> None:
    said = wrong(tmp_path, (old, new))
    assert any(one.startswith(f"tiers.yaml:{line_of(line)}:") for one in said), said
    assert any(words in one for one in said), said
