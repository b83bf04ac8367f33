"""Draws in Chromium, on a phone and wide: the egg, its result, the odds, prizes, an address."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
from tests.draws import only
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


@pytest.mark.parametrize("width", [375, 1300])
def test_the_egg_is_smashed_and_a_parcel_gets_its_address(
    site: str, world: World, phone: PhoneOf, new_page: NewPage, width: int
) -> None:
    only(world, {"title": "电热水壶", "kind": "parcel", "release": "daily", "stock": 900})
    page = new_page(width=width)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{site}/draws/egg")
    look(page, f"stranger-{width}")
    page.goto(fresh_link(phone("李雷")))
    page.get_by_role("button", name="打开").click()
    page.get_by_role("link", name="去抽奖").click()
    look(page, f"draws-{width}")
    page.get_by_role("link", name="砸金蛋").click()
    look(page, f"egg-{width}")
    moves = "getComputedStyle(document.querySelector('.egg')).animationName"
    assert page.evaluate(moves) == "none"
    page.get_by_role("button", name="现在抽（免费）").click()
    expect(page.get_by_text("恭喜您抽中电热水壶")).to_be_visible()
    look(page, f"won-{width}")
    page.get_by_role("link", name="填写收货地址").click()
    page.get_by_label("收件人").fill("")
    page.get_by_role("button", name="保存地址").click()
    look(page, f"mistakes-{width}")
    page.get_by_label("收件人").fill("李雷")
    page.get_by_label("详细地址").fill("湖南省长沙市芙蓉区五一大道88号")
    page.get_by_role("button", name="保存地址").click()
    expect(page.get_by_text("地址已经记下")).to_be_visible()
    look(page, f"prize-{width}")
    page.get_by_role("link", name="我的奖品").click()
    look(page, f"prizes-{width}")
    page.goto(f"{site}/draws/egg/odds")
    look(page, f"odds-{width}")


def test_the_egg_moves_where_movement_is_welcome(
    site: str, world: World, phone: PhoneOf, new_page: NewPage
) -> None:
    only(world, {"title": "50积分", "kind": "points", "points": 50})
    page = new_page(width=375)
    page.goto(fresh_link(phone("李雷")))
    page.get_by_role("button", name="打开").click()
    page.goto(f"{site}/draws/egg")
    moves = "getComputedStyle(document.querySelector('.egg')).animationName"
    assert page.evaluate(moves) == "egg-sway"
    page.get_by_role("button", name="现在抽（免费）").click()
    expect(page.get_by_role("status")).to_contain_text("恭喜您抽中50积分")
    assert page.evaluate(moves) == "egg-shake"
    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")
    look(page, "won-moved-375")
