"""`points statement`: what moved somebody's points, for customer service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.conftest import Typed
from tests.conftest import World
from tests.pages.moves import a_busy_month


@pytest.fixture
def busy(world: World) -> None:
    a_busy_month(world)
    world.clock.advance(hours=2)


@pytest.mark.usefixtures("busy")
def test_it_lists_movements_with_balances_and_masks_numbers(typed: Typed) -> None:
    said = typed("points", "statement", "138 0000 0001")
    assert said.exit_code == 0, said.output
    assert "138****0001  1745 points, 200 of them held" in said.stdout
    assert "-100       1780  ticket  换电影票" in said.stdout
    assert "转赠给138****0002" in said.stdout
    assert "37 movements\n" in said.stdout
    assert "1380000000" not in said.stdout
    full = typed("points", "statement", "13800000001", "--full", "--lines", "3")
    assert "+8613800000001  1745" in full.stdout
    assert "转赠给+8613800000002" in full.stdout
    assert "3 movements; there may be more" in full.stdout


@pytest.mark.usefixtures("busy")
def test_a_range_goes_into_a_file(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "li.csv"
    said = typed("points", "statement", "13800000001", "--from", "2020-01-01", "--csv", str(file))
    assert said.exit_code == 0, said.output
    assert "37 movements" in said.stderr
    assert len(file.read_text("utf-8-sig").splitlines()) == 38
    assert "13800000002" not in file.read_text("utf-8-sig")
    none = typed("points", "statement", "13800000001", "--to", "2020-01-01")
    assert "0 movements" in none.stdout
    coins = typed("points", "statement", "13800000001", "--unit", "coins")
    assert "30 coins" in coins.stdout
    assert "1 movements" in coins.stdout


def test_mistakes_end_with_a_sentence(typed: Typed) -> None:
    for words, why in (
        (["110"], "not a mobile number"),
        (["13900009999"], "nobody has this number"),
        (["13800000001", "--from", "2026-02-02", "--to", "2026-02-01"], "later than --to"),
        (["13800000001", "--from", "yesterday"], "is no day such as"),
    ):
        said = typed("points", "statement", *words)
        assert said.exit_code != 0
        assert why in said.stderr
        assert "Traceback" not in said.output


@pytest.mark.usefixtures("busy")
def test_the_table_goes_to_a_pipe_and_nothing_else_does(typed: Typed) -> None:
    said = typed("points", "statement", "13800000001", "--csv", "-")
    assert said.exit_code == 0, said.output
    lines = said.stdout.removeprefix("\ufeff").splitlines()
    assert lines[0].startswith('"流水号"')
    assert len(lines) == 38
    assert "1745 points" in said.stderr
    assert not Path("-").exists()


def test_a_file_that_cannot_be_written_is_said(typed: Typed, tmp_path: Path) -> None:
    said = typed("points", "statement", "13800000001", "--csv", str(tmp_path / "none" / "li.csv"))
    assert said.exit_code == 1
    assert "No such file or directory" in said.stderr
