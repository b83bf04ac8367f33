"""What others answer, digits that belong elsewhere, one's own number, and leaving for good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Phone, World
from tests.dialogs.activities import join_club

PhoneOf = Callable[[str], Phone]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("话费", "话费在和生活圈查不了：请拨打10086"),
        ("我的流量", "流量、套餐和宽带在和生活圈查不了"),
        ("没收到券", "换到的券都在“我的券”里"),
        ("收不到验证码", "请在微信里回复“绑定”重新开始"),
        ("我的积分怎么少了", "回复“明细”就能看"),
        ("怎么用", "积分"),
    ],
)
def test_what_people_ask_has_an_answer(phone: PhoneOf, words: str, answer: str) -> None:
    assert answer in phone("李雷").says(words)["reply"]["text"]
    wang = phone("王大爷")
    wang.texts(words)
    assert answer in wang.last("sms")


def test_who_is_with_a_person_of_ours_asks_them(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.says("人工")
    assert "已经转给客服" in li.says("没收到券")["reply"]["text"]
    assert world.rows("SELECT words FROM handover_messages") == [("没收到券",)]


def test_ones_own_number_is_told_masked(phone: PhoneOf) -> None:
    assert "您的手机号是138****0001，微信" in phone("李雷").says("我的号码")["reply"]["text"]
    wang = phone("王大爷")
    wang.texts("本机号码")
    assert "138****0003，还没有绑定微信" in wang.last("sms")
    assert "还没有绑定手机号" in phone("小张").says("我的手机号")["reply"]["text"]


def test_who_wants_to_be_deleted_is_asked_first_and_waits_for_two_people_of_ours(
    world: World, phone: PhoneOf
) -> None:
    li = phone("李雷")
    assert "1580积分清零，会籍退出" in li.says("注销")["reply"]["text"]
    assert "您的账户照旧" in li.says("否")["reply"]["text"]
    assert world.rows("SELECT count(*) FROM feedback") == [(0,)]
    li.texts("删除我的信息")
    assert "要注销请回复“是”" in li.last("sms")
    li.texts("是")
    assert "您的注销申请编号FK20001" in li.last("sms")
    kept = "SELECT words, state FROM feedback"
    assert world.rows(kept) == [("本人要求注销账户、删除个人信息。", "received")]
    li.texts("销户")
    li.texts("是")  # the same wish: no second one
    assert "编号FK20001" in li.last("sms")
    assert len(world.rows(kept)) == 1
    assert "1580积分" in li.says("积分")["reply"]["text"]  # as before, until it is done


def test_a_code_said_where_it_does_not_belong_is_told_where_to(phone: PhoneOf) -> None:
    wang = phone("王大爷")
    wang.texts("帮助")  # six choices: a code is none of them
    wang.texts("482913")
    assert "请在微信里输入，不用发短信" in wang.last("sms")
    assert "请回复“绑定”重新开始" in phone("李雷").says("482913")["reply"]["text"]


def test_a_friends_code_alone_is_known_by_its_shape(world: World, phone: PhoneOf) -> None:
    join_club(world, phone("李雷").msisdn, "film")
    phone("李雷").says("邀请")
    ((number,),) = world.rows("SELECT number FROM invitation_codes")
    wang = phone("王大爷")
    wang.texts(str(number))
    assert any("138****0001邀请您加入电影俱乐部" in said for said in wang.heard("sms"))
    wang.texts("否")
    wang.texts(str(number - 1))
    assert "没看懂" in wang.last("sms")
    wang.texts(f"邀请码{number}")
    assert "加入电影俱乐部" in wang.last("sms") or "电影俱乐部" in wang.heard("sms")[-2]
