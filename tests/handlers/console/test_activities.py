"""Activities at the console: planned, published, edited, called off; the door and its screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

import app as product
import doors
from tests.conftest import MovableClock, Phone, World
from tests.dialogs.activities import noon, only, plan
from tests.handlers.console.conftest import SECURE, Browser, Console

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def console(world: World, clock: MovableClock) -> Iterator[Console]:
    settings = world.circle.settings.model_copy(update={"public_url": SECURE})
    circle = product.Circle(settings, connections=4, now=clock)
    yield Console(doors.flask_app(circle), circle, clock)
    circle.store.close()


def typed(at: datetime, **changes: str) -> dict[str, str]:
    """A form that is filled in well."""

    def written(moment: datetime) -> str:
        return f"{moment:%Y-%m-%dT%H:%M}"

    return {
        "title": "观影会", "about": "一起看电影", "place": "星河影城", "club": "film",
        "starts_at": written(at), "ends_at": written(at + timedelta(hours=2)),
        "closes_at": written(at - timedelta(hours=1)), "capacity": "1",
    } | changes  # fmt: skip


def test_from_a_draft_to_people_and_to_everybody_being_told(
    world: World, console: Console, phone: PhoneOf, clock: MovableClock
) -> None:
    only(world)
    who, start = console.as_("operations"), noon(world, 3)
    answer = who.send("/console/activities/new", **typed(start, club="", place=""))
    assert (answer.status_code, "请写地点" in answer.text) == (400, True)
    answer = who.send("/console/activities/new", **typed(start, club=""))
    path = _path(answer)
    assert "草稿" in who.follow(answer)
    wang = phone("王大爷")
    wang.texts("活动")
    assert "没有可以报名的活动" in wang.last("sms")
    assert "现在可以报名了" in who.follow(who.send(f"{path}/publish", form_from=path))
    wang.texts("活动")
    wang.texts("是")
    assert "报名成功" in wang.last("sms")
    page = who.page(path)
    assert "138****0003" in page
    assert "13800000003" not in page
    # Two places now; another time is told.
    moved = typed(start + timedelta(hours=1), club="", capacity="2")
    who.follow(who.send(f"{path}/edit", **moved))
    _by_day(world, clock)
    who = console.as_("operations")
    assert "改了时间或地点" in wang.last("sms")
    assert "已报名的 1 人和候补的 0 人都会收到消息" in who.page(f"{path}/cancel")
    assert who.send(f"{path}/cancel", why="").status_code == 400
    assert "会告诉报名的 1 个人" in who.follow(who.send(f"{path}/cancel", why="影院停电"))
    _by_day(world, clock)
    assert "影院停电" in wang.last("sms")
    who = console.as_("operations")
    assert who.get(f"{path}/edit").status_code == 404
    actions = console.rows("SELECT action FROM audit_entries WHERE action LIKE 'activities.%%'"
                           " ORDER BY id")  # fmt: skip
    assert [row[0] for row in actions] == [
        "activities.add", "activities.publish", "activities.edit", "activities.cancel",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"starts_at": "morgen"}, "请写日期和时间"),
        ({"starts_at": "2020-01-01T10:00", "closes_at": "2020-01-01T09:00"}, "要在现在以后"),
        ({"ends_at": "2020-01-01T10:00"}, "结束要在开始之后"),
        ({"capacity": "0"}, "请写 1 到 5000 的整数"),
        ({"club": "", "premium_only": "yes"}, "先选俱乐部"),
        ({"club": "nowhere"}, "请从列表里选一个"),
        ({"title": "很" * 31}, "最多 30 个字"),
    ],
)
def test_what_is_typed_wrongly_is_said_and_kept(
    world: World, console: Console, changes: dict[str, str], said: str
) -> None:
    who = console.as_("operations")
    fields = typed(noon(world, 3), **changes)
    answer = who.send("/console/activities/new", **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert "一起看电影" in answer.text


def test_fewer_places_than_are_taken_are_refused(
    world: World, console: Console, phone: PhoneOf
) -> None:
    (number,) = only(world, plan(noon(world, 3), capacity=3))
    for name in ("李雷", "韩梅梅"):
        phone(name).says(f"活动{number}")
        phone(name).says("是")
    who = console.as_("operations")
    fields = typed(noon(world, 3), club="", capacity="1")
    answer = who.send(f"/console/activities/{number}/edit", **fields)
    assert "已经有 2 个人报名" in answer.text


def test_the_screen_at_the_door_changes_and_what_it_shows_lets_people_in(
    world: World, console: Console, phone: PhoneOf, clock: MovableClock
) -> None:
    (number,) = only(world, plan(noon(world, 1)))
    service, path = console.as_("service"), f"/console/activities/{number}"
    assert "开始签到。" in service.page(f"{path}/door")
    clock.advance(seconds=(noon(world, 1) - world.clock()).total_seconds() - 600)
    service = console.as_("service")
    first = service.page(f"{path}/door")
    assert "<svg" in first
    assert _digits(first) == _digits(service.page(f"{path}/door/live"))
    clock.advance(seconds=61)
    second = service.page(f"{path}/door/live")
    assert _digits(first) != _digits(second)
    li = phone("李雷")
    ((scene,),) = console.rows(
        "SELECT 'checkin-' || code FROM activity_doors ORDER BY made_at DESC LIMIT 1"
    )
    assert "签到成功" in li.scans(scene)["reply"]["text"]
    assert "签到" in service.follow(_let_in(service, path, "138 0000 0003"))
    assert "已经签到过了" in _let_in(service, path, "13800000003").text
    assert "这不是手机号" in _let_in(service, path, "12").text
    rows = console.rows("SELECT state, channel FROM activity_signups ORDER BY came_at")
    assert rows == [("came", "wechat"), ("came", "staff")]


def test_a_poster_leads_to_signing_up(world: World, console: Console) -> None:
    (number,) = only(world, plan(noon(world, 3)))
    who, path = console.as_("operations"), f"/console/activities/{number}"
    answer = who.send(f"{path}/code", form_from=path)
    made = who.get(answer.location.removeprefix(SECURE))
    assert (made.mimetype, made.data[:5]) == ("application/pdf", b"%PDF-")
    assert "全部名单" not in who.page(path)


def test_who_signed_up_is_a_list_and_a_file(world: World, console: Console, phone: PhoneOf) -> None:
    (number,) = only(world, plan(noon(world, 3)))
    phone("李雷").says(f"活动{number}")
    phone("李雷").says("是")
    analyst = console.as_("analyst")
    assert "138****0001" in analyst.page(f"/console/activities/people?activity={number}")
    assert "写上活动号" in analyst.page("/console/activities/people")
    assert "周末观影会" in analyst.page("/console/activities?state=published")
    assert "请写活动号" in analyst.get("/console/activities/people?activity=x").text


def _let_in(who: Browser, path: str, number: str) -> Any:
    return who.send(f"{path}/door", form_from=path, msisdn=number)


def _digits(page: str) -> str:
    found = re.search(r"签到 (\d{3} \d{3})", page)
    assert found, page
    return found[1]


def _path(answer: Any) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.location.removeprefix(SECURE))


def _by_day(world: World, clock: MovableClock) -> None:
    clock.advance(seconds=(noon(world, 1) - world.clock()).total_seconds())
    world.tick()
