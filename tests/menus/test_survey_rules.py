"""rules/surveys/*.yaml: what is wrong is named with line and column, all at once."""

from __future__ import annotations

import json
import pathlib

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from menus import survey_rules
from menus.checked_yaml import Mistakes
from menus.schema import schemas

RULES = pathlib.Path(__file__).parents[2] / "rules"
FILE = RULES / "surveys" / "film.yaml"
TEXT = FILE.read_text("utf-8")
CLUBS = ["film", "car"]


def wrong(*changes: tuple[str, str], name: str = "film.yaml") -> list[str]:
    """What is said about the file after these replacements."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    with pytest.raises(Mistakes) as found:
        survey_rules.load({name: text}, clubs=CLUBS)
    return [str(mistake) for mistake in found.value.mistakes]


def line_of(words: str) -> int:
    lines = TEXT.splitlines()
    return next(number for number, line in enumerate(lines, start=1) if words in line)


def test_the_shipped_files_are_good_and_keep_their_schema() -> None:
    found = survey_rules.load(survey_rules.read_folder(RULES), clubs=CLUBS)
    assert set(found) == {"film", "service"}
    validator = jsonschema_rs.validator_for(json.loads(schemas()["survey.json"]))
    for file in (RULES / "surveys").glob("*.yaml"):
        head = file.read_text("utf-8").splitlines()[0]
        assert head == "# yaml-language-server: $schema=../../menus/schema/survey.json"
        data = json.loads(json.dumps(YAML(typ="safe").load(file), default=str))  # dates as text
        assert [e.message for e in validator.iter_errors(data)] == []


def test_every_mistake_is_named_at_once_with_its_place() -> None:
    said = wrong(("kind: stars", "kind: star"), ("share_percent: 50", "share_percent: 500"))
    assert len(said) == 2
    assert said[0].startswith(f"rules/surveys/film.yaml:{line_of('share_percent')}:18: ")
    assert "did you mean stars?" in said[1]
    assert f":{line_of('kind: stars')}:" in said[1]


@pytest.mark.parametrize(
    ("old", "new", "said", "near"),
    [
        ("low: why", "low: whz", "there is no question whz", "low: why"),
        ("then: ticket", "then: how", "how does not stand further down", "then: ticket"),
        ("then: wish", "then: end", "", ""),
        ("low: why", "low: often", "nobody ever comes to why", "- id: why"),
        ("- id: often", "- id: end", "end is where a survey ends", "- id: often"),
        ("- id: more", "- id: how", "questions.0 is called so, too", "- id: more"),
        ("clubs: [film]", "clubs: [flim]", "there is no club flim", "clubs: [film]"),
        ("until: 2027-12-31", "until: 2025-12-31", "before the first day", "window:"),
        ("code: film ", "code: films ", "not the file's name", "code: film"),
        ("kind: score", "kind: choice", "2 to 8 answers", "kind: score"),
        ("- say: 不会用", "- say: 好用", "stands above already", "- say: 不会用"),
    ],
)  # fmt: skip
def test_what_would_lead_nowhere_is_refused(old: str, new: str, said: str, near: str) -> None:
    if not said:  # ends early: good
        assert survey_rules.load({"film.yaml": TEXT.replace(old, new, 1)}, clubs=CLUBS)
        return
    found = wrong((old, new))
    assert any(said in one for one in found), found
    assert any(f"film.yaml:{line_of(near)}:" in one for one in found), found


def test_a_question_fits_into_two_sms_with_its_answers() -> None:
    long = "您多久看一次电影？" * 6 + "是吗？"
    assert (
        "two SMS hold 94"
        in wrong(
            ("您多久看一次电影？", long),
            ("- say: 每周都看", "- say: 每个星期都去看一次电影"),
            ("- say: 每月一两次", "- say: 每个月才去看一两次而已"),
            ("- say: 很少看", "- say: 一年到头也很少去看电影"),
        )[0]
    )


def test_it_has_three_to_ten_questions() -> None:
    start = TEXT.index("questions:\n")
    few = TEXT[:start] + "questions:\n  - id: one\n    ask: 好吗？\n    kind: stars\n"
    with pytest.raises(Mistakes, match="at least 3"):
        survey_rules.load({"film.yaml": few})
