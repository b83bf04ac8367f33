"""J7: bind WeChat to a number; one account from both sides, nothing doubled."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest

from models import clubs, points, subscribers
from tests.conftest import Boss, MovableClock, Phone, World

PhoneOf = Callable[[str], Phone]


def _code(phone: Phone) -> str:
    found = re.search(r"验证码是(\d{6})", phone.last("sms"))
    assert found, phone.last("sms")
    return found[1]


def _bind(zhang: Phone, number: str = "138 0000 0004") -> None:
    zhang.taps("bind_phone")
    zhang.says(number)
    zhang.says(_code(zhang))


def test_a_code_sent_by_sms_binds_the_number(phone: PhoneOf) -> None:
    zhang = phone("小张")
    assert "请把您的手机号发给我" in zhang.says("绑定")["reply"]["text"]
    answer = zhang.says("１３８-0000-0004")
    assert "138****0004" in answer["reply"]["text"]
    assert "绑定好了" in zhang.says(_code(zhang))["reply"]["text"]
    by_wechat = zhang.taps("balance")["reply"]["text"]
    zhang.texts("JF")
    assert "260积分" in by_wechat
    assert "260积分" in zhang.last("sms")


def test_what_was_gathered_before_binding_moves_along_once(
    phone: PhoneOf, world: World, clock: MovableClock
) -> None:
    store = world.circle.store
    with store.begin() as tx:
        who = subscribers.find(tx, "wechat", "o_xiaozhang")
        assert who is not None
        points.issue(
            tx, who, kind="promotional", points=40, expires_on=date(2099, 1, 1),
            cause=points.Cause("gift-1", "campaign", "wechat", "test"), now=clock(),
        )  # fmt: skip
        clubs.join(tx, who, "sports", origin="import", now=clock())
        number = subscribers.lock(tx, "sms", "+8613800000004", clock())
        clubs.join(tx, number, "sports", origin="import", now=clock())
    _bind(phone("小张"))
    assert "300积分" in phone("小张").taps("balance")["reply"]["text"]
    held = "SELECT club_code, state FROM memberships WHERE subscriber_id = %s"
    assert world.rows(held, number.id) == [("sports", "active")]
    assert world.rows(held, who.id) == [("sports", "moved")]
    assert world.rows("SELECT sum(balance) FROM points_accounts") == [(0,)]
    assert world.rows("SELECT status, merged_into FROM subscribers WHERE id = %s", who.id) == [
        ("merged", number.id)
    ]


@pytest.mark.slow
def test_a_scan_without_a_number_binds_first_and_then_goes_on(phone: PhoneOf, boss: Boss) -> None:
    zhang = phone("小张")
    answer = zhang.scans("cinema-01")
    assert "我们先来绑定" in answer["reply"]["text"]
    zhang.says("13800000004")
    answer = zhang.says(_code(zhang))
    assert "绑定好了" in answer["reply"]["text"]
    assert "请您看一下手机138****0004的短信" in answer["reply"]["text"]
    zhang.texts("是")
    boss.answers()
    assert "欢迎加入电影俱乐部" in zhang.last("sms")


def test_five_wrong_codes_end_it(phone: PhoneOf, world: World) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    zhang.says("13800000004")
    right = _code(zhang)
    wrong = "000000" if right != "000000" else "111111"
    for left in (4, 3, 2, 1):
        assert f"还可以试{left}次" in zhang.says(wrong)["reply"]["text"]
    assert "错了太多次" in zhang.says(wrong)["reply"]["text"]
    zhang.says(right)
    assert world.rows("SELECT count(*) FROM subscribers WHERE status = 'merged'") == [(0,)]


def test_what_is_no_code_costs_no_guess(phone: PhoneOf) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    zhang.says("13800000004")
    for _ in range(6):
        assert "6位数字" in zhang.says("好啊")["reply"]["text"]
    assert "绑定好了" in zhang.says(_code(zhang))["reply"]["text"]


@pytest.mark.slow
def test_a_code_is_good_for_ten_minutes(phone: PhoneOf, world: World, clock: MovableClock) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    zhang.says("13800000004")
    code = _code(zhang)
    clock.advance(minutes=11)
    world.tick()
    assert "没有办成" in zhang.last("wechat")
    zhang.says(code)
    assert world.rows("SELECT count(*) FROM subscribers WHERE status = 'merged'") == [(0,)]


@pytest.mark.slow
def test_codes_cannot_be_asked_for_too_often(phone: PhoneOf) -> None:
    zhang = phone("小张")
    for _ in range(3):
        zhang.says("绑定")
        zhang.says("13800000004")
    zhang.says("绑定")
    assert "分钟再试" in zhang.says("13800000004")["reply"]["text"]


def test_a_bad_number_is_asked_for_again_and_no_ends_it(phone: PhoneOf) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    assert "好像不对" in zhang.says("12345")["reply"]["text"]
    assert "不绑定" in zhang.says("否")["reply"]["text"]


def test_rebinding_moves_the_link_and_leaves_the_old_account_its_points(
    phone: PhoneOf, world: World
) -> None:
    li = phone("李雷")
    li.says("绑定")
    li.says("是")
    li.says("13800000003")
    wang = phone("王大爷")
    li.says(_code(wang))
    assert "455积分" in li.taps("balance")["reply"]["text"]
    li.texts("JF")
    assert "1580积分" in li.last("sms")


def test_a_code_that_was_meant_for_somebody_else_does_not_bind(phone: PhoneOf) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    zhang.says("13800000004")
    code = _code(zhang)
    han = phone("韩梅梅")
    han.says("绑定")
    han.says("是")
    han.says("13800000003")
    assert "验证码不对" in han.says(code)["reply"]["text"]


def test_unfollowing_removes_the_link_and_binding_again_restores_it(
    phone: PhoneOf, world: World
) -> None:
    li = phone("李雷")
    li.unfollows()
    assert world.rows("SELECT count(*) FROM subscriber_addresses WHERE address = 'o_lilei'") == [
        (0,)
    ]
    li.follows()
    assert "请先回复“绑定”" in li.last("wechat")
    _bind(li, "13800000001")
    assert "1580积分" in li.taps("balance")["reply"]["text"]


def test_binding_does_not_inherit_a_question_asked_of_the_number(
    phone: PhoneOf, boss: Boss
) -> None:
    zhang = phone("小张")
    zhang.texts("JR车友")
    _bind(zhang)
    assert "过了时间" in zhang.says("好的")["reply"]["text"]
    assert boss.orders() == []


def test_a_code_is_not_kept_once_it_is_sent(phone: PhoneOf, world: World) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    zhang.says("13800000004")
    code = _code(zhang)
    assert world.rows("SELECT count(*) FROM outbox WHERE payload::text LIKE %s", f"%{code}%") == [
        (0,)
    ]


def test_numbers_of_other_countries_get_no_code(phone: PhoneOf) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    assert "好像不对" in zhang.says("+881612345678")["reply"]["text"]
    assert "好像不对" in zhang.says("+12025550123")["reply"]["text"]


def test_following_anew_brings_no_more_codes(world: World, phone: PhoneOf) -> None:
    zhang = phone("小张")
    for last in range(3):
        zhang.says("绑定")
        assert "验证码已经用短信发到" in zhang.says(f"1391234500{last}")["reply"]["text"]
    zhang.unfollows()
    zhang.follows()
    zhang.says("绑定")
    assert "太勤了" in zhang.says("13912345009")["reply"]["text"]
    assert world.rows("SELECT count(*) FROM bind_codes") == [(3,)]
    world.clock.advance(hours=1)
    zhang.says("绑定")
    assert "验证码已经用短信发到" in zhang.says("13912345009")["reply"]["text"]
