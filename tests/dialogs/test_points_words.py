"""What points did, what they can get, into coins and back, and the tier: by chat and by SMS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from menus.menus import Menus
from models import points, subscribers
from models.points import COINS
from sms import segments
from tests.conftest import Phone, World

PhoneOf = Callable[[str], Phone]
LI, WANG = "+8613800000001", "+8613800000003"


def spend(world: World, number: str, amount: int, key: str = "spent") -> None:
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "sms", number)
        assert who is not None
        points.spend(
            tx, who, points=amount, into=points.SPENT, now=world.clock(),
            cause=points.Cause(key, "redeem", "sms", "tests"),
        )  # fmt: skip


def two_sms(world: World, said: str) -> bool:
    """Whether this makes two SMS at most, with the signature if it has not got one yet."""
    menus: Menus = world.circle.live()
    sign = menus.text("signature", channel="sms")
    return segments.count(said if said.startswith(sign) else sign + said) <= 2


# -- history -------------------------------------------------------------------------------------


def test_the_last_movements_by_chat_and_by_sms(world: World, phone: PhoneOf) -> None:
    for n in range(7):
        spend(world, LI, 10 + n, f"spent {n}")
    li = phone("李雷")
    text = li.says("明细")["reply"]["text"]
    assert text.count("兑换") == 5
    assert "兑换 -16" in text
    assert "再早的回复“明细6”" in text
    assert "/me/points" in text
    older = li.says("明细6")["reply"]["text"]
    assert "兑换 -11" in older
    assert "兑换 -12" not in older
    li.texts("mx")
    assert "兑换 -16" in li.last("sms")
    assert two_sms(world, li.last("sms"))


def test_nothing_is_missed_between_two_messages(world: World, phone: PhoneOf) -> None:
    li, wang = phone("李雷"), phone("王大爷")
    for n in range(6):
        li.texts(f"转赠13800000003 {31 + n}")
        li.texts("是")
        assert two_sms(world, li.last("sms"))
    seen, word = "", "明细"
    while word:
        wang.texts(word)
        said = wang.last("sms")
        assert two_sms(world, said)
        seen += said
        word = f"明细{said.split('“明细')[1].split('”')[0]}" if "“明细" in said else ""
    for n in range(5):  # five gifts a day
        assert seen.count(f"+{31 + n}") == 1


def test_far_back_there_is_nothing_more(phone: PhoneOf) -> None:
    assert "再早没有记录了" in phone("李雷").says("明细99999")["reply"]["text"]
    assert "请回复“绑定”" in phone("小张").says("明细")["reply"]["text"]


# -- coins ---------------------------------------------------------------------------------------


def test_points_into_coins_and_back(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.texts("hb")
    assert "100积分换1个如意币。您有1580积分可用，最多能换15个" in li.last("sms")
    li.texts("3")
    assert "用300积分换3个如意币" in li.last("sms")
    li.texts("是")
    assert "您现在有1280积分、3个如意币" in li.last("sms")
    assert "另有3个如意币" in li.says("积分")["reply"]["text"]
    assert "把2个如意币换回200积分" in li.says("换积分2")["reply"]["text"]
    assert "您现在有1480积分、1个如意币可用" in li.says("是")["reply"]["text"]
    assert "最多只能换1个" in li.says("HJF 9")["reply"]["text"]
    assert "都没有动" in li.says("不换")["reply"]["text"]


def test_the_number_of_coins_sent_twice_is_no_yes(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.texts("换币")
    li.texts("1")
    li.texts("1")
    assert "用100积分换1个如意币" in li.last("sms")
    assert world.rows("SELECT count(*) FROM points_transfers WHERE reason = 'exchange'") == [(0,)]


def test_who_has_too_few_is_told_so(phone: PhoneOf, world: World) -> None:
    spend(world, WANG, 400)
    wang = phone("王大爷")
    wang.texts("换币")
    assert "100积分才能换1个如意币，您有55积分可用" in wang.last("sms")
    wang.texts("换积分")
    assert "您没有如意币可以换" in wang.last("sms")


def test_coins_are_the_same_from_every_door(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.says("换币5")
    li.says("是")
    li.texts("JF")
    assert "另有5个如意币" in li.last("sms")
    assert two_sms(world, li.last("sms"))
    with world.circle.store.reading() as tx:
        who = subscribers.find(tx, "sms", LI)
        assert who is not None
        both = points.balances(tx, who, now=world.clock(), expiring_days=30)
        assert both == tuple(
            points.balance(tx, who, now=world.clock(), expiring_days=30, unit=unit)
            for unit in (points.POINTS, COINS)
        )


# -- what for ------------------------------------------------------------------------------------


def test_what_so_many_points_can_get_and_it_is_taken_by_its_number(phone: PhoneOf) -> None:
    li = phone("李雷")
    li.texts("nhsm")
    assert "1580积分可以" in li.last("sms")
    assert "1 剪发券 900积分" in li.last("sms")
    li.texts("1")
    assert "“剪发券”要用900积分" in li.last("sms")
    li.texts("否")


@pytest.mark.parametrize("n", [10, 50, 60, 399, 12345, 10**12])
def test_ten_points_and_more_always_get_something(world: World, phone: PhoneOf, n: int) -> None:
    wang = phone("王大爷")
    wang.texts(f"能换什么{n}")
    assert "1 " in wang.last("sms")
    assert "请回复前面的数字" in wang.last("sms")
    assert two_sms(world, wang.last("sms"))


def test_a_draw_is_among_it_and_more_comes_on_asking(world: World, phone: PhoneOf) -> None:
    wang = phone("王大爷")
    wang.texts("能换什么10")
    assert "砸金蛋" in wang.last("sms")
    li = phone("李雷")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE offers SET club_code = NULL, tier = NULL")
    li.texts("能换什么12345")
    first = li.last("sms")
    assert "看其他回复“更多”" in first
    li.texts("更多")
    assert li.last("sms") != first
    assert two_sms(world, li.last("sms"))
    li.texts("99")
    assert "请只回复1到" in li.last("sms")


def test_where_nothing_is_left_it_says_what_to_save_for(world: World, phone: PhoneOf) -> None:
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE draws SET state = 'stopped'")
        tx.exec_driver_sql("UPDATE offers SET state = 'ended' WHERE price_points < 500")
    wang = phone("王大爷")
    wang.texts("能换什么20")
    assert "再有" in wang.last("sms")
    assert "回复“转赠”" in wang.last("sms")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE offers SET state = 'ended'")
    wang.texts("能换什么20")
    assert "20积分先攒着" in wang.last("sms")


# -- tier ----------------------------------------------------------------------------------------


def test_the_tier_and_what_is_missing(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    text = li.says("等级")["reply"]["text"]
    assert "您现在是普卡" in text
    assert "再累计" in text
    assert "升为银卡" in text
    li.texts("dj")
    assert "您现在是普卡" in li.last("sms")
    assert two_sms(world, li.last("sms"))
    assert "请回复“绑定”" in phone("小张").says("等级")["reply"]["text"]
