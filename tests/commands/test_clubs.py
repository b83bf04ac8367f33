"""`clubs ...`: what operators check, publish and look up about memberships."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models import memberships
from tests.commands.conftest import Typed
from tests.conftest import World
from tests.dialogs.test_clubs import joins

FILE = Path(__file__).parents[2] / "rules" / "memberships.yaml"


@pytest.fixture
def file(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, to be changed, beside the database that it is checked against."""
    monkeypatch.setenv("CIRCLE_DATABASE_URL", world.circle.settings.database_url or "")
    copy = tmp_path / "memberships.yaml"
    shutil.copy(FILE, copy)
    return copy


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_check_names_what_is_wrong_with_its_place_and_knows_what_is_live(
    typed: Typed, file: Path
) -> None:
    assert "it is what is live" in typed("clubs", "check", str(file)).output
    change(file, "offer: gym-day", "offer: gym-dya")
    change(file, "  vip:", "  vipp:")
    wrong = typed("clubs", "check", str(file))
    assert wrong.exit_code == 1
    assert "no such offer (did you mean gym-day?)" in wrong.output
    assert "vipp: no such club (did you mean vip?)" in wrong.output
    assert "2 to correct" in wrong.output


def test_publishing_makes_a_version_and_terms_that_run_stay(
    typed: Typed, file: Path, world: World
) -> None:
    joins(world, "王大爷", "film")
    before = world.rows("SELECT ends_on FROM memberships")
    assert "nothing has changed" in typed("clubs", "publish", str(file), "--note", "x").output
    change(file, "term_months: 12, price_points: 0", "term_months: 6, price_points: 20")
    assert "version 2" in typed("clubs", "publish", str(file), "--note", "shorter").output
    rule = world.circle.store.read(memberships.live).of("film").ordinary
    assert (rule.term_months, rule.price_points) == (6, 20)
    assert world.rows("SELECT ends_on FROM memberships") == before
    ((action,),) = world.rows("SELECT action FROM audit_entries WHERE action ~ '^clubs'")
    assert action == "clubs.publish"
    shown = typed("clubs", "show").output
    assert "film  6 months, premium 6 months, 4 services  1 ordinary, 0 premium, 0 resting" in shown
