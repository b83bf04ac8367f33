"""The mailbox and the settings of notices, by SMS and in WeChat."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dialogs import notices
from models import mailbox, preferences
from sms.segments import count
from tests.conftest import Phone, World
from tests.used import by_day, person

PhoneOf = Callable[[str], Phone]


def told(world: World, who: Phone, n: int) -> None:
    """So many gifts came back to somebody, an hour apart."""
    for each in range(1, n + 1):
        world.clock.advance(hours=1)
        with world.circle.store.begin() as tx:
            notices.tell(
                tx, world.circle.live(), person(world, who.msisdn), "vouchers.gift_came_back",
                kind="gifts", now=world.clock(), title=f"理发{each}次", price=80,
                serial=1000 + each,
            )  # fmt: skip
    world.work()


@pytest.fixture
def wang(world: World, phone: PhoneOf) -> Phone:
    by_day(world)
    return phone("王大爷")


@pytest.fixture
def li(world: World, phone: PhoneOf) -> Phone:
    by_day(world)
    return phone("李雷")


def unread(world: World, who: Phone) -> int:
    owner = person(world, who.msisdn).id
    return world.circle.store.read(lambda tx: mailbox.unread(tx, owner))


def test_the_newest_by_number_and_one_whole_by_sms(world: World, wang: Phone) -> None:
    told(world, wang, 5)
    wang.texts("消息")
    first = wang.last("sms")
    assert "没看过的消息有5条" in first
    assert [line.split()[0] for line in first.splitlines()[1:4]] == ["1", "2", "3"]
    assert "理发5次" in first.splitlines()[1]
    assert count(first) <= 2
    wang.texts("2")
    assert "1004" in wang.last("sms")
    assert wang.last("sms").count("【和生活圈】") == 1
    assert unread(world, wang) == 4
    wang.texts("１。")  # the list is still open
    assert "1005" in wang.last("sms")
    wang.texts("4")
    assert "理发2次" in wang.last("sms").splitlines()[1]
    wang.texts("9")
    assert "没有这一条" in wang.last("sms")
    wang.texts("xx")
    assert "新 " not in wang.last("sms").splitlines()[1]
    wang.texts("0")
    assert "随时回复" in wang.last("sms")


def test_an_empty_mailbox_says_so(world: World, wang: Phone) -> None:
    wang.texts("XX")
    assert "还没有消息" in wang.last("sms")


def test_in_wechat_there_is_a_page_and_a_message_keeps_its_link(world: World, li: Phone) -> None:
    with world.circle.store.begin() as tx:
        notices.tell(
            tx, world.circle.live(), person(world, li.msisdn), "draw.parcel_reminder",
            kind="vouchers", now=world.clock(), page="/me/prizes/7", prize="电饭煲",
            until="12月1日",
        )  # fmt: skip
    world.work()
    listed = li.says("我的消息")["reply"]["text"]
    assert f"{world.url}/me/messages" in listed
    assert "1 新 " in listed
    assert f"{world.url}/me/prizes/7" in li.says("1")["reply"]["text"]
    li.texts("消息")
    li.texts("1")
    assert f"{world.url}/l/" in li.last("sms")


def test_an_open_list_is_forgotten_after_half_an_hour(world: World, wang: Phone) -> None:
    told(world, wang, 1)
    wang.texts("消息")
    world.clock.advance(minutes=31)
    wang.texts("1")
    assert "过了时间" in wang.last("sms")


def test_what_is_wanted_is_set_by_two_digits_and_kept_with_its_evidence(
    world: World, wang: Phone
) -> None:
    wang.texts("设置")
    assert "1积分和等级" in wang.last("sms")
    assert "全都收" in wang.last("sms")
    assert count(wang.last("sms")) <= 2
    wang.texts("5")
    assert "“转赠和礼物”" in wang.last("sms")
    wang.texts("1")
    assert "短信不收、微信收" in wang.last("sms")
    heard = len(wang.heard("sms"))
    told(world, wang, 1)
    assert len(wang.heard("sms")) == heard
    wang.texts("sz")
    assert "5短信不收" in wang.last("sms")
    wang.texts("5")
    wang.texts("3")
    told(world, wang, 1)
    assert "1001" in wang.last("sms")
    kept = world.rows("SELECT subject, granted, question <> '', answer FROM consents ORDER BY id")
    assert kept == [
        ("messages:gifts:sms", "no", True, "1"), ("messages:gifts:sms", "yes", True, "3"),
    ]  # fmt: skip


def test_a_number_that_is_none_of_the_choices_is_asked_again(world: World, wang: Phone) -> None:
    wang.texts("设置")
    wang.texts("8")
    assert "1到7" in wang.last("sms")
    wang.texts("7")
    wang.texts("5")
    assert "都不收回复4" in wang.last("sms")
    wang.texts("否")
    assert "没有改" in wang.last("sms")
    owner = person(world, wang.msisdn).id
    wishes = world.circle.store.read(lambda tx: preferences.of(tx, owner))
    assert all(wishes.values())


def test_leaving_altogether_stands_above_what_is_set(world: World, wang: Phone) -> None:
    wang.texts("设置")
    wang.texts("7")
    wang.texts("4")
    wang.texts("退订")
    wang.texts("设置")
    assert "恢复" in wang.last("sms")
    heard = len(wang.heard("sms"))
    told(world, wang, 1)
    assert len(wang.heard("sms")) == heard
    wang.texts("消息")
    assert "没看过的消息有1条" in wang.last("sms")  # kept all the same
    wang.texts("恢复")
    owner = person(world, wang.msisdn).id
    wishes = world.circle.store.read(lambda tx: preferences.of(tx, owner))
    assert [one for one, wanted in wishes.items() if not wanted] == [
        ("marketing", "sms"), ("marketing", "wechat"),
    ]  # fmt: skip


def test_somebody_elses_message_is_not_shown(world: World, wang: Phone, phone: PhoneOf) -> None:
    told(world, phone("李雷"), 1)
    ((letter,),) = world.rows("SELECT id FROM mailbox WHERE kind = 'gifts'")
    owner = person(world, wang.msisdn).id
    assert world.circle.store.read(lambda tx: mailbox.one(tx, owner, letter)) is None
