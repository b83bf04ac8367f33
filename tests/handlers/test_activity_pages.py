"""The pages of activities and tasks: signing up, waiting, giving up, one's own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from models.activities import planning
from tests.conftest import Phone, World
from tests.dialogs.activities import join_club, miscounted, noon, only, plan
from tests.pages.visitor import Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
_TERMS = re.compile(r'name="terms" value="([^"]+)"')


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world.url)


@pytest.fixture
def li(visitor: Visitor, phone: PhoneOf) -> Visitor:
    """李雷, signed in."""
    visitor.send(fresh_link(phone("李雷")))
    return visitor


def terms(visitor: Visitor, number: int) -> str:
    found = _TERMS.search(visitor.get(f"/activities/{number}").text)
    assert found
    return found[1]


def test_a_form_signs_up_once_however_often_it_is_sent(world: World, li: Visitor) -> None:
    (number,) = only(world, plan(noon(world, 3), about="送爆米花"))
    page = li.get("/activities").text
    assert "周末观影会" in page
    assert "余3位" in page
    form = {"terms": terms(li, number), "form_key": li.form_key(f"/activities/{number}")}
    for _ in range(2):
        assert "您已经报名" in li.post(f"/activities/{number}", form).text
    assert "已报名" in li.get("/me/activities").text
    assert "取消以后，名额马上让给别人" in li.get(f"/activities/{number}/leave").text
    assert "我要报名" in li.send(f"/activities/{number}/leave").text
    assert "没有报名的活动" in li.get("/me/activities").text
    assert miscounted(world) == []


def test_who_is_not_signed_in_reads_it_and_is_asked_to_sign_in(
    world: World, visitor: Visitor
) -> None:
    (number,) = only(world, plan(noon(world, 3)))
    assert "登录并报名" in visitor.get(f"/activities/{number}").text
    answer = visitor.send(f"/activities/{number}", terms=terms(visitor, number))
    assert "您已经报名" not in answer.text
    assert visitor.get("/activities/999999999999999999999").status_code == 404
    assert visitor.get("/activities/1").status_code == 404


def test_where_places_are_taken_one_waits_only_if_one_says_so(
    world: World, li: Visitor, phone: PhoneOf
) -> None:
    (number,) = only(world, plan(noon(world, 3), capacity=1))
    agreed = terms(li, number)
    phone("王大爷").texts(f"活动{number}")
    phone("王大爷").texts("是")
    page = li.send(f"/activities/{number}", terms=agreed)
    assert (page.status_code, "名额刚刚满了" in page.text) == (409, True)
    assert "我要候补" in page.text
    assert "您在候补" in li.send(f"/activities/{number}", terms=agreed, wait="1").text


def test_another_time_must_be_seen_before(world: World, li: Visitor) -> None:
    (number,) = only(world, plan(noon(world, 3)))
    agreed = terms(li, number)
    world.circle.store.run(
        lambda tx: planning.edit(tx, number, plan(noon(world, 4)), now=world.clock())
    )
    assert "刚刚有变化" in li.send(f"/activities/{number}", terms=agreed).text
    assert world.rows("SELECT count(*) FROM activity_signups") == [(0,)]


def test_what_is_for_members_says_so(world: World, li: Visitor, phone: PhoneOf) -> None:
    (number,) = only(world, plan(noon(world, 3), club="film"))
    page = li.get(f"/activities/{number}").text
    assert "这个活动是给电影俱乐部会员的" in page
    assert "/clubs/film" in page
    join_club(world, phone("李雷").msisdn, "film")
    assert "我要报名" in li.get(f"/activities/{number}").text


def test_tasks_say_what_is_done_and_how(world: World, li: Visitor) -> None:
    page = li.get("/me/tasks").text
    assert "加入一个俱乐部" in page
    assert "每月一次" in page
    assert '<a href="/clubs"><b>加入一个俱乐部</b>：看看有哪些俱乐部</a>' in page
    assert '<a href="/offers"><b>第一次兑换</b>' in page
    assert "/me/tasks" in li.get("/me").text
