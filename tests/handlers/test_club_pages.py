"""Clubs on pages: joined, paid for, let rest and left without a chat, once, and as agreed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.conftest import Boss, MovableClock, Phone, World
from tests.dialogs.test_clubs import joins, state
from tests.dialogs.test_premium import spent
from tests.models.conftest import at_once
from tests.pages.visitor import IN_WECHAT, Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
_HIDDEN = re.compile(r'name="(form_key|agreed)" value="([^"]*)"')


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


@pytest.fixture
def visitor(world: World, li: Phone) -> Visitor:
    made = Visitor(world.url)
    made.send(fresh_link(li))
    return made


def form(visitor: Visitor, path: str) -> dict[str, str]:
    return dict(_HIDDEN.findall(visitor.get(path).text))


def does(world: World, visitor: Visitor, path: str) -> str:
    """What the page says after the form of an act was sent, and the workers have run."""
    answer = visitor.post(path, form(visitor, path))
    world.work()
    return str(answer.text)


def test_everybody_sees_the_clubs_and_who_is_known_sees_their_own(
    world: World, visitor: Visitor
) -> None:
    joins(world, "李雷", "film")
    stranger = Visitor(world.url).get("/clubs").text
    assert "电影俱乐部" in stranger
    assert "已加入" not in stranger
    assert "已加入" in visitor.get("/clubs").text
    for path in ("/clubs/nowhere", "/clubs/film/fly", "/clubs/%00", "/clubs/film/renew/x"):
        assert visitor.get(path).status_code == 404, path


def test_a_club_is_joined_from_its_page_after_a_clear_yes(
    world: World, visitor: Visitor, li: Phone, boss: Boss
) -> None:
    asked = visitor.get("/clubs/film/join").text
    assert "中国移动邀您加入电影俱乐部，资费每月5元，从话费里收。" in asked
    page = does(world, visitor, "/clubs/film/join")
    assert "收到，正在为您开通" in page
    assert state(world) == [("opening", "ordinary")]
    assert "正在为您开通" in visitor.get("/clubs/film/join").text
    boss.answers()
    assert "欢迎加入电影俱乐部" in li.last("sms")
    page = visitor.get("/clubs/film").text
    assert "您是会员，到" in page
    assert "半价电影票" in page
    ((subject, question, answer),) = world.rows("SELECT subject, question, answer FROM consents")
    assert subject == "club:film"  # as it is kept of a chat
    assert "资费每月5元" in question
    assert answer == "同意加入"


def test_a_fee_that_has_changed_meanwhile_is_asked_for_anew(
    world: World, visitor: Visitor, boss: Boss
) -> None:
    sent = form(visitor, "/clubs/film/join")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET price_fen = 9900 WHERE code = 'film'")
    answer = visitor.post("/clubs/film/join", sent)
    assert answer.status_code == 409
    assert "刚刚有变化" in answer.text
    assert "资费每月99元" in answer.text
    assert boss.orders() == []
    assert visitor.post("/clubs/film/join", {**sent, "form_key": "x"}).status_code == 403


def test_premium_is_paid_for_once_however_often_the_form_is_sent(
    world: World, visitor: Visitor
) -> None:
    joins(world, "李雷", "film")
    assert "近6个月做任务 <strong>0/5个</strong>" in visitor.get("/clubs/film").text
    asked = visitor.get("/clubs/film/premium").text
    assert "用800积分；您有1580积分，升级以后还剩780积分。" in asked
    sent = form(visitor, "/clubs/film/premium")
    answers = at_once([lambda: visitor.post("/clubs/film/premium", sent)] * 4)
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert (state(world), spent(world)) == ([("active", "premium")], 800)
    assert "您是高级会员，到" in visitor.get("/clubs/film").text
    assert "俱乐部会员服务" in visitor.get("/me/points").text


def test_who_has_too_few_points_is_told_so(world: World, phone: PhoneOf) -> None:
    joins(world, "王大爷", "film")
    visitor = Visitor(world.url)
    visitor.send(fresh_link(phone("王大爷")))
    assert "要800积分，您有455积分" in visitor.get("/clubs/film/premium").text
    assert "不分高级会员" not in visitor.get("/clubs/film").text


def test_resting_resuming_and_leaving(
    world: World, visitor: Visitor, li: Phone, boss: Boss, clock: MovableClock
) -> None:
    joins(world, "李雷", "film")
    assert "正在为您暂停" in does(world, visitor, "/clubs/film/suspend")
    assert "电影俱乐部暂停好了，不再收费" in li.last("sms")
    page = visitor.get("/clubs/film").text
    assert "会籍暂停着" in page
    assert "/clubs/film/resume" in page
    assert "恢复以后资费每月5元" in visitor.get("/clubs/film/resume").text
    does(world, visitor, "/clubs/film/resume")
    boss.answers()
    assert "恢复好了" in li.last("sms")
    assert "退会以后月费停收" in visitor.get("/clubs/film/leave").text
    assert "正在为您退会" in does(world, visitor, "/clubs/film/leave")
    assert "您已退出电影俱乐部" in li.last("sms")
    assert state(world) == [("left", "ordinary")]
    assert "加入电影俱乐部" in visitor.get("/clubs/film").text
    assert "现在不是电影俱乐部的会员" in visitor.get("/clubs/film/leave").text


def test_a_question_that_is_open_in_the_chat_stays_open(
    world: World, visitor: Visitor, li: Phone
) -> None:
    joins(world, "李雷", "film")
    li.texts("加入车友会")
    does(world, visitor, "/clubs/film/suspend")
    li.texts("是")
    assert "正在为您开通车友会" in li.last("sms")


def test_a_membership_is_renewed_in_time_and_a_closed_club_keeps_its_members(
    world: World, visitor: Visitor, clock: MovableClock
) -> None:
    joins(world, "李雷", "gamers")
    assert "起可以续" in visitor.get("/clubs/gamers/renew").text
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE clubs SET is_open = false WHERE code = 'gamers'")
        tx.exec_driver_sql("UPDATE memberships SET ends_on = current_date + 10")
    assert "续会籍" in visitor.get("/clubs/gamers").text
    assert "续好了" in does(world, visitor, "/clubs/gamers/renew")
    assert spent(world) == 50
    assert visitor.get("/clubs/gamers/join").status_code == 404


def test_without_a_number_nothing_is_opened(world: World, phone: PhoneOf) -> None:
    visitor = Visitor(world.url, IN_WECHAT, person="小张")
    page = visitor.get("/clubs/film/join").text
    assert "绑好了，打开页面" in page
