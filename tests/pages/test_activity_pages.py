"""Activities in Chromium, on a phone: found, signed up for, given up; and tasks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
from tests.dialogs.activities import noon, only, plan
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PhoneOf = Callable[[str], Phone]
SHOTS = os.environ.get("CIRCLE_SHOTS")  # a folder, to look at the pages oneself


def look(page: Page, name: str) -> None:
    """The page as it is fits, and satisfies axe."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    assert (name, violations(page), overflow(page)) == (name, [], 0)


def test_an_activity_is_found_signed_up_for_and_given_up(
    site: str, world: World, phone: PhoneOf, new_page: NewPage
) -> None:
    about = "一起看《大河之上》，看完和影评人聊一聊，送爆米花。"
    full, _ = only(
        world, plan(noon(world, 3), capacity=1, about=about),
        plan(noon(world, 4), title="社区健康讲座", club="film", place="定王台社区活动室二楼"),
    )  # fmt: skip
    wang = phone("王大爷")
    page = new_page(width=375)
    page.goto(f"{site}/activities")
    look(page, "activities")
    page.goto(fresh_link(phone("李雷")))
    page.get_by_role("button", name="打开").click()
    page.get_by_role("link", name="我的活动").click()
    page.get_by_role("link", name="看看有什么活动").click()
    page.get_by_role("link", name="周末观影会").click()
    look(page, "activity")
    wang.texts(f"活动{full}")
    wang.texts("是")
    page.get_by_role("button", name="我要报名").click()
    expect(page.get_by_role("alert")).to_contain_text("名额刚刚满了")
    look(page, "activity-full")
    page.get_by_role("button", name="我要候补").click()
    expect(page.get_by_text("您在候补")).to_be_visible()
    look(page, "activity-waiting")
    page.goto(f"{site}/me/activities")
    look(page, "my-activities")
    page.get_by_role("link", name="周末观影会").click()
    page.get_by_role("link", name="不等了，取消候补").click()
    look(page, "activity-leave")
    page.get_by_role("button", name="确认取消").click()
    expect(page.get_by_role("button", name="我要候补")).to_be_visible()
    page.goto(f"{site}/me/tasks")
    look(page, "tasks")
