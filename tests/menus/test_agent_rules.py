"""rules/agents.yaml: what is wrong is named with line and column, all at once."""

from __future__ import annotations

import json
import pathlib
from dataclasses import replace

import pytest

from menus.agent_rules import read
from menus.checked_yaml import Mistakes
from models.agents import rules

FILE = pathlib.Path(__file__).parents[2] / "rules" / "agents.yaml"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("20, above: 0}", "20, above: 1}", "nobody stands below a shop"),
        ("shop: {sells: 20,", "shop: {sells: 91,", "101 thousandths together with who"),
        ("county: {sells: 20,", "county: {sells: 101,", "less than or equal to 100"),
        ("county: {sells: 20,", "county: {sell: 20,", "did you mean sells?"),
        ("least_points: 100 ", "least_points: 0 ", "greater than or equal to 1"),
        ("alone_most: 10000 ", "alone_most: ten ", "a number, without quotes"),
        ("bound_days: 2 ", "bound_days: 3 ", "less than or equal to 2"),
        ("  province: {sells: 20, above: 2}\n", "", "province: missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    tmp_path: pathlib.Path, old: str, new: str, words: str
) -> None:
    text = FILE.read_text("utf-8")
    assert old in text
    spoilt = tmp_path / "agents.yaml"
    spoilt.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(Mistakes) as found:
        read(spoilt, shown="agents.yaml")
    said = [str(mistake) for mistake in found.value.mistakes]
    assert any(words in one for one in said), said
    assert all(one.startswith("agents.yaml:") for one in said)


def test_what_holds_before_anything_is_published_is_the_shipped_file() -> None:
    assert replace(rules._read(7, json.dumps(read(FILE).content())), version=0) == rules.DEFAULT
