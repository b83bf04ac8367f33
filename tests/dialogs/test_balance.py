"""J2: what somebody has, by menu, in the chat and by SMS."""

from __future__ import annotations

from collections.abc import Callable

from models import points, subscribers
from tests.conftest import MovableClock, Phone, World

PhoneOf = Callable[[str], Phone]


def test_the_menu_shows_points_by_kind_what_expires_and_what_they_can_get(phone: PhoneOf) -> None:
    text = phone("李雷").taps("balance")["reply"]["text"]
    assert "1580积分" in text
    assert "消费积分 1200" in text
    assert "促销积分 380" in text
    assert "80积分快要到期，最晚用到" in text
    assert "剪发券（900分）、米粉一碗（400分）" in text
    assert "球场一小时" not in text  # for members of a club


def test_the_same_balance_comes_by_sms(phone: PhoneOf) -> None:
    li = phone("李雷")
    li.texts("jf")
    assert "您有1580积分（消费1200，促销380" in li.last("sms")


def test_points_of_a_day_that_has_passed_do_not_count(phone: PhoneOf, clock: MovableClock) -> None:
    wang = phone("王大爷")
    clock.advance(days=21)
    wang.texts("积分")
    assert "您有430积分" in wang.last("sms")


def test_ten_points_already_get_something(phone: PhoneOf, world: World) -> None:
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "sms", "+8613800000003")
        assert who is not None
        points.spend(
            tx, who, points=445, into=points.SPENT, now=world.clock(),
            cause=points.Cause("all but ten", "redeem", "sms", "tests"),
        )  # fmt: skip
    wang = phone("王大爷")
    wang.texts("积分")
    assert "砸金蛋一次（10分）" in wang.last("sms")


def test_who_has_not_bound_a_number_is_told_how(phone: PhoneOf) -> None:
    answer = phone("小张").taps("balance")
    assert "请回复“绑定”" in answer["reply"]["text"]


def test_looking_writes_nothing(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    for _ in range(3):
        li.taps("balance")
    assert world.rows("SELECT count(*) FROM inbox") == [(0,)]
    assert world.rows("SELECT count(*) FROM conversations") == [(0,)]


def test_what_is_reserved_is_said_with_what_can_be_used(phone: PhoneOf, world: World) -> None:
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "sms", "+8613800000001")
        assert who is not None
        points.move(
            tx, payer=who.id, payer_kinds=points.KINDS, payee=who.id, payee_kind="held",
            payee_expires_on=None, points=200, unit=points.POINTS,
            cause=points.Cause("hold", "hold", "sms", "tests"), now=world.clock(),
        )  # fmt: skip
    li = phone("李雷")
    text = li.taps("balance")["reply"]["text"]
    assert "1580积分" in text
    assert "其中200积分正在办理，现在能用1380" in text
    before = len(li.heard("sms"))
    li.texts("JF")
    (said,) = li.heard("sms")[before:]
    assert "您有1580积分（消费1200，促销380）。其中200正在办理，现在能用1380" in said
    assert len(said) <= 134


def test_only_what_can_be_had_now_is_offered(phone: PhoneOf, world: World) -> None:
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE offers SET ends_at = %s WHERE code = 'haircut'", (world.clock(),)
        )
        tx.exec_driver_sql("INSERT INTO offer_stock VALUES ('noodles', 1, 1)")
    text = phone("李雷").taps("balance")["reply"]["text"]
    assert "剪发券" not in text
    assert "米粉" not in text
    assert "周末大抽奖一次（50分）" in text
