"""Clubs in Chromium: from the list to a member, premium, resting and leaving."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Boss, Phone, World
from tests.dialogs.test_clubs import state
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PhoneOf = Callable[[str], Phone]
SHOTS = os.environ.get("CIRCLE_SHOTS", "")  # a folder, for whoever wants to look


def looks_good(page: Page, name: str, width: int) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}-{width}.png", full_page=True)
    assert (name, violations(page), overflow(page)) == (name, [], 0)


@pytest.mark.parametrize("width", [375, 1300])
def test_from_the_list_to_a_member_to_premium_and_out_again(
    site: str, world: World, phone: PhoneOf, boss: Boss, new_page: NewPage, width: int
) -> None:
    li, page = phone("李雷"), new_page(width=width)
    page.goto(fresh_link(li))
    page.get_by_role("button", name="打开").click()
    page.goto(f"{site}/clubs")
    looks_good(page, "clubs", width)
    page.get_by_role("link", name="电影俱乐部").click()
    looks_good(page, "club-stranger", width)
    page.get_by_role("link", name="加入电影俱乐部").click()
    looks_good(page, "club-join", width)
    page.get_by_role("button", name="同意加入").click()
    expect(page.get_by_text("收到，正在为您开通")).to_be_visible()
    world.work()
    boss.answers()
    page.goto(f"{site}/clubs/film")
    expect(page.get_by_text("您是会员，到")).to_be_visible()
    looks_good(page, "club-member", width)
    page.get_by_role("link", name="用800积分升级").click()
    looks_good(page, "club-premium", width)
    page.get_by_role("button", name="确认，用800积分升级").click()
    expect(page.get_by_text("升级好了")).to_be_visible()
    looks_good(page, "club-is-premium", width)
    page.get_by_role("link", name="暂停会员").click()
    looks_good(page, "club-suspend", width)
    page.get_by_role("link", name="不办了").click()
    page.get_by_role("link", name="退会").click()
    looks_good(page, "club-leave", width)
    page.get_by_role("button", name="确认退会").click()
    expect(page.get_by_text("收到，正在为您退会")).to_be_visible()
    world.work()
    assert state(world) == [("left", "ordinary")]
