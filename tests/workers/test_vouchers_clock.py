"""Vouchers by the clock: owners are told before and after, by day, once; points go back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import points, subscribers
from models.vouchers import giving, redeeming
from models.vouchers.vouchers import Voucher
from sms.segments import count
from tests.conftest import MovableClock, Phone, World
from tests.workers.test_tiers_clock import at_hour

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


def redeems(world: World, msisdn: str, offer: str = "noodles") -> Voucher:
    """Somebody has taken a voucher; 30 days from now it runs out."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = subscribers.lock(tx, "sms", msisdn, now)
        return redeeming.redeem(
            tx, who, offer, key=f"m{now}", channel="sms", origin="test", now=now
        )


def news(phone: Phone) -> list[str]:
    return [said for said in phone.heard("sms") if "米粉一碗" in said]


@pytest.mark.night
def test_an_owner_is_reminded_twice_before_and_told_once_after_with_the_points_back(
    world: World, wang: Phone, clock: MovableClock
) -> None:
    voucher = redeems(world, wang.msisdn)
    clock.turn_to(voucher.valid_until - timedelta(days=4))
    world.tick()
    assert news(wang) == []
    for days in (3, 1):
        clock.turn_to(voucher.valid_until - timedelta(days=days) + timedelta(hours=12))
        world.tick()
        world.tick()
    first, second = news(wang)
    assert first == second
    day = (voucher.valid_until - timedelta(seconds=1)).astimezone(points.SHANGHAI)
    assert f"最晚用到{day.month}月{day.day}日" in first
    assert voucher.short_code[-4:] in first
    assert count(first) <= 2
    clock.turn_to(voucher.valid_until + timedelta(minutes=5))  # at night
    world.tick()
    assert world.rows("SELECT state FROM vouchers") == [("expired",)]
    assert len(news(wang)) == 2
    at_hour(clock, 9)
    world.tick()
    world.tick()
    assert "已经过期，400积分退还给您了" in news(wang)[-1]
    assert len(news(wang)) == 3
    assert world.rows("SELECT DISTINCT category FROM outbox WHERE payload ->> 'text' LIKE %s",
                      "%米粉%") == [("notice",)]  # fmt: skip
    assert world.rows("SELECT count(*) FROM vouchers WHERE remind_at IS NOT NULL") == [(0,)]


def test_a_clock_that_slept_reminds_once_and_who_has_opted_out_hears_nothing(
    world: World, wang: Phone, phone: PhoneOf, clock: MovableClock
) -> None:
    li = phone("李雷")
    voucher = redeems(world, wang.msisdn)
    redeems(world, li.msisdn)
    li.texts("TD")
    heard = len(li.heard("sms"))
    clock.turn_to(voucher.valid_until - timedelta(hours=13))  # both moments have passed
    world.tick()
    world.tick()
    assert len(news(wang)) == 1
    clock.turn_to(voucher.valid_until)
    at_hour(clock, 10)
    world.tick()
    assert len(news(wang)) == 2
    assert len(li.heard("sms")) == heard
    assert li.heard("wechat") == []
    assert world.rows("SELECT DISTINCT state FROM vouchers") == [("expired",)]


def test_what_was_used_meanwhile_is_not_reminded_of(
    world: World, wang: Phone, clock: MovableClock
) -> None:
    voucher = redeems(world, wang.msisdn)
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE vouchers SET state = 'verified', ended_at = %s", (clock(),))
    clock.turn_to(voucher.valid_until - timedelta(hours=60))
    world.tick()
    assert news(wang) == []
    assert world.rows("SELECT remind_at FROM vouchers") == [(None,)]


def test_a_gift_that_runs_out_is_told_to_both_and_pays_back_whoever_paid(
    world: World, wang: Phone, phone: PhoneOf, clock: MovableClock
) -> None:
    li = phone("李雷")
    voucher = redeems(world, li.msisdn)
    with world.circle.store.begin() as tx:
        owner = subscribers.lock(tx, "sms", li.msisdn, clock())
        friend = subscribers.find(tx, "sms", wang.msisdn)
        assert friend is not None
        giving.give(
            tx, owner, subscriber_id=owner.id, voucher_id=voucher.id, friend=friend, by="test",
            now=clock(), most_a_day=1,
        )  # fmt: skip
    clock.turn_to(voucher.valid_until)
    at_hour(clock, 10)
    world.tick()
    assert "已经过期，不能再用了" in news(wang)[-1]
    (back,) = news(li)
    assert "您送出去的“米粉一碗”没有用掉，400积分退还给您" in back
    assert world.rows("SELECT points FROM points_refunds") == [(400,)]
