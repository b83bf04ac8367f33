"""Messages and their settings in Chromium, on a phone and on a screen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
from tests.handlers.test_notice_pages import told
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIRCLE_SHOTS", "")  # a folder, for whoever wants to look


def looks_good(page: Page, name: str, width: int) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
    assert (name, violations(page), overflow(page)) == (name, [], 0)


@pytest.mark.parametrize("width", [375, 1300])
def test_from_the_badge_to_a_message_and_on_to_the_settings(
    site: str, world: World, phone: Callable[[str], Phone], new_page: NewPage, width: int
) -> None:
    li, page = phone("李雷"), new_page(width=width)
    page.goto(fresh_link(li))
    page.get_by_role("button", name="打开").click()
    told(world, li, 3, title="周末亲子影院双人套票（含爆米花）")
    page.goto(f"{site}/me")
    looks_good(page, "me", width)
    page.locator("header").get_by_role("link", name="消息").click()
    looks_good(page, "messages", width)
    page.get_by_role("link", name="转赠和礼物").first.click()
    expect(page.get_by_text("1003")).to_be_visible()
    looks_good(page, "message", width)
    page.get_by_role("link", name="看别的消息").click()
    page.get_by_role("link", name="通知设置").click()
    looks_good(page, "notices", width)
    gifts = page.get_by_role("group", name="转赠和礼物")
    gifts.get_by_label("短信").uncheck()
    page.get_by_role("button", name="保存").click()
    expect(page.get_by_role("status")).to_contain_text("保存好了")
    expect(gifts.get_by_label("短信")).not_to_be_checked()
    expect(gifts.get_by_label("微信")).to_be_checked()
    page.get_by_role("button", name="全部不收").click()
    looks_good(page, "notices-none", width)
    page.get_by_role("button", name="恢复接收通知").click()
    expect(page.get_by_role("button", name="全部不收")).to_be_visible()
