"""Outbox, operations and charts in Chromium: a bad day, put right; both sizes, with axe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from playwright.sync_api import Page, expect

from integrations.live_numbers import whole_hour
from models import figures
from models.operators import sessions
from tests.conftest import Phone, World
from tests.models import operators
from tests.pages.conftest import NewPage, overflow, violations

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PhoneOf = Callable[[str], Phone]


@pytest.fixture
def environment() -> dict[str, str]:
    return {"CIRCLE_CONSOLE__DEAD_LETTERS_MOST": "0", "CIRCLE_BREAKERS__FAILURES": "2"}


def _looked_at(page: Page) -> None:
    for width in (375, 1300):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, f"{page.url} at {width}"
        assert violations(page) == [], f"{page.url} at {width}"


@pytest.fixture
def page(world: World, new_page: NewPage) -> Page:
    """An administrator's browser; the clock has just been heard of."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = operators.operator(tx, "administrator", now=now)
        token = sessions.create(
            tx, who.id, limits=sessions.Limits(), address="192.0.2.7", browser="t", now=now,
            code_passed=True,
        )  # fmt: skip
    made = new_page()
    made.context.add_cookies([{"name": "circle_console", "value": token, "url": world.url}])
    return made


def test_a_bad_day_is_seen_and_put_right(world: World, page: Page, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    world.fault("boss.api", "error", path="services/open", status=401)
    world.fault("twilio.api", "error", times=0, status=503)
    li.says("是")
    for _ in range(world.circle.settings.breakers.failures):
        phone("王大爷").texts("JF")
        world.clock.advance(seconds=5)
        world.work()
    world.circle.clock.tick()
    world.circle.numbers.flush()
    world.clock.advance(seconds=10)

    page.goto(f"{world.url}/console/operations")
    expect(page.get_by_text("现在发不到：短信网关 Twilio")).to_be_visible()
    _looked_at(page)
    page.get_by_role("link", name="短信网关 Twilio").click()
    _looked_at(page)
    page.get_by_role("link", name="去处理").click()
    _looked_at(page)
    page.get_by_role("link", name="全部重试…").click()
    expect(page.get_by_role("heading", name="重试 1 条？")).to_be_visible()
    _looked_at(page)
    world.control("DELETE", "/faults")
    page.get_by_role("button", name="重试这 1 条").click()
    expect(page.get_by_text("已放回队列：1 条。")).to_be_visible()
    world.work()
    ((row, state),) = world.rows("SELECT id, state FROM outbox WHERE kind = 'call' ORDER BY id")
    assert state == "accepted"
    page.goto(f"{world.url}/console/outbox/{row}")
    expect(page.get_by_text("已受理，等结果")).to_be_visible()
    _looked_at(page)


def test_charts_are_drawn_and_told(world: World, page: Page, new_page: NewPage) -> None:
    hour = whole_hour(world.clock())
    with world.circle.store.begin() as tx:
        figures.keep_hour(tx, hour, {"in:wechat": 1200, "in:sms": 34, "sent:sms": 40})
    page.goto(f"{world.url}/console/charts?days=7")
    picture = page.locator('[data-chart*="messages"]')
    expect(picture.locator("svg")).to_be_visible()
    assert "收到的消息" in (picture.get_attribute("aria-label") or "")
    _looked_at(page)
    plain = new_page(scripts=False)
    plain.context.add_cookies(cast("Any", page.context.cookies()))
    plain.goto(f"{world.url}/console/charts?days=7")
    expect(plain.get_by_role("cell", name="1,200").first).to_be_visible()
