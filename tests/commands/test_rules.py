"""`rules ...` as operators type it: every mistake named at once, nothing published with one."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from commands import cli
from models import subscribers
from models.base import Tx
from models.earning import budgets
from models.earning import rules as versions
from models.earning.earn import earn
from models.earning.event import Event
from models.points import SHANGHAI
from tests import draws
from tests.commands.conftest import ROOT, Typed
from tests.conftest import World
from tests.models.earning import record

PLAIN = """\
code: {code}
title: 测试
family: activity
event: package_ordered
window: {{from: 2026-01-01}}
amount: 10
kind: promotional
valid: {{months: 12}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped rules, to be spoilt."""
    copied = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", copied)
    return copied


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    return {"CIRCLE_RULES__FOLDER": str(folder)}


def write(folder: Path, code: str, /, *lines: str, **changes: str) -> None:
    """A plain rule, with keys replaced and lines added."""
    text = PLAIN.format(code=code)
    for key, value in changes.items():
        kept = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
        text = "\n".join([*kept, f"{key}: {value}"]) + "\n"
    (folder / "earning" / f"{code}.yaml").write_text(text + "\n".join(lines) + "\n", "utf-8")


def checked(folder: Path) -> tuple[int, str]:
    said = CliRunner().invoke(cli.main, ["rules", "check", str(folder)])
    return said.exit_code, said.stderr + said.stdout


def only(folder: Path) -> None:
    for path in (folder / "earning").glob("*.yaml"):
        path.unlink()


# -- check: no database, no secrets ------------------------------------------------------------


def test_the_rules_of_this_repository_are_good() -> None:
    said = CliRunner().invoke(cli.main, ["rules", "check"])
    shipped = len(list((ROOT / "rules" / "earning").glob("*.yaml")))
    assert (said.exit_code, said.stdout) == (0, f"{shipped} rules are good\n")


def test_every_mistake_is_named_at_once_with_file_line_and_column(folder: Path) -> None:
    write(folder, "one", event="package_orderd")
    write(folder, "two", amount="event.amount_fn / 100", family="revenu")
    write(folder, "three", "windw: 1", amount="event.amount_fn / 100")
    code, told = checked(folder)
    assert code == 1
    for part in (
        "rules/earning/one.yaml:8:8: event: package_orderd is not in events.yaml"
        " (did you mean package_ordered?)",
        "rules/earning/two.yaml:8:9: family: should be 'guidance', 'retention', 'revenue' or"
        " 'activity' (did you mean revenue?)",
        "rules/earning/three.yaml:9:1: windw: unknown key (did you mean window?)",
        "Error: 3 mistakes\n",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": "event.amount_fn / 100"}, "no value amount_fn (did you mean amount_fen?)"),
        ({"amount": "amount_fen / 100"}, "amount_fen is not known (a text stands in quotes"),
        ({"amount": "event.package"}, "gives a text, should give a whole number"),
        ({"amount": "double(event.amount_fen) * 1.5"}, "gives a number with decimals"),
        ({"amount": "event.amount_fen > 1"}, "gives true or false, should give a whole number"),
        ({"amount": "event.amount_fen * 1.5"}, "a value of the wrong type"),
        ({"amount": "event.amount_fen / 0"}, "division by nothing, whatever the event"),
        ({"amount": "9223372036854775807 + 1"}, "a number too big, whatever the event"),
        ({"amount": "event.amount_fen +"}, "is no expression: at its character"),
        ({"amount": "'[1].map(x, x)'"}, "map() is not known"),
        ({"amount": '"' + "(" * 20 + '"'}, "nested deeper than 12"),
        ({"amount": "1" + " + 1" * 300}, "should have at most 500 characters"),
        ({"amount": "0"}, "amount"),
        ({"amount": "2.5"}, "amount"),
        ({"when": "event.amount_fen"}, "gives a whole number, should give true or false"),
        ({"when": "event.package = 'x'"}, "cannot stand here"),
        ({"when": "event.package.matches('x')"}, "matches() is not known"),
        ({"audience": "{city: [changsha]}"}, "not known yet: nothing is recorded"),
        ({"audience": "{segment: young}"}, "not known yet: nothing is recorded"),
        ({"audience": "{level: gold}"}, "audience.level"),
        ({"audience": "{numbers: [12a]}"}, "is not how a number begins"),
        ({"audience": "{numbers: ['1３８']}"}, "is not how a number begins"),
        ({"audience": "{clubs: []}"}, "audience.clubs: has 0 items; at least 1"),
        ({"audience": "{numbers: []}"}, "audience.numbers: has 0 items; at least 1"),
        ({"window": "{from: 2026-01-01, days: []}"}, "window.days: has 0 items; at least 1"),
        ({"audience": "{club: film}"}, "unknown key (did you mean clubs?)"),
        ({"window": "{from: 2026-02-30}"}, "window.from"),
        ({"window": "{until: 2026-02-03}"}, "window.from: missing"),
        ({"window": "{from: 2026-03-01, until: 2026-02-01}"}, "until is before from"),
        ({"window": "{from: 2026-01-01, days: [monday]}"}, "did you mean mon?"),
        ({"window": "{from: 2026-01-01, hours: '8-22'}"}, 'hours such as "08:00-22:00"'),
        ({"window": "{from: 2026-01-01, hours: '25:00-26:00'}"}, "hours such as"),
        ({"valid": "{}"}, "say either months or until"),
        ({"valid": "{months: 1, until: 2027-01-01}"}, "say either months or until"),
        ({"valid": "{until: 2027-01-01}"}, "would have expired already"),
        ({"multiplier": "1.234"}, "has at most two decimals"),
        ({"multiplier": "0"}, "multiplier"),
        ({"caps": "{person_day: 10, person: 5}"}, "it never counts"),
        ({"caps": "{person_day: 0}"}, "caps.person_day"),
        ({"budget": "-1"}, "budget"),
        ({"campaign": "spoilt"}, "campaign: the rule itself"),
        ({"code": "another"}, "not the file's name (call the file another.yaml)"),
        ({"code": "Bad Code"}, "code"),
        ({"kind": "coins"}, "kind"),
        ({"title": '""'}, "title"),
        ({"priority": "99999"}, "priority"),
    ],
)
def test_a_mistake_is_said_in_words(folder: Path, changes: dict[str, str], told: str) -> None:
    write(folder, "spoilt", **changes)
    code, said = checked(folder)
    assert code == 1
    assert told in said, said
    assert "rules/earning/spoilt.yaml:" in said
    assert "Traceback" not in said


def test_rules_are_checked_beside_each_other(folder: Path) -> None:
    only(folder)
    write(folder, "a", group="g", campaign="spring", budget="100")
    write(folder, "b", group="g", campaign="spring", budget="200")
    code, said = checked(folder)
    assert code == 1
    assert "b.yaml" in said
    assert "priority: the same as of a in the same group" in said
    assert "budget: differs from a in the same campaign" in said


def test_files_that_are_missing_broken_or_empty_are_said(folder: Path) -> None:
    (folder / "events.yaml").write_text("a: [1\n", "utf-8")
    write(folder, "one")
    assert "rules/events.yaml:" in checked(folder)[1]
    (folder / "events.yaml").unlink()
    assert "rules/events.yaml:1:1: the file is missing" in checked(folder)[1]
    shutil.copy(ROOT / "rules" / "events.yaml", folder)
    only(folder)
    assert "rules/earning:1:1: there is no rule here" in checked(folder)[1]


def test_values_are_of_the_kinds_that_events_are_read_with(folder: Path) -> None:
    events = (folder / "events.yaml").read_text("utf-8")
    (folder / "events.yaml").write_text(events.replace("package: text", "package: whole"), "utf-8")
    assert "package: whole numbers, and only they, end in _fen" in checked(folder)[1]


def test_what_fails_for_some_events_only_is_a_warning(folder: Path) -> None:
    write(folder, "ratio", amount="1000 / event.amount_fen + 1")
    code, said = checked(folder)
    assert code == 0
    assert "warning: rules/earning/ratio.yaml:8:9: amount: division by nothing, for some" in said


# -- with the database -------------------------------------------------------------------------


def test_a_rule_goes_from_a_file_to_points_and_an_explanation(
    world: World, typed: Typed, folder: Path
) -> None:
    only(folder)
    write(folder, "data", amount="event.amount_fen / 100", caps="{person_day: 60}", budget="1000")
    assert "+ data: new (测试)" in typed("rules", "diff").stdout
    said = typed("rules", "publish", "--by", "wang", "--note", "the first")
    assert (said.exit_code, said.stdout) == (0, "data@1 is live\n")
    assert typed("rules", "diff").stdout == "nothing would change\n"
    assert typed("rules", "publish", "--note", "x").stdout == "nothing has changed\n"

    now = world.clock()

    def earns(tx: Tx) -> int:
        who = subscribers.lock(tx, "sms", "+8613800000001", now)
        values = {"amount_fen": 5000, "package": "10GB", "data_mb": 10240}
        done = [Event(f"e{n}", "package_ordered", who.id, now, values) for n in "12"]
        record(tx, *done)
        return earn(tx, done, now)

    assert world.circle.store.run(earns) == 60
    serials = world.rows("SELECT serial FROM earning_postings ORDER BY serial")
    said = typed("rules", "explain", str(serials[1][0]))
    assert said.exit_code == 0, said.stderr
    assert "rule data@1 (测试; activity)" in said.stdout
    at = now.astimezone(SHANGHAI).isoformat(timespec="seconds")
    assert f"event e2, package_ordered at {at}, amount_fen = 5000" in said.stdout
    assert "less 40: a person gets at most 60 a day, and 50 had been given before" in said.stdout
    assert "参加“测试”，原可得50积分，因为每人每天最多得60积分，这次得到10积分" in said.stdout
    said = typed("rules", "explain", str(serials[0][0]))
    assert "参加“测试”，得到50积分，可用到" in said.stdout
    said = typed("rules", "explain", "1")
    assert (said.exit_code, "no rule has made the transfer 1" in said.stderr) == (1, True)


def test_publishing_refuses_while_there_is_a_mistake_and_changes_nothing(
    world: World, typed: Typed, folder: Path
) -> None:
    write(folder, "film", audience="{clubs: [flim]}")
    said = typed("rules", "publish", "--note", "x")
    assert said.exit_code == 1
    assert "no club is called flim (did you mean film?)" in said.stderr
    assert "Error: 1 mistake, nothing published\n" in said.stderr
    assert world.circle.store.read(versions.newest) == {}


def test_a_change_is_shown_published_kept_and_stopped(
    world: World, typed: Typed, folder: Path
) -> None:
    only(folder)
    write(folder, "a", budget="500")
    write(folder, "b")
    typed("rules", "publish", "--by", "wang", "--note", "the first")
    write(folder, "a", budget="800")
    (folder / "earning" / "b.yaml").unlink()
    diff = typed("rules", "diff").stdout
    assert "~ a: version 1 is live\n    budget: 500 -> 800\n" in diff
    assert "! b has no file and stays live; `rules stop b` ends it" in diff
    world.clock.advance(seconds=1)
    assert typed("rules", "publish", "--by", "li", "--note", "more").stdout == "a@2 is live\n"
    assert world.circle.store.read(lambda tx: budgets.left(tx, "a")) == 800
    world.clock.advance(seconds=1)
    said = typed("rules", "stop", "a", "--by", "li", "--note", "over")
    assert said.stdout == "a is stopped (version 3)\n"
    assert world.circle.store.read(lambda tx: budgets.left(tx, "a")) == 0
    said = typed("rules", "stop", "a", "--note", "again")
    assert (said.exit_code, "live are: b" in said.stderr) == (1, True)
    told = typed("rules", "history").stdout.splitlines()
    assert [line.split()[:2] for line in told[:2]] == [["a@3", "stopped"], ["a@2", "live"]]
    assert told[0].endswith("li  over")


def test_a_budget_below_what_was_given_is_refused(world: World, typed: Typed, folder: Path) -> None:
    only(folder)
    write(folder, "a", budget="500")
    typed("rules", "publish", "--note", "x")

    def earns(tx: Tx) -> int:
        who = subscribers.lock(tx, "sms", "+8613800000001", world.clock())
        return earn(tx, [Event("e", "package_ordered", who.id, world.clock(), {})], world.clock())

    assert world.circle.store.run(earns) == 10
    write(folder, "a", budget="9")
    said = typed("rules", "publish", "--note", "x")
    assert said.exit_code == 1
    assert "the budget of a: at least 10 points, since they are given already" in said.stderr


def test_a_dry_run_of_the_files_says_what_they_would_have_given(
    world: World, typed: Typed, folder: Path
) -> None:
    only(folder)
    write(folder, "a", amount="event.amount_fen / 100", when="event.amount_fen > 100")

    def yesterdays(tx: Tx) -> None:
        who = subscribers.lock(tx, "sms", "+8613800000001", world.clock())
        at = world.clock() - timedelta(days=1)
        values: list[dict[str, Any]] = [{"amount_fen": 100 * n} for n in range(4)]
        record(
            tx,
            *[Event(f"y{n}", "package_ordered", who.id, at, each) for n, each in enumerate(values)],
        )

    world.circle.store.run(yesterdays)
    said = typed("rules", "dry-run")
    assert said.exit_code == 0, said.stderr
    assert "4 events, 5 points" in said.stdout
    assert "a: 2 events matched, 5 points, 1 people\n    nothing for 2: condition not met" in (
        said.stdout
    )
    assert world.rows("SELECT count(*) FROM earning_rules") == [(0,)]
    said = typed("rules", "dry-run", "--from", "2026-02-02", "--to", "2026-02-01")
    assert (said.exit_code, "--to is before --from" in said.stderr) == (2, True)


def test_misses_are_listed_by_rule_and_reason(world: World, typed: Typed, folder: Path) -> None:
    only(folder)
    write(folder, "a", when="event.amount_fen > 100")
    typed("rules", "publish", "--note", "x")
    assert typed("rules", "misses").stdout == "none\n"

    def earns(tx: Tx) -> int:
        who = subscribers.lock(tx, "sms", "+8613800000001", world.clock())
        events = [
            Event("e1", "package_ordered", who.id, world.clock(), {"amount_fen": 1}),
            Event("e2", "package_ordered", who.id, world.clock(), {}),
        ]
        return earn(tx, events, world.clock())

    assert world.circle.store.run(earns) == 0
    said = typed("rules", "misses").stdout
    assert "a  1  condition not met  such as event e1\n" in said
    assert "a  1  the event lacks a value  such as event e2\n" in said


def test_chances_of_a_draw_that_is_unknown_or_takes_none_are_mistakes(
    world: World, typed: Typed, folder: Path
) -> None:
    draws.only(world, draws.POINTS)
    draws.only(world, draws.POINTS, code="weekend", earned_chances=True)
    only(folder)
    write(folder, "one", chances="{draw: weekendd, count: 2}")
    write(folder, "two", chances="{draw: egg}")
    write(folder, "three", chances="{draw: weekend}")
    said = typed("rules", "publish", "--note", "x")
    assert said.stderr.splitlines()[:2] == [
        "rules/earning/one.yaml:9:17: no draw is called weekendd (did you mean weekend?)",
        "rules/earning/two.yaml:9:17: the draw egg takes no earned chances (earned_chances: true in"
        " its file)",
    ]
    assert (said.exit_code, "2 mistakes, nothing published" in said.stderr) == (1, True)
