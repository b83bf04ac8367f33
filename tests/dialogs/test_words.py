"""Free text: what is near to a word opens, is asked about, or leads to a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import MovableClock, Phone, World

PhoneOf = Callable[[str], Phone]


@pytest.mark.parametrize("said", ["我想查一下积分", "jifen", "机分", "jifne", "请问还剩多少分"])
def test_what_is_near_to_one_word_that_only_reads_opens_it(phone: PhoneOf, said: str) -> None:
    assert "1580积分" in phone("李雷").says(said)["reply"]["text"]


def test_by_sms_too(phone: PhoneOf) -> None:
    wang = phone("王大爷")
    wang.texts("请问我还有多少积分呢？")
    assert "您有455积分" in wang.last("sms")


def test_what_changes_something_is_asked_about_and_opened_by_the_answer(phone: PhoneOf) -> None:
    li, wang = phone("李雷"), phone("王大爷")
    assert "您是不是想说“兑换1001”" in li.says("兑焕1001")["reply"]["text"]
    assert "半价电影票" in li.says("1")["reply"]["text"]
    wang.texts("tuijuan")
    assert "您是不是想说“退券”" in wang.last("sms")
    wang.texts("是")
    assert "您现在没有" in wang.last("sms")


def test_the_digit_that_chose_is_no_yes_to_what_it_costs(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    li.says("兑焕1011")
    assert "要用：400积分" in li.says("1")["reply"]["text"]
    assert "请回复“是”" in li.says("1")["reply"]["text"]  # perhaps sent twice
    assert world.rows("SELECT count(*) FROM vouchers") == [(0,)]
    assert "换好了" in li.says("是")["reply"]["text"]
    assert world.rows("SELECT count(*) FROM vouchers") == [(1,)]


def test_several_words_are_numbered(phone: PhoneOf, world: World) -> None:
    wang = phone("王大爷")
    wang.texts("积分和兑换有啥用")
    assert "1 积分，2 兑换" in wang.last("sms")
    wang.texts("3")
    assert "1 积分，2 兑换" in wang.last("sms")
    wang.texts("1")
    assert "您有455积分" in wang.last("sms")
    wang.texts("积分和兑换有啥用")
    wang.texts("0")
    assert "没有为您办理" in wang.last("sms")
    assert world.rows("SELECT DISTINCT met FROM inbox WHERE met IS NOT NULL") == [("asked",)]


def test_another_word_needs_no_answer_first(phone: PhoneOf) -> None:
    li = phone("李雷")
    li.says("兑焕1001")
    assert "1580积分" in li.says("jifen")["reply"]["text"]
    assert "半价电影票" in li.says("1")["reply"]["text"]  # still asked
    li.says("否")
    assert "“退券”" in li.says("退卷")["reply"]["text"]
    assert "“抽奖”" in li.says("choujiang")["reply"]["text"]  # asked instead


def test_an_open_question_is_not_lost_by_a_guess(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    assert "同意" in li.says("兑换1001")["reply"]["text"]
    assert "1580积分" in li.says("我想查积分")["reply"]["text"]
    assert "没看懂" in li.says("退卷")["reply"]["text"]
    assert "“退券”？是的话，请直接回复" in li.says("退卷")["reply"]["text"]
    asking = "SELECT dialog FROM conversations WHERE state = 'asking'"
    assert world.rows(asking) in ([("redeem",)], [("join_club",)])


def test_the_third_message_that_is_not_understood_offers_a_person(
    phone: PhoneOf, clock: MovableClock, world: World
) -> None:
    li = phone("李雷")
    assert "没看懂" in li.says("今天天气真好")["reply"]["text"]
    clock.advance(minutes=11)  # that one is forgotten
    assert "10086" not in li.says("吃饭没有啊")["reply"]["text"]
    assert "10086" not in li.says("下雨咯")["reply"]["text"]
    assert "要请客服人员帮您吗" in li.says("天黑咯")["reply"]["text"]
    assert "没看懂" in li.says("睡觉咯")["reply"]["text"]  # and it counts anew
    met = [row[0] for row in world.rows("SELECT met FROM inbox ORDER BY received_at")]
    assert met == ["not_understood"] * 3 + ["offered", "not_understood"]


def test_politeness_is_met_with_politeness(phone: PhoneOf, world: World) -> None:
    li = phone("李雷")
    assert "不客气" in li.says("谢谢！")["reply"]["text"]
    assert "积分" in li.says("你好")["reply"]["text"]
    assert "您的表情收到了" in li.says("[微笑][强]")["reply"]["text"]
    assert "您的表情收到了" in li.says("【收到不支持的消息类型，暂无法显示】")["reply"]["text"]
    assert world.rows("SELECT count(*) FROM inbox WHERE met IS NOT NULL") == [(0,)]
