"""Leaving and coming back, help, and what nobody understands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Boss, Phone, World

PhoneOf = Callable[[str], Phone]


@pytest.mark.parametrize("word", ["TD", "退订", "t", "我要退订", "ＴＤ。"])
def test_every_spelling_of_leaving_ends_the_question_too(
    phone: PhoneOf, boss: Boss, world: World, word: str
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts(word)
    assert "不再给您发通知" in li.last("sms")
    li.texts("是")
    assert boss.orders() == []
    assert world.rows("SELECT subject, granted FROM consents ORDER BY id DESC LIMIT 1") == [
        ("messages", "no")
    ]


def test_leaving_twice_and_coming_back(phone: PhoneOf) -> None:
    wang = phone("王大爷")
    wang.texts("TD")
    wang.texts("TD")
    assert "之前已经停收" in wang.last("sms")
    wang.texts("JF")
    assert "455积分" in wang.last("sms")
    wang.texts("恢复")
    assert "已为您恢复" in wang.last("sms")


def test_help_says_where_somebody_stands_and_leaves_the_question_open(
    phone: PhoneOf, boss: Boss
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("帮助")
    assert "现在正等您回答：中国移动邀您加入电影俱乐部" in li.last("sms")
    li.texts("是")
    boss.answers()
    assert "您是电影俱乐部的会员" in li.says("帮助")["reply"]["text"]


def test_what_nobody_understands_gets_a_way_out(phone: PhoneOf) -> None:
    assert "没看懂" in phone("李雷").says("今天天气真好")["reply"]["text"]
    assert "打字告诉我" in phone("李雷").sends("image")["reply"]["text"]


def test_a_menu_key_nobody_knows_any_more_is_told_so(phone: PhoneOf) -> None:
    assert "已经停用" in phone("李雷").taps("no_such_dialog")["reply"]["text"]
