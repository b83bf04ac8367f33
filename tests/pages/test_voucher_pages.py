"""Offers and vouchers in Chromium: from the list to the code that a till reads off the screen."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
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
def test_from_the_list_to_a_code_that_is_read_off_the_screen_and_on_to_a_friend(
    site: str, world: World, phone: PhoneOf, new_page: NewPage, width: int
) -> None:
    li, han, page = phone("李雷"), phone("韩梅梅"), new_page(width=width)
    page.goto(f"{site}/offers")
    expect(page.get_by_role("heading", name="积分能换什么")).to_be_visible()
    looks_good(page, "offers-stranger", width)
    page.goto(f"{site}/offers/1010")
    looks_good(page, "offer-stranger", width)
    page.goto(fresh_link(li))
    page.get_by_role("button", name="打开").click()
    page.get_by_role("link", name="看看能换什么").click()
    page.get_by_text("按种类或俱乐部看").click()
    looks_good(page, "offers", width)
    page.get_by_role("link", name="剪发券").click()
    page.get_by_role("link", name="用900积分兑换").click()
    expect(page.get_by_text("换了以后还剩")).to_be_visible()
    looks_good(page, "redeem", width)
    page.get_by_role("button", name="确认，用900积分换").click()
    picture = page.get_by_role("img", name="给店员扫的二维码")
    expect(picture).to_be_visible()
    looks_good(page, "voucher", width)
    ((number, code, short),) = world.rows("SELECT id, code, short_code FROM vouchers")
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.screenshot())))
    assert found.text == f"{site}/v/{code}"
    expect(page.get_by_text(f"{short[:3]} {short[3:6]} {short[6:]}")).to_be_visible()
    page.goto(f"{site}/me/vouchers")
    looks_good(page, "vouchers", width)
    page.goto(f"{site}/me/vouchers/{number}")
    page.get_by_role("link", name="不用了，退回积分").click()
    looks_good(page, "refund", width)
    page.get_by_role("link", name="留着，不退").click()
    page.get_by_role("link", name="送给朋友").click()
    page.get_by_label("朋友的手机号").fill("138")
    page.get_by_role("button", name="下一步").click()
    looks_good(page, "give-mistake", width)
    page.get_by_label("朋友的手机号").fill(han.msisdn)
    page.get_by_role("button", name="下一步").click()
    looks_good(page, "give-ask", width)
    page.get_by_role("button", name="确认送给 138****0002").click()
    expect(page.get_by_text("已经送给 138****0002")).to_be_visible()
    looks_good(page, "given", width)
    page.goto(f"{site}/offers/1001")
    looks_good(page, "offer-members-only", width)
    world.work()
    assert "138****0001送给您一张券" in (han.last("wechat") or han.last("sms"))


def test_it_all_works_without_scripts(site: str, phone: PhoneOf, new_page: NewPage) -> None:
    page = new_page(width=375, scripts=False)
    page.goto(fresh_link(phone("李雷")))
    page.get_by_role("button", name="打开").click()
    page.goto(f"{site}/offers/1011/redeem")
    page.get_by_role("button", name="确认，用400积分换").click()
    page.get_by_role("link", name="不用了，退回积分").click()
    page.get_by_role("button", name="确认退掉").click()
    expect(page.get_by_text("400积分已经退还")).to_be_visible()
