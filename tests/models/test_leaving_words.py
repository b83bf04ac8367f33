"""What says how to leave, and what only looks like it."""

from __future__ import annotations

import pytest

from models.leaving_words import EXAMPLE, WORDS, says_how_to_leave
from sms import replies


@pytest.mark.parametrize(
    "text",
    [
        "【和生活圈】周末电影半价，回复TD退订",
        "周末电影半价。退订回T",
        "周末电影半价，回T退订",
        "周末电影半价 回 T 退订",
        "周末电影半价。ＴＤ退订",
        "周末电影半价，拒收请回复“退订”。",
        "周末电影半价。回复退订即可不再接收",
        "周末电影半价，退订请发送TD至10086",
        "周末电影半價，退訂請回覆TD",
        "您的朋友请您加入电影俱乐部。想了解请回复“是”，不想再收到请回复TD。不回复就不办理。",
        "Half price on Saturday. Reply STOP to opt out.",
        "Half price on Saturday. Text STOP to unsubscribe",
        "Half price: reply TD to stop receiving these.",
        EXAMPLE,
    ],
)
def test_a_text_that_says_how_to_leave_is_seen_to(text: str) -> None:
    assert says_how_to_leave(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "周末电影半价",
        "拒收请回复R",  # which leaves nothing here
        "退订回N，更多优惠回Y",
        "周末买电影票送T恤，回复T恤领取",
        "回复TD参加抽奖",  # leaves, and does not say so
        "回复TDK查询",
        "回复退订单号查询进度",
        "本短信无法退订，回复TD无效",
        "请勿回复TD，退订请到营业厅办理",
        "回复取消退订",
        "回复恢复重新接收",
        "退订请拨打10086",
        "Do not reply STOP to unsubscribe",
        "The show never stops. Reply YES",
        "退订的人很多。回复T领奖",  # what for stands in another sentence
    ],
)
def test_what_only_looks_like_it_is_not_taken(text: str) -> None:
    assert not says_how_to_leave(text)


@pytest.mark.parametrize("word", WORDS)
def test_what_a_text_may_tell_people_to_answer_does_leave(word: str) -> None:
    assert replies.read(word).is_opt_out
