"""rules/tasks.yaml: what is shipped is good, and every mistake is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from menus import task_rules
from menus.checked_yaml import Mistakes

FILE = Path(__file__).parents[2] / "rules" / "tasks.yaml"
EVENTS = {"club_joined": ["club"], "number_bound": [], "redeemed_first": [],
          "activity_attended": ["activity", "club"], "task_done": ["task"],
          "friend_invited": []}  # fmt: skip
CLUBS = ("film", "car")


def wrong(old: str, new: str) -> list[str]:
    text = FILE.read_text("utf-8")
    assert old in text
    with pytest.raises(Mistakes) as found:
        task_rules.read_text(text.replace(old, new, 1), shown="t", clubs=CLUBS, events=EVENTS)
    return [str(each) for each in found.value.mistakes]


def test_the_shipped_file_is_good_and_says_who_can_do_what() -> None:
    found = task_rules.read(FILE, clubs=CLUBS, events=EVENTS)
    assert [task.code for task in found.tasks][:2] == ["bind-phone", "first-club"]
    assert found.content()["tasks"][3] == {
        "code": "activity", "title": "本月参加一次活动", "how": "回复“活动”报名，到场签到",
        "event": "activity_attended", "repeats": "monthly",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("event: club_joined", "event: club_joind", "did you mean club_joined?"),
        ("event: club_joined", "event: task_done", "a task is not done by a task"),
        ("event: club_joined", "event: number_bound\n    club: film", "has no value club"),
        ("event: club_joined", "event: club_joined\n    club: fim", "no club is called fim"),
        ("code: first-club", "code: bind-phone", "tasks.0 has it too"),
        ("repeats: monthly", "repeats: weekly", "tasks.3.repeats"),
        ("event: club_joined", "event: club_joined\n    from: 2026-02-02\n    until: 2026-01-01",
         "is before from"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(old: str, new: str, said: str) -> None:
    found = wrong(old, new)
    assert len(found) == 1, found
    assert said in found[0]
    assert found[0].startswith("t:")
