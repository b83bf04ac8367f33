"""A morning at the desk in Chromium: find, read, write, complain; in both sizes, with axe."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from handlers.console.doorkeeper import COOKIE
from models import points, subscribers
from tests.conftest import Phone, World
from tests.models import operators
from tests.pages.conftest import NewPage, overflow, violations

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EVIL = "<img src=x onerror=alert(1)>请打 138 0013 8000"


@pytest.fixture
def li(phone: Callable[[str], Phone], world: World) -> Phone:
    """李雷, who wrote something by WeChat and has spent 300 points."""
    who, now = phone("李雷"), world.clock()
    who.says(EVIL)
    with world.circle.store.begin() as tx:
        person = subscribers.find(tx, "sms", who.msisdn)
        assert person is not None
        cause = points.Cause("spend", "redeem", "sms", "t")
        points.spend(tx, person, points=300, into=points.SPENT, cause=cause, now=now)
    return who


@pytest.fixture
def page(world: World, new_page: NewPage) -> Page:
    """The browser of somebody in customer service, signed in."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = operators.operator(tx, "service", now=now)
        token = operators.signed_in(tx, who, now=now)
    opened = new_page()
    opened.context.add_cookies([{"name": COOKIE, "value": token, "url": world.url}])
    return opened


def _looked_at(page: Page) -> None:
    for width in (375, 1300):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, f"{page.url} at {width}"
        assert violations(page) == [], f"{page.url} at {width}"


def test_a_morning_at_the_desk(world: World, li: Phone, page: Page) -> None:
    page.goto(f"{world.url}/console/subscribers")
    page.keyboard.press("/")
    page.keyboard.type("138 0000 0001")
    page.keyboard.press("Enter")
    expect(page.locator(".hits__name")).to_be_focused()
    _looked_at(page)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("138****0001")
    expect(page.locator(".line")).to_contain_text("<img src=x onerror=alert(1)>请打 138****8000")
    _looked_at(page)

    page.get_by_role("link", name="发消息").click()
    page.locator("#words").press_sequentially("您好" * 5)
    expect(page.locator("#size")).to_contain_text("10 字")
    _looked_at(page)
    page.get_by_role("button", name="发送").click()
    expect(page.get_by_role("status").first).to_contain_text("已交给微信")
    world.work()
    assert li.sees("wechat", "您好" * 5)

    page.get_by_role("link", name="受理投诉").click()
    page.get_by_label("商户").check()
    page.get_by_role("button", name="受理").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    expect(page.get_by_label("商户")).to_be_checked()
    _looked_at(page)
    page.locator("#words").fill("影院不认券")
    page.get_by_role("button", name="受理").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("投诉 TS10001")
    _looked_at(page)
    page.get_by_role("link", name="138****0001").click()

    page.get_by_role("link", name="申请撤销").first.click()
    _looked_at(page)
    page.locator("#reason").fill("券坏了")
    page.get_by_role("button", name="提出申请").click()
    expect(page.locator(".line__one_points").first).to_contain_text("已申请撤销")

    page.get_by_role("link", name="查看完整号码").click()
    _looked_at(page)
    page.locator("#reason").fill("回电")
    page.get_by_role("button", name="查看号码").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("+8613800000001")
    page.goto(page.url.removesuffix("/number"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("138****0001")
