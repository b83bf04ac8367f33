"""Activities at the console in Chromium: planned, published, the door, called off."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import MovableClock, Phone, World
from tests.dialogs.activities import noon, only, plan
from tests.pages.console.conftest import SignedIn, looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIRCLE_SHOTS")


def _look(page: Page, name: str) -> None:
    looked_at(page)
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"console-{name}.png"), full_page=True)


def test_an_activity_is_planned_published_held_and_called_off(
    world: World, phone: Callable[[str], Phone], signed_in: SignedIn, clock: MovableClock
) -> None:
    (today,) = only(world, plan(world.clock() + (noon(world, 3) - noon(world, 2)), title="今晚"))
    for name in ("李雷", "韩梅梅"):
        phone(name).says(f"活动{today}")
        phone(name).says("是")
    page = signed_in("operations", "/console/activities")
    _look(page, "activities")
    page.get_by_role("button", name="安排活动").or_(
        page.get_by_role("link", name="安排活动")
    ).click()
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("alert")).to_contain_text("请写名称")
    _look(page, "activity-form")
    page.get_by_label("名称").fill("车友自驾一日游")
    page.get_by_label("介绍").fill("去靖港古镇，有领队。")
    page.get_by_label("地点").fill("芙蓉广场东门")
    start = noon(world, 5)
    for label, at in (("开始时间", 0), ("结束", 4), ("报名截止", -3)):
        moment = f"{start.replace(hour=12 + at):%Y-%m-%dT%H:%M}"
        page.get_by_label(label, exact=True).fill(moment)
    page.get_by_role("button", name="保存").click()
    page.get_by_role("button", name="发布").click()
    expect(page.get_by_text("已发布，现在可以报名了。")).to_be_visible()
    page.goto(f"{world.url}/console/activities/{today}")
    expect(page.get_by_text("138****0001")).to_be_visible()
    _look(page, "activity")
    page.get_by_role("button", name="取消活动").or_(
        page.get_by_role("link", name="取消活动")
    ).click()
    _look(page, "activity-cancel")
    clock.advance(hours=23)
    page = signed_in("service", f"/console/activities/{today}/door")
    expect(page.get_by_role("img", name="签到二维码")).to_be_visible()
    _look(page, "activity-door")
