"""Giving points in Chromium, on a phone and wide."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PhoneOf = Callable[[str], Phone]
SHOTS = os.environ.get("CIRCLE_SHOTS", "")  # a folder, for whoever wants to look


def look(page: Page, name: str) -> None:
    """The page as it is fits, and satisfies axe."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    assert (name, violations(page), overflow(page)) == (name, [], 0)


@pytest.mark.parametrize("width", [375, 1300])
def test_points_are_given_from_the_account(
    site: str, world: World, phone: PhoneOf, new_page: NewPage, width: int
) -> None:
    page = new_page(width=width)
    page.goto(fresh_link(phone("李雷")))
    page.get_by_role("button", name="打开").click()
    page.get_by_role("link", name="转赠积分").click()
    look(page, f"gift-{width}")
    page.get_by_label("对方的手机号").fill("13800000002")
    page.get_by_label("转赠多少积分").fill("9999")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_role("alert")).to_contain_text("您的积分不够")
    look(page, f"gift-mistake-{width}")
    page.get_by_label("转赠多少积分").fill("100")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_role("heading", name="要把100积分赠给 138****0002 吗？")).to_be_visible()
    look(page, f"gift-ask-{width}")
    page.get_by_role("button", name="确认赠给 138****0002").click()
    expect(page.get_by_role("status")).to_contain_text("100积分已经转赠给 138****0002")
    look(page, f"gift-given-{width}")
