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
    typed("agents", "fund", "500")
    typed("agents", "suspend", "xingsha", "--reason", "test")
    assert "suspended" in typed("agents", "list").stdout
    actions = world.rows("SELECT action FROM audit_entries ORDER BY id")
    assert [action for (action,) in actions] == ["agent.register"] * 4 + [
        "agent.pin", "agent.suspend",
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
