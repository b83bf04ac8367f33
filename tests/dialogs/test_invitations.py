"""J8: share -> friend scans -> joins -> both get points, once; and by SMS alone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
import zxingcpp
from PIL import Image

from models import clubs, subscribers
from tests.conftest import Boss, MovableClock, Phone, World
from tests.invitations import rewarding
from tests.used import by_day

PhoneOf = Callable[[str], Phone]
FRIENDS_NUMBER = "13800000004"
SMS_A_DAY = 2


@pytest.fixture
def environment() -> dict[str, str]:
    return {"CIRCLE_INVITATIONS__SMS_A_DAY": str(SMS_A_DAY)}


@pytest.fixture(autouse=True)
def _rewards(world: World) -> None:
    rewarding(world.circle.store, world.clock())


@pytest.fixture
def li(world: World, phone: PhoneOf) -> Phone:
    """李雷, of the film club."""
    return _member(world, phone("李雷"))


def _member(world: World, who: Phone, club: str = "film") -> Phone:
    with world.circle.store.begin() as tx:
        found = subscribers.find(tx, "sms", who.msisdn)
        assert found is not None
        clubs.join(tx, found, club, origin="test", now=world.clock())
    return who


def _number(said: str) -> str:
    found = re.search(r"/i/([0-9]{9})", said)
    assert found, said
    return found[1]


def _points(who: Phone) -> int:
    who.texts("JF")
    found = re.search(r"您有([0-9]+)积分", who.last("sms"))
    assert found, who.last("sms")
    return int(found[1])


def _media(world: World, who: Phone) -> list[str]:
    chat = world.control("GET", f"/phones/{quote(who.name)}")["wechat"]
    return [
        entry["media"] for entry in chat if entry["kind"] == "image" and entry["from"] == "them"
    ]


def test_the_poster_is_scanned_by_a_friend_who_joins_and_both_get_points_once(
    world: World, phone: PhoneOf, boss: Boss, li: Phone
) -> None:
    said = li.says("邀请")["reply"]["text"]
    assert "您的电影俱乐部邀请海报" in said
    assert "新朋友加入后，您得100积分" in said
    (picture,) = _media(world, li)
    shown = Image.open(io.BytesIO(world.http.get(f"{world.emulators_url}/media/{picture}").content))
    assert len(zxingcpp.read_barcodes(shown)) == 1
    han = phone("韩梅梅")
    world.clock.advance(seconds=1)
    scanned = world.control("POST", f"/wechat/{han.openid}/scan", media=picture)["reply"]["text"]
    assert "您的朋友138****0001邀请您加入电影俱乐部。您是新朋友的话，加入后送您50积分" in scanned
    assert "同意请回复“是”" in scanned
    before = _points(li), _points(han)
    han.texts("是")
    boss.answers(times=2)
    assert han.sees("sms", "欢迎加入电影俱乐部")
    assert "您是138****0001邀请来的，送您50积分" in han.last("sms")
    by_day(world)
    world.tick()
    assert "您邀请的朋友138****0002加入俱乐部了，送您100积分" in _last(li)
    assert (_points(li), _points(han)) == (before[0] + 100, before[1] + 50)
    assert "已加入1位，您得了100积分" in li.says("我的邀请")["reply"]["text"]
    assert "138****0002已加入" in li.says("WDYQ")["reply"]["text"]


def _last(who: Phone) -> str:
    return max(who.last("sms"), who.last("wechat"), key=lambda said: "您邀请的朋友" in said)


def test_by_sms_a_friend_is_asked_and_says_yes_twice(
    world: World, phone: PhoneOf, boss: Boss
) -> None:
    by_day(world)
    wang = _member(world, phone("王大爷"), "car")
    friend = phone("小张")
    wang.texts(f"YQ {FRIENDS_NUMBER}")
    assert "要我们发短信请138****0004加入车友会吗？短信里会写是138****0003邀请的" in wang.last(
        "sms"
    )
    assert friend.heard("sms") == []
    wang.texts("是")
    assert "我们会在白天发短信问138****0004" in wang.last("sms")
    world.tick()
    assert "您的朋友138****0003想请您加入中国移动的车友会（每月8元）" in friend.last("sms")
    friend.texts("是")
    heard = friend.heard("sms")[-2:]
    assert "您是新朋友的话，加入后送您50积分" in heard[0]
    assert "中国移动邀您加入车友会，资费每月8元" in heard[1]
    friend.texts("是")
    boss.answers()
    assert "送您50积分" in friend.last("sms")
    world.tick()
    assert "送您100积分" in wang.last("sms")
    kept = world.rows("SELECT subject, granted FROM consents ORDER BY id")
    assert kept[0][0].startswith("invitation:")
    assert [granted for _, granted in kept] == ["yes", "yes"]


def test_a_friend_who_says_no_hears_no_more_of_it_for_a_while(
    world: World, phone: PhoneOf, li: Phone, clock: MovableClock
) -> None:
    by_day(world)
    friend = phone("小张")
    _asks(world, li, FRIENDS_NUMBER)
    friend.texts("否")
    assert "不打扰您了" in friend.last("sms")
    han = _member(world, phone("韩梅梅"))
    _asks(world, han, FRIENDS_NUMBER)
    assert len(friend.heard("sms")) == 2
    assert "还没有加入" not in han.last("sms")
    found = world.rows("SELECT state, why FROM invitations ORDER BY id")
    assert found == [("declined", None), ("refused", "asked_lately")]
    clock.advance(days=91)
    by_day(world)
    _asks(world, han, FRIENDS_NUMBER)
    assert "想请您加入" in friend.last("sms")


def _asks(world: World, who: Phone, number: str) -> None:
    who.texts(f"YQ{number}")
    who.texts("是")
    assert "我们会在白天发短信问" in who.last("sms")
    world.tick()


def test_who_has_opted_out_or_is_a_member_is_not_asked_and_nobody_learns_it(
    world: World, phone: PhoneOf, li: Phone
) -> None:
    by_day(world)
    wang, han = phone("王大爷"), _member(world, phone("韩梅梅"), "car")
    wang.texts("TD")
    _asks(world, li, "13800000003")
    _asks(world, li, "13800000002")
    assert "想请您加入" not in wang.last("sms") + han.last("sms")
    assert world.rows("SELECT why FROM invitations ORDER BY id") == [("opted_out",), ("not_new",)]
    assert "还没加入2位" in li.says("我的邀请")["reply"]["text"]


@pytest.mark.night
def test_by_night_nobody_is_asked(world: World, phone: PhoneOf, li: Phone) -> None:
    by_day(world, hour=22)
    _asks(world, li, FRIENDS_NUMBER)
    friend = phone("小张")
    assert friend.heard("sms") == []
    by_day(world)
    world.tick()
    assert "想请您加入" in friend.last("sms")


def test_so_many_numbers_a_day_and_none_that_is_no_number_or_ones_own(
    world: World, phone: PhoneOf, li: Phone
) -> None:
    li.texts("YQ 12345")
    assert "手机号好像不对" in li.last("sms")
    li.texts("YQ 13800000001")
    assert "这是您自己的手机号" in li.last("sms")
    for number in range(SMS_A_DAY):
        _asks(world, li, f"1390000000{number}")
    li.texts("YQ 13900000009")
    li.texts("是")
    assert f"今天已经帮您问了{SMS_A_DAY}位朋友" in li.last("sms")


def test_who_is_in_several_clubs_chooses_one_and_who_is_in_none_is_told_so(
    world: World, phone: PhoneOf, li: Phone
) -> None:
    _member(world, li, "car")
    li.texts("邀请")
    assert "1 电影俱乐部；2 车友会" in li.last("sms")
    li.texts("3")
    assert "1 电影俱乐部；2 车友会" in li.last("sms")
    li.texts("2")
    assert "新朋友加入车友会后您得100积分" in li.last("sms")
    assert _number(li.last("sms")) != _number(li.says("邀请") and li.says("1")["reply"]["text"])
    wang = phone("王大爷")
    wang.texts("yq")
    assert "加入了俱乐部，才能邀请朋友" in wang.last("sms")
    assert "先来绑定" in phone("小张").says("邀请")["reply"]["text"]


def test_a_code_works_by_sms_too_but_neither_ones_own_nor_one_that_is_nobodys(
    world: World, phone: PhoneOf, li: Phone
) -> None:
    li.texts("邀请")
    number = _number(li.last("sms"))
    li.texts(f"YQ{number}")
    assert "这是您自己的电影俱乐部邀请码" in li.last("sms")
    wang = phone("王大爷")
    wang.texts(f"邀请{number}")
    assert "您的朋友138****0001邀请您加入电影俱乐部" in wang.heard("sms")[-2]
    wang.texts("YQ 987654321")
    assert "这个邀请已经不能用了" in wang.last("sms")
    _member(world, phone("韩梅梅"), "car")
    said = phone("韩梅梅").scans(f"invite-{number}")["reply"]["text"]
    assert "邀请奖励只给第一次加入俱乐部的朋友" in said
    assert "电影俱乐部" in said


def test_somebody_new_in_wechat_binds_joins_and_is_rewarded(
    world: World, phone: PhoneOf, boss: Boss, li: Phone
) -> None:
    number = _number(li.says("邀请")["reply"]["text"])
    zhang = phone("小张")
    said = zhang.scans(f"invite-{number}")["reply"]["text"]
    assert "加入后送您50积分" in said
    assert "先来绑定" in said
    zhang.says(FRIENDS_NUMBER)
    code = re.search(r"[0-9]{6}", zhang.last("sms"))
    assert code
    zhang.says(code[0])
    zhang.texts("是")
    boss.answers()
    assert "送您50积分" in zhang.last("sms")


def test_who_joins_by_an_operators_import_is_found_by_the_clock(
    world: World, phone: PhoneOf, li: Phone
) -> None:
    by_day(world)
    li.texts("邀请")
    wang = phone("王大爷")
    wang.texts(f"YQ{_number(li.last('sms'))}")
    world.clock.advance(minutes=1)
    _member(world, wang)
    world.tick()
    assert "送您50积分" in wang.last("sms")
    world.tick()
    assert world.rows("SELECT state, points, friend_points FROM invitations") == [
        ("joined", 100, 50)
    ]
