"""`merchants check | publish | rate`: what operators check, publish, and compute anew."""

from __future__ import annotations

from pathlib import Path

from tests.commands.conftest import Typed

FILE = Path(__file__).parents[2] / "rules" / "merchants.yaml"


def test_rules_are_checked_published_once_and_rated_by(typed: Typed, tmp_path: Path) -> None:
    assert (
        "A+ from 85, A from 70, B from 45, B- from 0; the file is good"
        in typed("merchants", "check").stdout
    )
    assert "nothing has changed" in typed("merchants", "publish", "--note", "x").stdout
    file = tmp_path / "merchants.yaml"
    file.write_text(FILE.read_text("utf-8").replace("{name: B, least: 45}", "{name: B, least: 69}"))
    assert (
        "version 2 is live" in typed("merchants", "publish", str(file), "--note", "stricter").stdout
    )
    said = typed("merchants", "rate", "jinxiu").stdout.splitlines()
    assert said[0].split() == ["jinxiu", "B-", "62.5"]
    assert said[3].split() == ["stores", "1", "50", "points", "x", "15", "%", "=", "7.5"]
    # The other eleven: this one was rated at this very moment.
    assert "11 rated" in typed("merchants", "rate", "--all").stdout


def test_what_cannot_be_rated_or_published_is_said(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "merchants.yaml"
    file.write_text(FILE.read_text("utf-8").replace("weight: 25", "weight: 26"))
    refused = typed("merchants", "check", str(file))
    assert refused.exit_code == 1
    assert "the weights are 101 together" in refused.stderr
    assert "no merchant has the code nobody" in typed("merchants", "rate", "nobody").stderr
    assert typed("merchants", "rate").exit_code == 2
