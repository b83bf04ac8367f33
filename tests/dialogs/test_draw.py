"""J4: draw by menu, in the chat and by SMS: pay, read the result at once, get the prize."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.draws import auditing
from tests.conftest import Boss, MovableClock, Phone, World
from tests.draws import POINTS, only

PhoneOf = Callable[[str], Phone]


@pytest.fixture(autouse=True)
def _promised(world: World) -> None:
    """The clock has promised the seeds of the days to come."""
    world.tick()


def test_by_sms_a_draw_is_chosen_paid_for_and_its_result_read_at_once(
    world: World, phone: PhoneOf
) -> None:
    only(world, POINTS, free_a_day=0, price_points=10)
    li = phone("李雷")
    li.texts("cj")
    assert "1 砸金蛋（10积分）；2 周末大抽奖（50积分）" in li.last("sms")
    li.texts("1")
    assert "砸金蛋抽一次用10积分，您有1580积分" in li.last("sms")
    li.texts("是。")
    assert "恭喜您，砸金蛋抽中50积分，已经到账！流水号CJ2" in li.last("sms")
    li.texts("JF")
    assert "您有1620积分" in li.last("sms")


def test_the_free_draw_of_the_day_needs_no_yes_and_comes_first(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    only(world, POINTS, price_points=10)
    li = phone("李雷")
    assert "抽中50积分" in li.says("砸金蛋")["reply"]["text"]
    assert "抽一次用10积分，您有1630积分" in li.says("砸金蛋")["reply"]["text"]
    assert "没有扣积分" in li.says("否")["reply"]["text"]
    clock.advance(days=1)
    assert "抽中50积分" in li.says("砸金蛋")["reply"]["text"]


def test_the_menu_and_a_code_at_an_event_open_it_too(world: World, phone: PhoneOf) -> None:
    only(world, POINTS)
    han = phone("韩梅梅")
    assert "1 砸金蛋（今天免费）" in han.taps("draw")["reply"]["text"]
    assert "抽中50积分" in han.says("1")["reply"]["text"]
    assert "现在没有抽奖机会了" in han.scans("draw-egg")["reply"]["text"]


def test_who_has_too_few_points_is_told_so_and_pays_nothing(world: World, phone: PhoneOf) -> None:
    only(world, POINTS, free_a_day=0, price_points=5000)
    li = phone("李雷")
    assert "抽一次用5000积分，您有1580积分，还不够" in li.says("砸金蛋")["reply"]["text"]
    li.texts("积分")
    assert "您有1580积分" in li.last("sms")


def test_whose_number_is_not_known_binds_it_and_goes_on(phone: PhoneOf) -> None:
    assert "抽奖要先知道您的手机号" in phone("小张").taps("draw")["reply"]["text"]


def test_a_voucher_is_there_at_once(world: World, phone: PhoneOf) -> None:
    only(world, {"title": "洗车小券", "kind": "voucher", "offer": "carwash-part"})
    li = phone("李雷")
    assert "抽中洗车小券，券已经发给您" in li.says("砸金蛋")["reply"]["text"]
    found = "SELECT title, price_points, paid_by, state FROM vouchers"
    assert world.rows(found) == [("洗车券(十分之一)", 60, "draw:egg", "issued")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [("opened", "1GB流量包已经开通"), ("refused", "已改发100积分到您的账户")],
)
def test_a_package_is_asked_of_boss_and_the_person_is_told(
    world: World, phone: PhoneOf, boss: Boss, answer: str, said: str
) -> None:
    only(
        world,
        {"title": "1GB流量包", "kind": "data", "service": "DATA_1G", "or_points": 100},
    )
    li = phone("李雷")
    assert "正在为您开通" in li.says("砸金蛋")["reply"]["text"]
    assert [order["service"] for order in boss.orders()] == ["DATA_1G"]
    boss.answers(answer, "已经有同类套餐" if answer == "refused" else "")
    world.tick()
    assert li.sees("wechat", said)


def test_a_parcel_is_reminded_of_and_then_forfeited(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    only(world, {"title": "电热水壶", "kind": "parcel"})
    wang = phone("王大爷")
    wang.texts("砸金蛋")
    assert "抽中电热水壶" in wang.last("sms")
    assert "填写收货地址" in wang.last("sms")
    _at_ten(clock)
    clock.advance(days=13)
    world.tick()
    assert "还没有填写收货地址" in wang.last("sms")
    clock.advance(days=2)
    world.tick()
    assert "已经作废" in wang.last("sms")
    assert world.rows(
        "SELECT taken, returned FROM draw_stock WHERE draw_code = 'egg' AND prize_code = 'it'"
    ) == [(1, 1)]
    with world.circle.store.reading() as tx:
        found = auditing.audit(tx, "egg", world.circle.seeds)
    assert (found.findings, found.results) == ([], 1)


def _at_ten(clock: MovableClock) -> None:
    """10 in the morning in China, of today or tomorrow."""
    clock.advance(hours=(2 - clock().hour) % 24)
