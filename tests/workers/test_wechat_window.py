"""How long WeChat takes what we write, by what the person did, and where it goes after that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import desk, subscribers
from tests.conftest import MovableClock, Phone, World
from tests.workers.conftest import Owing

PhoneOf = Callable[[str], Phone]
SOON = timedelta(seconds=50)  # while the test runs


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


def is_open_for(world: World, wanted: timedelta) -> bool:
    """Whether WeChat is open for this long from now, and the desk says so."""
    now = world.clock()
    with world.circle.store.reading() as tx:
        who = subscribers.find(tx, "wechat", "o_lilei")
    assert who is not None
    told = desk.way(who, now)
    if told.open_until is None:
        return wanted == timedelta(0)
    return told.kind == "wechat" and wanted - SOON < told.open_until - now <= wanted


def test_a_message_opens_wechat_for_two_days_a_tap_for_a_minute_and_closes_nothing(
    world: World, li: Phone, clock: MovableClock
) -> None:
    assert is_open_for(world, timedelta(0))
    li.scans("club-film")
    assert is_open_for(world, timedelta(minutes=1))
    clock.advance(minutes=1)
    assert is_open_for(world, timedelta(0))
    li.says("什么")
    assert is_open_for(world, timedelta(hours=48))
    clock.advance(hours=1)
    li.scans("club-car")
    assert is_open_for(world, timedelta(hours=47))
    li.unfollows()
    li.follows()
    assert is_open_for(world, timedelta(minutes=1))


def test_who_only_texts_by_sms_opens_nothing(world: World, li: Phone) -> None:
    li.texts("什么")
    assert is_open_for(world, timedelta(0))


def test_what_was_owed_in_the_window_goes_by_sms_once_it_is_closed(
    world: World, li: Phone, owing: Owing, clock: MovableClock
) -> None:
    li.scans("club-film")
    owing.wechat("马上")
    world.work()
    assert li.last("wechat") == "马上"
    late = owing.wechat("晚了")
    clock.advance(minutes=1)
    asked = len(owing.wire("custom/send"))
    world.work()
    assert li.last("sms") == "晚了"
    assert len(owing.wire("custom/send")) == asked, "WeChat need not refuse what we know it refuses"
    assert owing.get(late).kind == "sms"
    last = owing.wechat("试一试", by_sms=False)
    world.work()
    assert owing.get(last).state == "failed", "who has no number is tried, and WeChat says no"
    assert len(owing.wire("custom/send")) > asked
