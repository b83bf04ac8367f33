"""`agents ...` as somebody types it: a file is registered whole or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from commands import demo_agents
from models import points
from models.agents import register
from tests.commands.conftest import Typed
from tests.conftest import World

HEAD = "code,name,level,parent,number,deals_a_day,points_a_day,pin_above\n"
GOOD = (
    "hn,湖南省代理,province,,13800000301,50,50000,1000\n"
    "cs,长沙市代理,city,hn,13800000302,50,50000,1000\n"
    "csx,长沙县代理,county,cs,13800000303,50,50000,1000\n"
    "xingsha,星沙便利店,shop,csx,13800000304,20,20000,500\n"
)
BAD = (
    "shop-a,店,shop,cs,13800000305,20,20000,500\n"
    "shop-b,店,shop,csx,12345,20,20000,500\n"
    "shop-c,店,shop,csx,13800000304,20,20000,500\n"
    "shop-d,店,shop,csx,13800000306,many,20000,500\n"
    "shop-e,店\n"
)


def test_a_tree_is_loaded_and_listed(typed: Typed, world: World, tmp_path: Path) -> None:
    file = tmp_path / "agents.csv"
    file.write_text(HEAD + GOOD, "utf-8")
    assert "4 agents registered" in typed("agents", "load", str(file)).stdout
    listed = typed("agents", "list").stdout
    assert "138****0304  星沙便利店  under csx" in listed
    assert "13800000304" not in listed
    pin = typed("agents", "pin", "xingsha").stdout.strip()
    assert len(pin) == 6
    assert pin.isdecimal()
    assert "500 points" in typed("agents", "fund", "500", "--reason", "spring").stdout
    much = typed("agents", "fund", "9501", "--reason", "spring")
    assert "alone you can put in 9500 points more today" in much.stderr
    assert "below" not in typed("agents", "verify").stdout
    typed("agents", "suspend", "xingsha", "--reason", "test")
    assert "suspended" in typed("agents", "list").stdout
    actions = world.rows("SELECT action FROM audit_entries ORDER BY id")
    assert [action for (action,) in actions] == ["agent.register"] * 4 + [
        "agent.pin", "agent.fund", "agent.suspend",
    ]  # fmt: skip


def test_every_mistake_is_named_with_its_line_and_nothing_is_registered(
    typed: Typed, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "agents.csv"
    file.write_text(HEAD + GOOD + BAD, "utf-8")
    told = typed("agents", "load", str(file)).stderr
    for line, why in (
        (6, "the parent is an agent of the level above"),
        (7, "no mobile number"),
        (8, "registered already"),
        (9, "a limit is a number"),
        (10, "2 columns instead of 8"),
    ):
        assert f"agents.csv:{line}: " in told
        assert why in told
    assert world.rows("SELECT count(*) FROM agents") == [(0,)]


def test_sample_agents_are_inserted_once(world: World) -> None:
    store = world.circle.store
    now = datetime(2026, 3, 2, 2, tzinfo=UTC)
    for _ in range(2):
        store.run(lambda tx: demo_agents.seed(tx, now))
    with store.begin() as tx:
        assert [one.code for one in register.above(tx, "xingsha")] == [
            "changsha-xian", "changsha", "hunan",
        ]  # fmt: skip
        assert points.house_balance(tx, "agents") == demo_agents.BUDGET


def test_the_rules_are_checked_and_published(typed: Typed, world: World, tmp_path: Path) -> None:
    assert "a shop gets 20, its county 5" in typed("agents", "check").stdout
    file = tmp_path / "agents.yaml"
    shipped = (Path(__file__).parents[2] / "rules" / "agents.yaml").read_text("utf-8")
    file.write_text(shipped.replace("county: {sells: 20, above: 5}", "county: {sells: 20}"))
    told = typed("agents", "publish", str(file), "--note", "test").stderr
    assert "agents.yaml:11:" in told
    assert "above: missing" in told
    file.write_text(shipped.replace("above: 5", "above: 6"))
    assert "is live" in typed("agents", "publish", str(file), "--note", "test").stdout
    assert "nothing has changed" in typed("agents", "publish", str(file), "--note", "x").stdout
    assert world.rows("SELECT count(*) FROM agent_rules") == [(1,)]


def test_an_agent_is_moved_and_closed_unless_others_stand_below(
    typed: Typed, world: World, tmp_path: Path
) -> None:
    file = tmp_path / "agents.csv"
    file.write_text(HEAD + GOOD + "zz,株洲市代理,city,hn,13800000305,50,50000,1000\n", "utf-8")
    typed("agents", "load", str(file))
    typed("agents", "move", "csx", "--under", "zz", "--reason", "test")
    assert "under zz" in typed("agents", "list").stdout
    told = typed("agents", "close", "csx", "--reason", "test", "--yes").stderr
    assert "agents stand under it" in told
    typed("agents", "close", "xingsha", "--reason", "test", "--yes")
    assert "closed" in typed("agents", "list").stdout
