"""`tiers ...`: what operators check, publish and look up."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from models import points, subscribers, tiers
from tests.commands.conftest import Typed
from tests.conftest import World

FILE = Path(__file__).parents[2] / "rules" / "tiers.yaml"
LI = "+8613800000001"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy, to be changed."""
    copy = tmp_path / "tiers.yaml"
    shutil.copy(FILE, copy)
    return copy


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def give(world: World, amount: int, *, announced: bool = True) -> None:
    """Points for 李雷, as a bill brings them."""
    now = world.clock()
    cause = points.Cause(f"bill:{now}", "bill", "import", "test")
    with world.circle.store.begin() as tx:
        who = subscribers.lock(tx, "sms", LI, now)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=amount, expires_on=date(2039, 12, 31),
            cause=cause, now=now,
        )  # fmt: skip
        if announced:
            tiers.qualify(tx, who, now)


def test_check_names_what_is_wrong_and_says_what_is_live(
    typed: Typed, file: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIRCLE_DATABASE_URL", world.circle.settings.database_url or "")
    assert "it is what is live" in typed("tiers", "check").stdout
    change(file, "threshold: 2000", "threshold: 1500")
    assert "not live yet" in typed("tiers", "check", str(file)).stdout
    change(file, "name: 金卡", "nam: 金卡")
    said = typed("tiers", "check", str(file))
    assert said.exit_code == 1
    assert f"{file}:" in said.stderr
    assert "did you mean name?" in said.stderr


def test_publish_makes_a_new_version_live_and_says_who_must_be_counted_anew(
    typed: Typed, world: World, file: Path
) -> None:
    change(file, "threshold: 2000", "threshold: 1500")
    said = typed("tiers", "publish", str(file), "--note", "easier", "--author", "li")
    assert said.stdout == "version 2 of the tiers is live\n"
    change(file, '[issuing, "campaign:*"]', "[issuing]")
    assert "recount --all" in typed("tiers", "publish", str(file), "--note", "less").stdout
    assert world.rows("SELECT author, note FROM tier_rules WHERE version = 2") == [("li", "easier")]


def test_a_tier_that_people_hold_stays_in_the_file(typed: Typed, world: World, file: Path) -> None:
    give(world, 1000)
    change(file, "code: silver", "code: bronze")
    said = typed("tiers", "publish", str(file), "--note", "renamed")
    assert said.exit_code == 1
    assert "silver" in said.stderr


def test_show_tells_the_tiers_and_where_somebody_stands_with_the_number_masked(
    typed: Typed, world: World
) -> None:
    give(world, 1000)
    listed = typed("tiers", "show").stdout
    assert "silver  银卡  from 2000  1 people" in listed
    said = typed("tiers", "show", "138 0000 0001").stdout
    first, *rest = said.splitlines()
    assert first.startswith("138****0001: 银卡 since ")
    assert first.endswith("; 2580 points count")
    assert "7420 more for 金卡" in rest
    assert any("up  basic -> silver  with 2580 points  rules 1" in line for line in rest)
    assert LI[3:] not in said


def test_show_and_recount_answer_a_wrong_number(typed: Typed) -> None:
    for words in (("show", "123"), ("recount", "123"), ("show", "13911112222")):
        said = typed("tiers", *words)
        assert said.exit_code == 1
        assert "Error:" in said.stderr
        assert "Traceback" not in said.output
    assert typed("tiers", "recount").exit_code == 2


def test_recount_puts_right_what_was_spoilt(typed: Typed, world: World) -> None:
    give(world, 1000)
    world.circle.store.run(lambda tx: tx.exec_driver_sql("UPDATE tier_months SET earned = 1"))
    said = typed("tiers", "recount", LI).stdout
    assert said == "138****0001: 2580 points count; it was 1 before: put right\n"
    assert typed("tiers", "recount", LI).stdout == "138****0001: 2580 points count\n"


def test_recount_all_finds_whom_nobody_announced_and_has_nobody_told(
    typed: Typed, world: World
) -> None:
    give(world, 10_000, announced=False)
    said = typed("tiers", "recount", "--all")
    assert said.stdout == "4 people counted anew, 2 raised\n"  # 李雷, and 韩梅梅 with her 5600
    assert world.circle.store.read(lambda tx: tiers.untold(tx, 10)) == []


def test_review_says_what_became_of_whom(typed: Typed, world: World) -> None:
    give(world, 1000)
    assert typed("tiers", "review").stdout == "0 up, 0 kept, 0 grace, 0 down\n"
    world.clock.advance(days=460)
    assert typed("tiers", "review").stdout == "0 up, 0 kept, 1 grace, 0 down\n"
    world.clock.advance(days=400)
    early = (world.clock() - timedelta(days=300)).date().isoformat()
    assert typed("tiers", "review", "--day", early).stdout == "0 up, 0 kept, 0 grace, 0 down\n"
    assert typed("tiers", "review").stdout == "0 up, 0 kept, 0 grace, 1 down\n"
    tomorrow = (world.clock() + timedelta(days=2)).date().isoformat()
    refused = typed("tiers", "review", "--day", tomorrow)
    assert refused.exit_code == 2
    assert "before its day" in refused.stderr


def test_a_file_that_is_live_already_makes_no_version(typed: Typed, world: World) -> None:
    assert typed("tiers", "publish", "--note", "again").stdout == "nothing has changed\n"
    assert world.rows("SELECT count(*) FROM tier_rules") == [(1,)]


def test_the_lowest_tier_has_whoever_is_in_no_other(typed: Typed, world: World) -> None:
    give(world, 2000)
    lines = typed("tiers", "show").stdout.splitlines()
    assert "普卡  from 0  everybody else" in lines[1]
    assert "银卡  from 2000  1 people" in lines[2]
