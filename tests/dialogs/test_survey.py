"""Surveys by chat and SMS: invited once, answered by digits, gone on with later, rewarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from handlers import rule_files
from models.earning import publishing
from models.surveys import definition
from tests.conftest import ROOT, Phone, World
from tests.used import by_day

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


def _publish(world: World, **changes: Any) -> None:
    """The survey of the film club for everybody, and none besides."""
    content = world.rows("SELECT content FROM surveys WHERE code = 'film'")[0][0]
    audience: dict[str, Any] = {
        "clubs": [],
        "level": None,
        "used_within_days": None,
        "share_percent": 100,
    }
    content |= {"audience": audience} | changes
    world.circle.store.run(
        lambda tx: definition.publish(tx, content, author="test", note="test", now=world.clock())
    )


def _answers(world: World) -> list[tuple[object, ...]]:
    return world.rows("SELECT question, number, words FROM survey_answers ORDER BY no")


def test_digits_lead_through_it_by_sms(world: World, wang: Phone) -> None:
    _publish(world)
    wang.texts("问卷")
    assert "电影俱乐部小调查，第1题：您对电影俱乐部满意吗" in wang.last("sms")
    wang.texts("4")
    assert "1每周都看 2每月一两次 3很少看" in wang.last("sms")
    wang.texts("1")
    assert "半价电影票" in wang.last("sms")
    wang.texts("1")
    wang.texts("10")
    assert "没有想说的，回复“否”" in wang.last("sms")
    wang.texts("票再便宜一点")
    assert "答完了" in wang.last("sms")
    assert _answers(world) == [
        ("how", 4, None), ("often", 1, None), ("ticket", 1, None), ("tell", 10, None),
        ("more", None, "票再便宜一点"),
    ]  # fmt: skip
    wang.texts("WJ")
    assert "现在没有要请您填的问卷" in wang.last("sms")


def test_every_question_can_be_tapped_in_wechat_and_an_old_tap_answers_no_other(
    world: World, li: Phone
) -> None:
    _publish(world)
    heard = first = li.says("问卷")["reply"]
    for words in ("5很满意", "1每周都看", "2场次太少", "10", "没有想说的"):
        tap = next(each for each in heard["options"] if each["text"] == words)
        heard = li._does("text", text=words, menu_id=tap["id"])["reply"]
        old = first["options"][0]
        assert "不用再点" in li._does("text", text=old["text"], menu_id=old["id"])["reply"]["text"]
    assert "答完了" in heard["text"]
    assert _answers(world) == [
        ("how", 5, None), ("often", 1, None), ("ticket", 2, None), ("tell", 10, None),
        ("more", None, None),
    ]  # fmt: skip


def test_few_stars_lead_to_why_and_nothing_to_say_is_an_answer(world: World, li: Phone) -> None:
    _publish(world)
    assert "5 很满意" in li.says("问卷")["reply"]["text"]
    assert "哪里让您不满意" in li.says("2")["reply"]["text"]
    assert "最希望俱乐部多办什么" in li.says("否")["reply"]["text"]
    assert "0不愿意" in li.says("3")["reply"]["text"]
    assert "还有什么想对我们说" in li.says("0")["reply"]["text"]
    assert "答完了" in li.says("没有")["reply"]["text"]
    assert _answers(world) == [
        ("how", 2, None), ("why", None, None), ("wish", 3, None), ("tell", 0, None),
        ("more", None, None),
    ]  # fmt: skip


def test_who_stops_goes_on_at_the_same_question_by_another_door(world: World, li: Phone) -> None:
    _publish(world)
    li.says("问卷")
    li.says("5")
    assert "没看懂" in li.says("也许")["reply"]["text"]
    assert "1到3" in li.says("7")["reply"]["text"]
    assert "随时回复“问卷”" in li.says("否")["reply"]["text"]
    assert world.rows("SELECT state, answers FROM survey_responses") == [("stopped", 1)]
    li.texts("wj")
    assert "第2题：您多久看一次电影" in li.last("sms")
    li.texts("3")
    assert "第3题" in li.last("sms")
    assert [row[0] for row in _answers(world)] == ["how", "often"]


def _reward(world: World) -> None:
    """The shipped rule that gives points for a survey."""
    found = rule_files.load(ROOT / "rules").drafts["survey"]
    now = world.clock()
    world.circle.store.run(
        lambda tx: publishing.publish(tx, [found], by="test", note="test", now=now)
    )


def test_answered_to_the_end_it_earns_points_once(world: World, wang: Phone) -> None:
    _publish(world)
    _reward(world)
    for said in ("问卷", "5", "1", "1", "9", "否"):
        wang.texts(said)
    assert "+20积分，已经到账" in wang.last("sms")
    assert world.rows("SELECT event_id FROM earning_events WHERE type = 'survey_answered'") == [
        (f"survey:film:{world.rows('SELECT subscriber_id FROM survey_responses')[0][0]}",)
    ]


def test_who_unfollows_and_comes_back_as_somebody_new_earns_nothing_by_it(
    world: World, phone: PhoneOf
) -> None:
    _publish(world)
    _reward(world)
    zhang = phone("小张")  # follows, and has bound no number
    for time in range(2):
        if time:
            zhang.unfollows()
            zhang.follows()
        for said in ("问卷", "5", "1", "1", "9"):
            zhang.says(said)
        assert "答完了" in zhang.says("否")["reply"]["text"]
    assert world.rows("SELECT count(*) FROM survey_responses WHERE state = 'done'") == [(2,)]
    assert world.rows("SELECT count(*) FROM earning_postings") == [(0,)]


@pytest.mark.night
def test_the_clock_invites_each_once_by_day_and_says_how_to_refuse(
    world: World, wang: Phone, li: Phone, phone: PhoneOf
) -> None:
    by_day(world, hour=2)
    _publish(world, invite_most=100)
    phone("韩梅梅").texts("TD")
    world.tick()
    assert world.rows("SELECT count(*) FROM survey_invitations") == [(0,)]
    by_day(world, hour=10)
    world.tick()
    assert "只有几个小问题" in wang.last("sms")
    assert "“问卷”" in wang.last("sms")
    assert "小问题" not in phone("韩梅梅").last("sms")
    asked = len(wang.heard("sms"))
    world.clock.advance(days=8)
    by_day(world, hour=10)
    world.tick()
    assert len(wang.heard("sms")) == asked
    wang.texts("问卷")
    assert "第1题" in wang.last("sms")


def test_nobody_is_invited_to_two_surveys_in_a_week(world: World, wang: Phone) -> None:
    by_day(world)
    _publish(world, invite_most=100)
    world.tick()
    asked = len(wang.heard("sms"))
    _publish(world, code="again", title="又一个小调查", invite_most=100)
    world.clock.advance(days=1)
    world.tick()
    assert len(wang.heard("sms")) == asked
    world.clock.advance(days=7)
    world.tick()
    assert "又一个小调查" in wang.last("sms")


def test_so_many_are_invited_and_no_more(world: World) -> None:
    by_day(world)
    _publish(world, invite_most=2)
    world.tick()
    world.clock.advance(days=1)
    world.tick()
    assert world.rows("SELECT count(*) FROM survey_invitations") == [(2,)]
