"""J3: points to somebody else, by menu word, in the chat and by SMS; both are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import points, subscribers
from models.points.gifts import GiftLimits
from tests.conftest import MovableClock, Phone, World

PhoneOf = Callable[[str], Phone]


def have(world: World, number: str) -> int:
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "sms", number)
        assert who is not None
        return points.balance(tx, who, now=world.clock(), expiring_days=1).total


def has(world: World) -> tuple[int, int]:
    """What 李雷 and 韩梅梅 have."""
    return have(world, "+8613800000001"), have(world, "+8613800000002")


def test_in_the_chat_the_number_the_amount_and_a_yes(world: World, phone: PhoneOf) -> None:
    li, han = phone("李雷"), phone("韩梅梅")
    before = has(world)
    assert "请回复对方的手机号" in li.says("转赠")["reply"]["text"]
    assert "转赠给138****0002多少积分？" in li.says("138 0000 0002")["reply"]["text"]
    asked = li.says("100")["reply"]["text"]
    assert "要把100积分转赠给138****0002吗？赠出后收不回来" in asked
    done = li.says("是")["reply"]["text"]
    assert "赠好了：100积分已经转赠给138****0002。流水号" in done
    assert f"您还有{before[0] - 100}积分可用" in done
    assert has(world) == (before[0] - 100, before[1] + 100)
    assert any(
        "138****0001转赠给您100积分" in said for said in (*han.heard("sms"), *han.heard("wechat"))
    )


def test_by_sms_all_in_one_message_and_a_yes(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    before = has(world)
    li.texts("zz 13800000002 50")
    assert "要把50积分转赠给138****0002吗？" in li.last("sms")
    li.texts("好的")
    assert "赠好了：50积分" in li.last("sms")
    li.texts("好的")  # once more: nothing is open
    assert has(world) == (before[0] - 50, before[1] + 50)


@pytest.mark.parametrize(
    "typed",
    [
        "ZZ8613800000002",
        "转赠 +86 138 0000 0002",
        "转赠：13800000002",
        "ＺＺ １３８０００００００２",
    ],
)
def test_the_number_is_understood_however_it_is_written(phone: PhoneOf, typed: str) -> None:
    assert "转赠给138****0002多少积分" in phone("李雷").says(typed)["reply"]["text"]


def test_the_amount_sent_twice_is_no_yes(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    before = has(world)
    li.texts("转赠13800000002")
    li.texts("1")
    assert "要把1积分转赠" in li.last("sms")
    li.texts("1")
    assert "要把1积分转赠" in li.last("sms")
    assert has(world) == before
    li.texts("否")
    assert "这次不赠" in li.last("sms")
    assert has(world) == before


def test_whoever_cannot_get_it_is_said(phone: PhoneOf) -> None:
    li = phone("李雷")
    assert "这是您自己的手机号" in li.says("转赠13800000001")["reply"]["text"]
    assert "139****9999还没有用过和生活圈" in li.says("13999999999")["reply"]["text"]
    assert "好像不对" in li.says("12345")["reply"]["text"]
    assert "好像不对" in li.says("我女儿")["reply"]["text"]
    assert "这次没有办成，您的积分没有动" in li.says("就是她")["reply"]["text"]


def test_more_than_one_has_is_asked_anew(phone: PhoneOf) -> None:
    li = phone("李雷")
    assert "您的积分不够。您有1580积分可用" in li.says("转赠13800000002 99999")["reply"]["text"]
    assert "要把80积分转赠" in li.says("80")["reply"]["text"]
    assert "这次不赠" in li.says("不用了")["reply"]["text"]


def test_who_has_no_number_binds_one_first(phone: PhoneOf) -> None:
    assert "转赠积分要先知道您的手机号" in phone("小张").says("转赠")["reply"]["text"]


def test_what_was_spent_meanwhile_is_seen_when_the_yes_comes(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.texts("ZZ13800000002 1500")
    with world.circle.store.begin() as tx:
        who = subscribers.find(tx, "sms", "+8613800000001")
        assert who is not None
        points.spend(
            tx, who, points=1000, into=points.SPENT, now=world.clock(),
            cause=points.Cause("meanwhile", "redeem", "sms", "tests"),
        )  # fmt: skip
    li.texts("是")
    assert "您的积分不够。您有580积分可用" in li.last("sms")
    assert have(world, "+8613800000001") == 580


class TestLimits:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {
            "CIRCLE_POINTS__GIFTS_A_DAY": "2", "CIRCLE_POINTS__GIFT_POINTS_A_DAY": "100",
            "CIRCLE_POINTS__GIFT_TRIES_A_DAY": "4",
        }  # fmt: skip

    def test_so_much_and_so_often_a_day(
        self, world: World, phone: PhoneOf, clock: MovableClock
    ) -> None:
        assert world.circle.rules.gifts == GiftLimits(2, 100, 4)
        li = phone("李雷")
        li.texts("转赠13800000002 101")
        assert "超过了每天转赠的上限" in li.last("sms")
        li.texts("60")
        li.texts("是")
        assert "赠好了" in li.last("sms")
        li.texts("转赠13800000002 41")
        assert "最多能赠给138****0002 40积分" in li.last("sms")
        li.texts("5")
        li.texts("是")
        li.texts("转赠")
        assert "今天转赠的次数或积分已经到了上限" in li.last("sms")
        clock.advance(days=1)
        li.texts("转赠")
        assert "请回复对方的手机号" in li.last("sms")

    def test_nobody_tries_many_numbers(self, phone: PhoneOf) -> None:
        li = phone("李雷")
        li.says("转赠13999990000")
        for n in range(1, 4):
            assert "还没有用过" in li.says(f"1399999000{n}")["reply"]["text"]
        assert "今天试过的号码太多了" in li.says("13800000002")["reply"]["text"]
