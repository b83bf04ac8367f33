"""Complaints by chat and SMS: by a serial number, never about somebody else's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import complaints
from models.vouchers.vouchers import Voucher
from tests.conftest import Phone, World
from tests.used import by_day, person, redeemed, used

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


@pytest.fixture
def had(world: World, wang: Phone) -> Voucher:
    """What 王大爷 has used at the barber's."""
    by_day(world)
    voucher = redeemed(world, person(world, wang.msisdn))
    used(world, voucher)
    return voucher


def _complaints(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT words, transfer_serial, merchant_code, category FROM complaints")


def test_who_only_says_that_they_complain_is_shown_what_they_used(
    world: World, wang: Phone, had: Voucher
) -> None:
    wang.texts("投诉")
    assert f"{had.serial} {had.title}" in wang.last("sms")
    wang.texts(str(had.serial))
    assert "怎么回事" in wang.last("sms")
    wang.texts("师傅不给洗")
    assert "TS10001已经受理" in wang.last("sms")
    assert _complaints(world) == [("师傅不给洗", had.serial, "jinxiu", "merchant")]
    wang.texts("TS")
    wang.texts(f"{had.serial} 还是不洗")
    assert "已经投诉过了" in wang.last("sms")
    assert len(_complaints(world)) == 1


def test_a_number_and_the_words_may_come_together_and_as_people_write(
    world: World, wang: Phone, had: Voucher
) -> None:
    wang.texts("我要投诉。")
    wang.texts(f"流水号{had.serial}，师傅不给洗")
    assert "已经受理" in wang.last("sms")
    assert _complaints(world) == [("师傅不给洗", had.serial, "jinxiu", "merchant")]


@pytest.mark.parametrize(
    ("how", "kept"),
    [
        ("投诉 {} 师傅不给洗", "师傅不给洗"),
        ("ts{}师傅不给洗", "师傅不给洗"),
        ("投诉{}号，师傅說，不给洗！", "师傅說，不给洗！"),
    ],
)
def test_all_may_come_in_one_message_and_is_kept_as_it_was_typed(
    world: World, wang: Phone, had: Voucher, how: str, kept: str
) -> None:
    wang.texts(how.format(had.serial))
    assert "TS10001已经受理" in wang.last("sms")
    assert _complaints(world) == [(kept, had.serial, "jinxiu", "merchant")]
    wang.texts("TS10001")
    assert "TS10001正在办理" in wang.last("sms")


def test_the_news_of_a_thief_is_answered_as_it_says(
    world: World, wang: Phone, had: Voucher
) -> None:
    wang.texts(f"投诉{had.serial}")
    assert "怎么回事" in wang.last("sms")
    wang.texts("不是我用的")
    assert _complaints(world) == [("不是我用的", had.serial, "jinxiu", "merchant")]


def test_somebody_elses_number_is_met_like_one_that_nobody_has(
    world: World, phone: PhoneOf, had: Voucher
) -> None:
    li = phone("李雷")
    li.says("投诉")
    theirs = li.says(str(had.serial))["reply"]["text"]
    nobodys = li.says("99999999")["reply"]["text"]
    assert theirs.replace(str(had.serial), "") == nobodys.replace("99999999", "")
    assert "10086" in li.says(f"{had.serial} 师傅不给洗")["reply"]["text"]  # and that was that
    assert _complaints(world) == []


def test_without_a_number_it_is_taken_all_the_same(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.says("投诉")
    assert "怎么回事" in li.says("不知道")["reply"]["text"]
    assert "已经受理" in li.says("客服电话打不通")["reply"]["text"]
    assert _complaints(world) == [("客服电话打不通", None, None, "other")]
    li.says("投诉")
    assert "没有投诉" in li.says("否")["reply"]["text"]


class TestLimit:
    @pytest.fixture
    def environment(self) -> dict[str, str]:
        return {"CIRCLE_COMPLAINTS__A_DAY": "1"}

    def test_so_many_a_day_and_no_more(self, world: World, phone: PhoneOf) -> None:
        li = phone("李雷")
        for said in ("已经受理", "比较多"):
            li.says("投诉")
            assert said in li.says("电话打不通")["reply"]["text"]
        assert len(_complaints(world)) == 1


def test_deadlines_are_reminded_of_and_a_silent_merchant_loses_its_turn(
    world: World, wang: Phone, had: Voucher
) -> None:
    wang.texts(f"投诉{had.serial} 师傅不给洗")
    now = world.clock()
    world.circle.store.run(
        lambda tx: complaints.move(
            tx, 10001, to="with_merchant", words="问", by="li", now=now,
            merchant_lasts=timedelta(hours=48),
        )
    )  # fmt: skip

    def after(hours: float) -> list[tuple[object, ...]]:
        world.clock.advance(hours=hours)
        world.tick()
        world.tick()  # once is enough
        return world.rows(
            'SELECT what, state FROM complaint_events WHERE "by" = %s ORDER BY no', "clock"
        )

    assert after(35) == []
    assert after(2) == [("reminded", "with_merchant")]
    assert after(11.5)[1:] == [("moved", "received")]
    assert after(13)[2:] == [("reminded", "received")]
    apologies = [said for said in wang.heard("sms") if "还没有办完" in said]
    assert apologies == []
    assert after(12)[3:] == []
    assert sum("还没有办完" in said for said in wang.heard("sms")) == 1
