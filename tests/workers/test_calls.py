"""Calls of other systems: BOSS, who answers at once, later, never or wrongly; tags at WeChat."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import dead_letters, outbox
from tests.conftest import Boss, MovableClock, Phone, World
from tests.workers.conftest import Owing

PhoneOf = Callable[[str], Phone]
OPEN = "services/open"


@pytest.fixture
def environment() -> dict[str, str]:
    return {"CIRCLE_BOSS__TIMEOUT_S": "1", "CIRCLE_OUTBOX__ATTEMPTS": "4"}


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    """李雷, who has been asked whether he wants to join the film club."""
    somebody = phone("李雷")
    somebody.scans("cinema-01")
    return somebody


def _call(world: World, owing: Owing) -> outbox.Owed:
    ((row,),) = world.rows(
        "SELECT id FROM outbox WHERE payload ->> 'service' = 'boss.open_service'"
    )
    return owing.get(row)


def _again(world: World, owing: Owing, clock: MovableClock) -> None:
    """Let the time of the next attempt come."""
    clock.advance(seconds=owing.due_in_s(_call(world, owing).id) + 0.1)
    world.tick()


def test_boss_may_open_at_once(li: Phone, world: World, owing: Owing) -> None:
    world.control("POST", "/boss/settings", at_once=True)
    li.texts("是")
    assert "欢迎加入电影俱乐部" in li.last("sms")
    call = _call(world, owing)
    assert (call.state, call.result["state"]) == ("answered", "opened")


def test_boss_may_refuse_at_once(li: Phone, world: World, owing: Owing) -> None:
    world.control("POST", "/boss/settings", refuse=True, reason="余额不足")
    li.texts("是")
    assert "余额不足" in li.last("sms")
    assert _call(world, owing).state == "answered"
    assert world.rows("SELECT state FROM memberships") == [("refused",)]


def test_boss_may_accept_and_call_back(li: Phone, boss: Boss, world: World, owing: Owing) -> None:
    li.texts("是")
    assert _call(world, owing).state == "accepted"
    boss.answers()
    assert _call(world, owing).state == "answered"
    assert "欢迎加入电影俱乐部" in li.last("sms")


@pytest.mark.parametrize(
    "fault", [{"do": "drop"}, {"do": "slow", "seconds": 1.4}], ids=["drop", "slow"]
)
def test_an_order_whose_answer_was_lost_is_found_by_asking(
    li: Phone, boss: Boss, world: World, owing: Owing, clock: MovableClock,
    fault: dict[str, object],
) -> None:  # fmt: skip
    world.control("POST", "/faults", on="boss.api", path=OPEN, **fault)
    li.texts("是")
    assert _call(world, owing).state == "owed"
    _again(world, owing, clock)
    assert _call(world, owing).state == "accepted"
    assert [order["asked"] for order in boss.orders()] == [1]
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")


def test_an_order_that_never_arrived_is_sent_again_under_its_number(
    li: Phone, boss: Boss, world: World, owing: Owing, clock: MovableClock
) -> None:
    world.fault("boss.api", "error", path=OPEN, status=503)
    li.texts("是")
    assert boss.orders() == []
    _again(world, owing, clock)
    assert [order["request_id"] for order in boss.orders()] == [str(_call(world, owing).id)]


def test_a_confirmation_that_never_comes_is_asked_for(
    li: Phone, boss: Boss, world: World, owing: Owing, clock: MovableClock
) -> None:
    li.texts("是")
    world.fault("boss.callback", "bad_signature", times=0)
    boss.answers()
    assert _call(world, owing).state == "accepted"
    _again(world, owing, clock)
    assert _call(world, owing).state == "answered"
    assert "欢迎加入电影俱乐部" in li.last("sms")
    assert [order["asked"] for order in boss.orders()] == [1]


@pytest.mark.slow
def test_boss_is_asked_less_and_less_often(
    li: Phone, world: World, owing: Owing, clock: MovableClock
) -> None:
    li.texts("是")
    waits = []
    for _ in range(8):
        waits.append(round(owing.due_in_s(_call(world, owing).id), -1))
        _again(world, owing, clock)
    assert waits[0] == world.circle.settings.outbox.ask_again_s
    assert waits == sorted(waits)
    assert waits[-1] >= 2 * waits[0]
    assert _call(world, owing).state == "accepted"  # however often: it was accepted


@pytest.mark.slow
def test_while_boss_cannot_be_asked_the_patience_of_each_question_is_its_own(
    li: Phone, boss: Boss, world: World, owing: Owing, clock: MovableClock
) -> None:
    li.texts("是")
    for _ in range(3):
        world.fault("boss.api", "error", status=503)
        _again(world, owing, clock)
        assert _call(world, owing).state == "owed"
        _again(world, owing, clock)
        assert _call(world, owing).state == "accepted"
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")


@pytest.mark.slow
def test_who_waits_too_long_is_told_so_and_the_true_answer_still_counts(
    li: Phone, boss: Boss, world: World, clock: MovableClock
) -> None:
    li.texts("是")
    clock.advance(minutes=world.circle.settings.dialogs.call_minutes, seconds=1)
    world.tick()
    assert "欢迎" not in li.last("sms")
    said = len(li.heard("sms"))
    world.tick()
    assert len(li.heard("sms")) == said
    boss.answers(times=3)
    assert "欢迎加入电影俱乐部" in li.last("sms")
    assert len(li.heard("sms")) == said + 1


@pytest.mark.parametrize("status", [401, 400])
def test_a_call_that_is_refused_outright_waits_for_an_operator(
    li: Phone, boss: Boss, world: World, owing: Owing, clock: MovableClock, status: int
) -> None:
    world.fault("boss.api", "error", path=OPEN, status=status)
    li.texts("是")
    dead = _call(world, owing)
    assert (dead.state, dead.attempts) == ("dead", 1)
    assert str(status) in (dead.error or "")
    assert "正在为您开通" in li.last("sms")  # no answer was made up
    now = clock()
    world.circle.store.run(lambda tx: dead_letters.requeue(tx, [dead.id], now))
    world.work()
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")


def test_a_call_is_given_up_on_after_all_attempts(
    li: Phone, world: World, owing: Owing, clock: MovableClock
) -> None:
    world.fault("boss.api", "error", times=0, status=503)
    li.texts("是")
    for _ in range(3):
        assert _call(world, owing).state == "owed"
        _again(world, owing, clock)
    assert (_call(world, owing).state, _call(world, owing).attempts) == ("dead", 4)


def test_a_service_that_does_not_exist_stops_nothing_else(
    li: Phone, world: World, owing: Owing
) -> None:
    unknown = owing.call("boss.close_everything")
    li.texts("是")
    assert owing.get(unknown).state == "owed"
    assert owing.get(unknown).error == "KeyError in our own code"
    assert _call(world, owing).state == "accepted"


# -- tags --------------------------------------------------------------------------------------


def _tagged(world: World) -> list[str]:
    """Which tags 李雷 has at WeChat."""
    wechat = world.circle.wechat
    names = {number: name for name, number in wechat.tags().items()}
    return [names[number] for number in wechat.user_info("o_lilei")["tagid_list"]]


@pytest.mark.slow
def test_a_tag_is_created_once_and_then_used(
    world: World, owing: Owing, boss: Boss, phone: PhoneOf
) -> None:
    for name in ("李雷", "韩梅梅"):
        phone(name).scans("cinema-01")
        phone(name).texts("是")
        boss.answers()
    assert _tagged(world) == ["film"]
    assert len(owing.wire("tags/create")) == 1
    assert len(owing.wire("tags/members/batchtagging")) == 2


def test_a_tag_is_taken_away_again(world: World, owing: Owing) -> None:
    tagged = owing.call("wechat.tag", tag="film", openid="o_lilei")
    world.work()
    assert _tagged(world) == ["film"]
    untagged = owing.call("wechat.untag", tag="film", openid="o_lilei")
    world.work()
    assert _tagged(world) == []
    assert [owing.get(row).state for row in (tagged, untagged)] == ["answered"] * 2


def test_tags_that_wechat_cannot_take_now_are_set_later(
    world: World, owing: Owing, clock: MovableClock
) -> None:
    world.fault("wechat.api", "error", path="batchtagging", code=-1)
    row = owing.call("wechat.tag", tag="film", openid="o_lilei")
    world.work()
    assert owing.get(row).state == "owed"
    clock.advance(seconds=owing.due_in_s(row) + 0.1)
    world.work()
    assert owing.get(row).state == "answered"
    assert _tagged(world) == ["film"]
