"""`draws ...` as it is typed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.conftest import ROOT, Typed
from tests.conftest import Phone, World


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the files of the draws, to be spoilt."""
    copied = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", copied)
    return copied


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    return {"CIRCLE_RULES__FOLDER": str(folder)}


def spoil(folder: Path, *changes: tuple[str, str]) -> None:
    file = folder / "draws" / "egg.yaml"
    text = file.read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    file.write_text(text, "utf-8")


def test_the_shipped_draws_are_good_and_every_mistake_is_named_with_its_place(
    typed: Typed, folder: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    monkeypatch.setenv("CIRCLE_DATABASE_URL", world.circle.settings.database_url or "")
    assert "2 draws are good" in typed("draws", "check").stdout
    spoil(
        folder, ("odds_ppm: 716900", "odds_ppm: 716901"), ("offer: carwash-part", "offer: carwas"),
        ("stock: 60000}", "stock: 40000}"), ("points: 5000000", "points: 5000"),
        ("prize: points5}", "prize: point5}"), ("fallback: thanks", "fallback: thank"),
    )  # fmt: skip
    done = typed("draws", "check", str(folder))
    assert done.exit_code == 1
    for said in (
        "the odds add up to 1000001, not 1000000 (1 too many",
        "no live offer is called carwas (did you mean carwash?)",
        "40000 do not cover 1000000 draws at 50000 in a million (50000 at least)",
        "budget.points: the stock costs",
        "guaranteed.prize: no prize is called point5 (did you mean points5?)",
        "fallback: no prize is called thank (did you mean thanks?)",
    ):
        line = next((each for each in done.stderr.splitlines() if said in each), None)
        assert line, (said, done.stderr)
        assert line.startswith("rules/draws/egg.yaml:")


def test_what_changed_is_shown_published_and_drawn_from(
    typed: Typed, folder: Path, world: World, phone: Callable[[str], Phone]
) -> None:
    spoil(folder, ("free_a_day: 1", "free_a_day: 3"), ("stock: 500000}", "stock: 400000}"))
    shown = typed("draws", "diff").stdout
    assert "egg: changes" in shown
    assert "- free_a_day: 1" in shown
    assert "+ prizes.points5" in shown
    assert "egg@2 is live" in typed("draws", "publish", "--note", "more").stdout
    assert "nothing has changed" in typed("draws", "publish", "--note", "more").stdout
    li = phone("李雷")
    for _ in range(3):
        assert "流水号CJ" in li.says("砸金蛋")["reply"]["text"]
    seen = typed("draws", "show", "egg").stdout
    assert "3 draws by 1 people; live" in seen
    assert "commitment" in seen
    assert "all are what they should be" in typed("draws", "audit", "egg").stdout


def test_a_stopped_draw_is_stopped_at_once(
    typed: Typed, world: World, phone: Callable[[str], Phone]
) -> None:
    world.tick()
    assert "egg is stopped" in typed("draws", "stop", "egg", "--note", "too many prizes").stdout
    assert "暂停了" in phone("李雷").says("砸金蛋")["reply"]["text"]
    assert typed("draws", "stop", "egg", "--note", "x").exit_code == 1
    assert "goes on" in typed("draws", "go", "egg", "--note", "mended").stdout
    assert "流水号CJ" in phone("李雷").says("砸金蛋")["reply"]["text"]
    entries = "SELECT action FROM audit_entries WHERE subject = 'draw:egg' ORDER BY id"
    assert world.rows(entries) == [("draws.stop",), ("draws.go",)]


def test_chances_are_granted_once_and_an_unknown_draw_is_named(typed: Typed, world: World) -> None:
    grant = ("draws", "grant", "egg", "13800000001", "--key", "task:1")
    assert "1 chances given" in typed(*grant).stdout
    assert "has given them already" in typed(*grant).stdout
    assert world.rows("SELECT chances FROM draw_people") == [(1,)]
    done = typed("draws", "audit", "eggs")
    assert "no draw is called eggs; there are egg, weekend" in done.stderr
