"""Tasks in the chat and by SMS: what can be done, how, for how much; and what becomes of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from handlers import rule_files
from models.earning import publishing
from tests.conftest import Boss, Phone, World

RULES = Path(__file__).parents[2] / "rules"
PhoneOf = Callable[[str], Phone]


@pytest.fixture(autouse=True)
def _worth_points(world: World) -> None:
    """The shipped rules give points for tasks."""
    drafts = [
        rule for rule in rule_files.load(RULES).drafts.values() if rule.code.startswith("task-")
    ]
    now = world.clock()
    world.circle.store.run(
        lambda tx: publishing.publish(tx, drafts, by="tests", note="test", now=now)
    )


def test_what_can_be_done_is_listed_with_how_and_for_how_much(phone: PhoneOf) -> None:
    wang, li = phone("王大爷"), phone("李雷")
    wang.texts("rw")
    assert "还有5个任务" in wang.last("sms")
    assert "· 绑定手机号送20分：在微信里回复“绑定”" in wang.last("sms")
    seen = li.taps("tasks")["reply"]["text"]
    assert "· 本月参加一次活动送30分：回复“活动”报名，到场签到" in seen
    assert "绑定手机号" not in seen  # it is, already
    assert "/me/tasks" in seen


def test_joining_a_club_does_a_task_and_the_points_are_there(
    world: World, phone: PhoneOf, boss: Boss
) -> None:
    wang = phone("王大爷")
    wang.texts("JR电影")
    wang.texts("是")
    boss.answers("opened")
    assert "欢迎加入电影俱乐部！+50积分，已经到账。" in wang.last("sms")
    wang.texts("JF")
    assert "您有505积分" in wang.last("sms")  # 455 before
    wang.texts("任务")
    assert "还有4个任务" in wang.last("sms")
    assert "加入一个俱乐部" not in wang.last("sms")
    found = "SELECT task_code, club_code FROM task_completions"
    assert world.rows(found) == [("first-club", "film")]


def test_points_for_binding_and_for_the_first_redemption_are_told_with_it_and_once(
    world: World, phone: PhoneOf
) -> None:
    zhang = phone("小张")
    zhang.says("绑定")
    zhang.says("13800000003")
    code = re.findall(r"[0-9]{6}", phone("王大爷").last("sms"))[0]
    assert "+20积分，已经到账。" in zhang.says(code)["reply"]["text"]
    for told in (True, False):
        phone("李雷").says("兑换1011")
        said = phone("李雷").says("是")["reply"]["text"]
        assert "换好了" in said
        assert ("第一次兑换，+30积分，已经到账。" in said) is told


def test_looking_changes_nothing_and_leaves_a_question_open(world: World, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.says("活动")
    li.taps("tasks")
    assert "已经" not in li.says("否")["reply"]["text"]
    assert world.rows("SELECT ended_as FROM conversations WHERE dialog = 'activities'") == [
        ("declined",)
    ]
