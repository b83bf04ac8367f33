"""The H5 pages in Chromium: on a phone, on a desk, without scripts, for axe."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.conftest import Boss, Phone
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link, link_in

pytestmark = pytest.mark.browser
PhoneOf = Callable[[str], Phone]


@pytest.mark.parametrize("width", [375, 1300])
def test_pages_fit_the_screen_and_satisfy_axe(
    site: str, phone: PhoneOf, boss: Boss, new_page: NewPage, width: int
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.texts("是")
    boss.answers()
    page = new_page(width=width)
    page.goto(link_in(li.last("sms")))
    assert violations(page) == []
    page.get_by_role("button", name="打开").click()
    expect(page.get_by_role("heading", name="电影俱乐部")).to_be_visible()
    for path in ("/clubs/film", "/clubs/car", "/me", "/clubs/nope", "/l/aaaaaaaaaa"):
        page.goto(site + path)
        assert (path, violations(page), overflow(page)) == (path, [], 0)


def test_letters_are_large_and_buttons_easy_to_hit(
    site: str, phone: PhoneOf, new_page: NewPage
) -> None:
    page = new_page(width=375)
    page.goto(fresh_link(phone("王大爷")))
    button = page.get_by_role("button", name="打开")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 48
    assert box["width"] >= 200
    with page.expect_navigation(wait_until="load"):  # with its stylesheet
        button.click()
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('main *')]"
        ".filter(e => e.innerText && !e.children.length)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert smallest >= 16


def test_without_scripts_and_with_the_keyboard_alone_one_gets_in_and_out(
    site: str, phone: PhoneOf, new_page: NewPage
) -> None:
    page = new_page(width=375, scripts=False)
    page.goto(fresh_link(phone("李雷")))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="我的账户")).to_be_visible()
    page.get_by_role("button", name="退出账户").press("Enter")
    expect(page.get_by_role("heading", name="已经退出")).to_be_visible()


def test_in_wechat_the_account_opens_by_itself(site: str, new_page: NewPage) -> None:
    page = new_page(width=375)
    page.set_extra_http_headers({"User-Agent": "Mozilla/5.0 MicroMessenger/8.0.50"})
    page.goto(f"{site}/me")
    # The emulated WeChat cannot know whose phone this is, and asks.
    page.get_by_role("link", name="韩梅梅").click()
    expect(page.get_by_text("138****0002")).to_be_visible()
