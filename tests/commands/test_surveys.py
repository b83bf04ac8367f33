"""`surveys ...`: what operators check and publish."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.commands.conftest import Typed
from tests.conftest import ROOT, World


@pytest.fixture
def rules(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A copy of the rules, to be changed."""
    folder = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", folder)
    environment["CIRCLE_RULES__FOLDER"] = str(folder)
    return folder


def _change(rules: Path, old: str, new: str) -> None:
    file = rules / "surveys" / "film.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_a_mistake_is_named_and_nothing_goes_live(rules: Path, typed: Typed, world: World) -> None:
    _change(rules, "low: why", "low: whz")
    before = world.rows("SELECT count(*) FROM surveys")
    for command in (["check", str(rules)], ["publish", "--note", "x"]):
        said = typed("surveys", *command)
        assert said.exit_code == 1
        assert "film.yaml:" in said.output
        assert "did you mean why?" in said.output
    assert world.rows("SELECT count(*) FROM surveys") == before


def test_what_changed_goes_live_and_is_written_down(
    rules: Path, typed: Typed, world: World
) -> None:
    assert "2 surveys are good" in typed("surveys", "check", str(rules)).output
    said = typed("surveys", "publish", "--note", "autumn")  # the seeded ones have other days
    assert "version 2 of film is live" in said.output
    assert "nothing has changed" in typed("surveys", "publish", "--note", "again").output
    assert "film (version 2, runs): 0 invited" in typed("surveys", "show").output
    assert world.rows(
        "SELECT reason FROM audit_entries WHERE action = 'surveys.publish' AND subject = %s",
        "survey:film",
    ) == [("autumn",)]
