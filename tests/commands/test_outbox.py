"""`outbox ...`: what could not be sent, seen and put right by an operator."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import outbox
from tests.commands.conftest import Typed
from tests.conftest import Boss, Phone, World
from tests.workers.conftest import LI, WANG, Owing

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def owing(world: World) -> Owing:
    return Owing(world)


def _give_up(world: World, *owed_ids: int) -> None:
    circle = world.circle
    for queue in outbox.QUEUES:
        for owed in circle.desk.take(queue, 100):
            assert owed.id in owed_ids
            circle.desk.give_up(owed, "dead", "the gateway is broken")


def _state(world: World, owed_id: int) -> str:
    return str(world.rows("SELECT state FROM outbox WHERE id = %s", owed_id)[0][0])


def test_list_shows_what_is_dead_with_numbers_masked(
    typed: Typed, world: World, owing: Owing
) -> None:
    sms = owing.sms("不该给人看的话")
    call = owing.call("boss.open_service", msisdn=LI, service="CLUB_FILM")
    _give_up(world, sms, call)
    said = typed("outbox", "list")
    assert said.exit_code == 0
    newest, oldest, count = said.stdout.splitlines()
    assert newest.startswith(f"{call}  ")
    assert 'boss.open_service {"msisdn": "138****0001", "service": "CLUB_FILM"}' in newest
    assert oldest.startswith(f"{sms}  ")
    assert "reply/sms  tried 1  to 138****0003  the gateway is broken" in oldest
    assert count.startswith("2 dead")
    for secret in (LI, WANG, LI[3:], WANG[3:], "不该给人看的话"):
        assert secret not in said.output


def test_list_can_show_other_states_and_fewer(typed: Typed, world: World, owing: Owing) -> None:
    rows = [owing.sms(), owing.sms(), owing.wechat()]
    said = typed("outbox", "list", "--state", "owed", "--limit", "2").stdout.splitlines()
    assert [line.split("  ")[0] for line in said[:2]] == [str(rows[2]), str(rows[1])]
    assert said[2].startswith("2 owed")
    assert typed("outbox", "list").stdout.startswith("0 dead")
    assert typed("outbox", "list", "--state", "lost").exit_code == 2


def test_retry_puts_a_row_back_and_it_is_delivered(
    typed: Typed, world: World, owing: Owing, phone: PhoneOf
) -> None:
    row = owing.sms()
    _give_up(world, row)
    world.work()
    assert phone("王大爷").heard("sms") == []
    said = typed("outbox", "retry", str(row))
    assert (said.exit_code, said.stdout) == (0, "1 put back\n")
    world.work()
    assert phone("王大爷").heard("sms") == ["您好"]


def test_retry_all_puts_every_dead_row_back(typed: Typed, world: World, owing: Owing) -> None:
    rows = [owing.sms(), owing.sms(to=LI)]
    _give_up(world, *rows)
    assert typed("outbox", "retry", "--all").stdout == "2 put back\n"
    world.work()
    assert [_state(world, row) for row in rows] == ["delivered"] * 2


def test_retry_names_what_it_left_alone(typed: Typed, world: World, owing: Owing) -> None:
    dead = owing.sms()
    _give_up(world, dead)
    waiting = owing.sms()
    said = typed("outbox", "retry", str(dead), str(waiting), "999")
    assert (said.exit_code, said.stdout) == (1, "1 put back\n")
    assert said.stderr.splitlines() == [
        f"{waiting}: not given up, left alone", "999: not given up, left alone",
    ]  # fmt: skip
    said = typed("outbox", "retry")
    assert said.exit_code == 2
    assert "--all" in said.stderr


def test_drop_gives_a_message_up_for_good_with_a_reason(
    typed: Typed, world: World, owing: Owing
) -> None:
    row = owing.sms()
    _give_up(world, row)
    assert typed("outbox", "drop", str(row), "--reason", "too old", answers="n\n").exit_code == 1
    assert _state(world, row) == "dead"
    said = typed("outbox", "drop", str(row), "--reason", "too old", answers="y\n")
    assert said.exit_code == 0
    assert said.stdout.endswith(f"{row} dropped\n")
    assert "too old" in typed("outbox", "list", "--state", "dropped").stdout
    assert typed("outbox", "retry", str(row)).exit_code == 1


@pytest.mark.slow
def test_who_waits_for_a_call_that_is_dropped_is_told(
    typed: Typed, world: World, phone: PhoneOf, boss: Boss
) -> None:
    world.fault("boss.api", "error", path="services/open", status=401)
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    ((row,),) = world.rows("SELECT id FROM outbox WHERE state = 'dead'")
    said = typed("outbox", "drop", str(row), "--reason", "wrong service", "--yes")
    assert said.exit_code == 0
    world.work()
    assert "暂时无法办理" in li.last("sms")
    assert world.rows("SELECT state, error FROM outbox WHERE id = %s", row) == [
        ("answered", "wrong service")
    ]
    assert world.rows("SELECT state FROM memberships") == [("refused",)]
    li.scans("cinema-01")
    li.texts("是")
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")


@pytest.mark.parametrize("row", ["999", "owed"])
def test_only_what_is_dead_can_be_dropped(
    typed: Typed, world: World, owing: Owing, row: str
) -> None:
    owed = str(owing.sms())
    asked = owed if row == "owed" else row
    said = typed("outbox", "drop", asked, "--reason", "why", "--yes")
    assert (said.exit_code, said.stderr) == (1, f"Error: {asked} is not dead\n")
    assert _state(world, int(owed)) == "owed"


class TestTemplates:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {
            "CIRCLE_WECHAT__TEMPLATES__POINTS": "TM-points",
            "CIRCLE_WECHAT__TEMPLATES__GIFTS": "TM-lost",
        }

    def test_templates_says_which_ones_wechat_has(self, typed: Typed, world: World) -> None:
        result = typed("outbox", "templates")
        said = result.stdout
        assert "points      TM-points        积分变动提醒" in said
        assert "TM-lost          WeChat has no such template" in said
        assert "clubs       -                by SMS" in said
        assert "1 templates are not there" in result.stderr
