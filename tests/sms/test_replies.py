"""Real-life replies and what each must be read as."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sms import replies

SAYS_YES = """
是|是的|是。| 是。|“是”|「是」|"是"|'是'|是!!!|是！！！|是~|是～|是…|...是|(是)|（是）
【是】|是是是|是 |　是　|\t是|是\u200b|\ufeff是|\u200f是\u200e|是\u00a0|系|係|是啊|是呀|Y
y|Ｙ|ｙ|Y.|y。|Yes|YES!|yes please|yep|ok|OK|Ok.|ｏｋ|[OK]|/:ok|okay|o k|好|好的|好 的
好滴|好哒|好啊|好吧|好嘞|好好好|好的。|好的~~|好的，谢谢|好的谢谢|好，谢谢你！|好的🙏
好的😊|好👌|👌|👌👌|👍|👍🏽|✅|✔️|🆗|🙆‍♂️|对|对的|行|行。|行吧|可以|可以的|可以！|同意
我同意|同意加入|確認|確認。|确认|确定|我確定|願意|參加|開通|我要開通|沒問題|没问题|嗯|嗯嗯
恩|要|我要|需要|愿意|加入|我要加入|参加|开通|当然可以|shi|haode|tongyi|回复是|是同意|#是#
*是*
"""
SAYS_NO = """
否|否。|“否”|不|不。|不！|不是|不是的|不要|不要！|我不要|不用|不用了|不用谢谢|不，谢谢
不了谢谢|不需要|不同意|我不同意|不好|不行|不可以|不對|不願意|不愿意|不参加|不參加|不加入
没兴趣|沒興趣|不感兴趣|拒绝|拒絕|取消|算了|算了吧|下次吧|再说|以后再说|暂时不用|别|N|n|Ｎ
n.|No|NO!|no thanks|No, thank you|nope|👎|👎🏿|❌|🙅|🙅‍♀️|bu|buyao|不 是|不 要|没有
"""
SAYS_OPT_OUT = """
TD|td|Td|ＴＤ|ｔｄ|T D|TD。|“TD”|td!|T|t|Ｔ|T.|退|退订|退訂|退订。|退定|我要退订|请退订
退订谢谢|退订短信|回复TD|STOP|Stop|stop.|ＳＴＯＰ|stopall|Unsubscribe|CANCEL|END|QUIT
opt out|取消订阅|拒收|停止|别发了|不要再发了|不要再發了|tuiding|🛑
"""
SAYS_OPT_IN = "恢复|恢復|恢复。|恢复短信|START|start|Ｓｔａｒｔ|UNSTOP|重新订阅|取消退订|我要订阅"
SAYS_NOTHING = """
是吗|是吗?|是吗？|是？|是?|Y?|好?|好？|1?|不？|退订?|退订吗|退订吗？|怎么退订|不退订
别退订|不要退订|是不是|是不是？|好不好|要不要|行不行|可不可以|可以吗|同意吗|同不同意|1元
1块|1.5|0.5|.5|-1|+1|1%|１元|T恤|TD1|TD2|tdd|stop it|不用谢|不客气|收到|知道了|哦|谢谢
謝謝|你好|妳好|您好|在吗|好贵|好像|好友|好看|是谁|是什么|是不|是,不是|是 不是|不是,是|是👎
是😂|不确定|等等|考虑一下|确认什么|嗯?|nok|yesno|yn|y n|oknot|北京|!!!|。|？|...|😂|是的吧
我是李雷|好的但是多少钱|加入什么俱乐部|恢复什么|startup
"""
NUMBERS = {
    "1": 1, "１": 1, "①": 1, "1.": 1, "1、": 1, "(1)": 1, "（1）": 1, "1️⃣": 1, "#1": 1, "1#": 1,
    "0": 0, "2": 2, "10": 10, "１０": 10, " 3 ": 3, "5\u200b": 5, "“4”": 4, "007": 7,
    "一": 1, "二": 2, "两": 2, "十": 10, "零": 0, "〇": 0, "第一": 1, "第二个": 2,
    "选3": 3, "選3": 3,
    "1个": 1, "两个": 2, "500": 500, "1,000": 1000, "1，000": 1000, "12,345,678": 12345678,
    "13800000001": 13800000001, "9" * 18: int("9" * 18),
}  # fmt: skip
NO_NUMBERS = """
1元|1 2|1,2|1,00|1.0|-1|+1|1%|½|2²x|十块|一些|一二|第|选|9999999999999999999|١|1?|TD1|a1
1-2|1/2|二〇二六|1e3|0x1|3个人|
"""


def listed(table: str) -> list[str]:
    return [text for line in table.strip("\n").split("\n") for text in line.split("|")]


def kinds(reply: replies.Reply) -> set[str]:
    found = {
        "yes": reply.is_yes,
        "no": reply.is_no,
        "opt-out": reply.is_opt_out,
        "opt-in": reply.is_opt_in,
    }
    return {kind for kind, said in found.items() if said}


TABLE = [
    *((text, {"yes"}) for text in listed(SAYS_YES)),
    *((text, {"no"}) for text in listed(SAYS_NO)),
    *((text, {"opt-out"}) for text in listed(SAYS_OPT_OUT)),
    *((text, {"opt-in"}) for text in listed(SAYS_OPT_IN)),
    *((text, set[str]()) for text in ["", "  ", *listed(SAYS_NOTHING)]),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_each_reply_is_read_as_a_person_would_read_it(text: str, expected: set[str]) -> None:
    assert kinds(replies.read(text)) == expected


def test_the_table_holds_more_than_120_replies() -> None:
    assert len({text for text, _ in TABLE}) > 300


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_numbers_are_read_in_every_form(text: str, number: int) -> None:
    assert replies.read(text).number == number


@pytest.mark.parametrize("text", listed(NO_NUMBERS))
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert replies.read(text).number is None


def test_1_is_yes_and_0_is_no_and_both_stay_numbers() -> None:
    one, zero, ten = replies.read("１。"), replies.read("0"), replies.read("10")
    assert (one.is_yes, one.number) == (True, 1)
    assert (zero.is_no, zero.number) == (True, 0)
    assert (ten.is_yes, ten.is_no, ten.number) == (False, False, 10)


def test_no_word_stands_in_two_lists_and_every_word_is_found() -> None:
    lists = {
        "yes": replies.YES,
        "no": replies.NO,
        "opt-out": replies.OPT_OUT,
        "opt-in": replies.OPT_IN,
    }
    for one, other in combinations(lists.values(), 2):
        assert one.isdisjoint(other)
    for kind, words in lists.items():
        assert all(kinds(replies.read(word)) == {kind} for word in words)


def test_the_text_is_kept_as_it_was_sent() -> None:
    reply = replies.read(" “確認”。")
    assert (reply.text, reply.normal) == (" “確認”。", "确认")


def test_words_of_a_command_stay_apart() -> None:
    assert replies.normalise("  ＤＨ　13800000001   1234 ") == "dh 13800000001 1234"
    assert replies.normalise("加入 電影") == "加入电影"


@settings(deadline=None, derandomize=True)
@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error_and_means_one_thing_at_most(text: str) -> None:
    reply = replies.read(text)
    assert len(kinds(reply)) <= 1
    assert reply.normal == replies.normalise(text)


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet=".-!?'\"是好1 \u200b，。👌不", max_size=12))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = replies.normalise(text)
    assert replies.normalise(once) == once
