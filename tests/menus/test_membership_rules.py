"""rules/memberships.yaml: what is wrong is named with line and column, all at once."""

from __future__ import annotations

import json
import pathlib

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from menus.checked_yaml import Mistakes
from menus.membership_rules import read
from menus.schema import schemas

FILE = pathlib.Path(__file__).parents[2] / "rules" / "memberships.yaml"
CLUBS = ("film", "car", "sports", "lottery", "gamers", "vip")
OFFERS = (
    "film-half", "film-ticket", "carwash", "maintenance", "gym-day", "pitch-hour", "lottery-2",
    "arena-hour", "lounge",
)  # fmt: skip


def wrong(tmp_path: pathlib.Path, *changes: tuple[str, str]) -> list[str]:
    """What is said about the file after these replacements."""
    text = FILE.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    spoilt = tmp_path / "memberships.yaml"
    spoilt.write_text(text, "utf-8")
    with pytest.raises(Mistakes) as found:
        read(spoilt, shown="memberships.yaml", clubs=CLUBS, offers=OFFERS)
    return [str(mistake) for mistake in found.value.mistakes]


def line_of(words: str) -> int:
    lines = FILE.read_text("utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if words in line)


def test_the_shipped_file_is_good_and_keeps_its_schema() -> None:
    assert set(read(FILE, clubs=CLUBS, offers=OFFERS).clubs) == set(CLUBS)
    head = FILE.read_text("utf-8").splitlines()[0]
    assert head == "# yaml-language-server: $schema=../menus/schema/memberships.json"
    validator = jsonschema_rs.validator_for(json.loads(schemas()["memberships.json"]))
    assert [e.message for e in validator.iter_errors(YAML(typ="safe").load(FILE))] == []


def test_every_mistake_is_named_at_once_with_its_place(tmp_path: pathlib.Path) -> None:
    said = wrong(
        tmp_path, ("renew_days: 30", "renew_days: 0"), ("a_year: 2", "ayear: 2"),
        ("level: premium", "level: premum"),
    )  # fmt: skip
    places = {
        line_of("renew_days: 30"): "greater than or equal to 1",
        line_of("a_year: 2"): "did you mean a_year?",
        line_of("level: premium"): "did you mean premium?",
    }
    for line, words in places.items():
        assert any(one.startswith(f"memberships.yaml:{line}:") and words in one for one in said), (
            said
        )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("[14, 3]", "[3, 14]", "remind_days", "the most days first"),
        ("[14, 3]", "[40, 3]", "remind_days", "before a term can be renewed"),
        ("  vip:", "  vipp:", "  vip:", "no such club"),
        ("term_months: 0, price_points: 0", "term_months: 0, price_points: 5", "months: 0, p",
         "without an end"),
        ("needs: {points_spent: 700, pay_points: 300, within_months: 6}", "needs: {}",
         "points_spent: 700", "nobody becomes premium"),
        ("{points_spent: 700, pay_points: 300, within_months: 6}", "{points_spent: 700}",
         "points_spent: 700", "add `within_months:`"),
        ("{points_spent: 700, pay_points: 300, within_months: 6}",
         "{pay_points: 300, within_months: 6}", "points_spent: 700", "nothing is counted in it"),
        ("{title: 小保养, offer: maintenance}", "{title: 小保养}", "小保养", "needs either"),
        ("offer: maintenance", "offer: maintenence", "小保养", "did you mean maintenance?"),
        ("title: 小保养", "title: 洗车券", "小保养", "services.0 has it too"),
        ("title: 专属客服, how", "title: 专属客服, level: premium, how", "专属客服",
         "no premium members"),
        ("title: 小保养", "title: 小保养小保养小保养小保养小", "小保养", "at most 12 characters"),
    ],
)  # fmt: skip
def test_what_would_not_work_is_refused(
    tmp_path: pathlib.Path, old: str, new: str, line: str, words: str
) -> None:
    said = wrong(tmp_path, (old, new))
    assert any(one.startswith(f"memberships.yaml:{line_of(line)}:") for one in said), said
    assert any(words in one for one in said), said
