"""Feedback and a survey in Chromium: written on a phone, answered at the console, counted."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from emulators.wechat_pictures import drawn
from handlers.console.doorkeeper import COOKIE
from models.surveys import definition
from tests.conftest import Phone, World
from tests.models import operators
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EVIL = "排队太久<img src=x onerror=alert(1)>，打13800138000"
SHOTS = os.environ.get("CIRCLE_TEST_SHOTS")  # a folder, for whoever wants to look


def _looked_at(page: Page, name: str, *widths: int) -> None:
    for width in widths or (375,):
        page.set_viewport_size({"width": width, "height": 812})
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
        assert overflow(page) == 0, f"{page.url} at {width}"
        assert violations(page) == [], f"{page.url} at {width}"


@pytest.fixture
def service(world: World, new_page: NewPage) -> Page:
    now = world.clock()
    with world.circle.store.begin() as tx:
        token = operators.signed_in(tx, operators.operator(tx, "service", now=now), now=now)
    page = new_page()
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": world.url}])
    return page


def test_from_what_somebody_writes_to_our_answer(
    world: World, phone: Callable[[str], Phone], new_page: NewPage, service: Page
) -> None:
    content = world.rows("SELECT content FROM surveys WHERE code = 'film'")[0][0]
    content["audience"] |= {"clubs": [], "share_percent": 100}
    now = world.clock()
    world.circle.store.run(
        lambda tx: definition.publish(tx, content, author="t", note="t", now=now)
    )
    wang = phone("王大爷")
    mine = new_page(width=375)
    mine.goto(fresh_link(wang))
    mine.get_by_role("button").first.click()
    mine.get_by_role("link", name="我的反馈").click()
    _looked_at(mine, "empty")
    mine.get_by_role("link", name="我有话说").click()
    mine.get_by_label("商户", exact=True).check()
    mine.locator("#words").fill(EVIL)
    mine.locator("#pictures").set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": drawn()}
    )
    _looked_at(mine, "new")
    mine.get_by_role("button", name="发给我们").click()
    expect(mine.locator(".shots img")).to_have_count(1)
    _looked_at(mine, "kept")

    service.goto(f"{world.url}/console/feedback")
    _looked_at(service, "console-list", 375, 1300)
    service.get_by_role("link", name="FK20001").click()
    expect(service.locator(".govuk-summary-list")).to_contain_text("138****8000")
    expect(service.locator(".pictures__one")).to_be_visible()
    service.locator("#words").fill("明天起多开一个窗口。")
    _looked_at(service, "console-one", 375, 1300)
    service.get_by_role("button", name="答复用户").click()
    expect(service.locator("h1")).to_contain_text("已答复")
    world.work()
    assert "明天起多开一个窗口" in wang.last("sms")
    mine.reload()
    expect(mine.locator("body")).to_contain_text("明天起多开一个窗口")

    mine.goto(f"{world.url}/me/surveys/film")
    _looked_at(mine, "survey-stars")
    for answer in ("满意", "每周都看", "好用"):
        mine.get_by_label(answer, exact=True).check()
        mine.get_by_role("button", name="下一步").click()
    _looked_at(mine, "survey-score")
    mine.get_by_label("10", exact=True).check()
    mine.get_by_role("button", name="下一步").click()
    mine.locator("#words").fill("多放老片子")
    mine.get_by_role("button", name="下一步").click()
    expect(mine.locator(".note")).to_contain_text("答完了")
    _looked_at(mine, "survey-done")
    for path, name in (("surveys", "console-surveys"), ("surveys/live/film", "console-survey"),
                       ("feedback/answered", "console-answered")):  # fmt: skip
        service.goto(f"{world.url}/console/{path}")
        _looked_at(service, name, 375, 1300)
