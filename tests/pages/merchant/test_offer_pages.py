"""An offer's way in Chromium: uploaded, edited, confirmed, approved, and seen by a subscriber."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import xlsxwriter
from playwright.sync_api import Page, expect

from handlers.merchant.frame import ENTRANCE
from handlers.offer_terms import FIELDS
from tests.conftest import Phone, World
from tests.models import merchants
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.console.conftest import SignedIn, signed_in

__all__ = ["signed_in"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _owner(world: World, new_page: NewPage, path: str, *, scripts: bool = True) -> Page:
    """The owner of the barber's, signed in on a phone."""
    with world.circle.store.begin() as tx:
        who = merchants.person(tx, "merchant_owner", now=world.clock(), vault=world.circle.vault)
        token = merchants.signed_in(tx, who, now=world.clock())
    page = new_page(width=375, scripts=scripts)
    page.context.add_cookies([{"name": ENTRANCE.session, "value": token, "url": world.url}])
    page.goto(world.url + path)
    return page


def _seen(page: Page, name: str) -> None:
    """Nothing wider than the screen, and nothing that axe minds where people look at it: a
    merchant on a phone, an operator at a desk. A picture where somebody wants some."""
    at = 1300 if "/console" in page.url else 375
    for width in (1300 if at == 375 else 375, at):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, f"{page.url} at {width}"
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
    assert violations(page) == [], page.url


def _fill(page: Page, **typed: str) -> None:
    for name, text in typed.items():
        field = page.locator(f"#{name}")
        if field.evaluate("one => one.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)


def _press(page: Page, words: str) -> None:
    page.get_by_role("button", name=words, exact=True).click()


def test_an_offer_from_its_upload_to_a_subscribers_phone(
    world: World, new_page: NewPage, signed_in: SignedIn, phone: Callable[[str], Phone]
) -> None:
    owner = _owner(world, new_page, "/merchant/offers")
    _seen(owner, "01-my-offers")
    owner.get_by_role("link", name="填表上传一个").click()
    _fill(owner, title="新年造型", kind="service", face="268", points="很多")
    _press(owner, "看看是什么样子")
    expect(owner.locator("#points-error")).to_contain_text("整数")
    expect(owner.locator(".wrong")).to_be_focused()
    _seen(owner, "02-mistakes")
    _fill(owner, points="5500", about="洗、剪、烫，请提前一天预约。", total="200", weekdays="每天")
    _press(owner, "看看是什么样子")
    expect(owner.get_by_role("heading", name="预览：1 个优惠")).to_be_visible()
    _seen(owner, "03-preview")
    _press(owner, "上传")
    expect(owner.get_by_role("status")).to_contain_text("已上传 1 个优惠")

    operator = signed_in("operations", "/console/offers?state=uploaded")
    operator.get_by_role("link", name="新年造型").click()
    _seen(operator, "05-uploaded")
    operator.get_by_role("link", name="修改并交商户确认").click()
    _seen(operator, "06-edit")
    _fill(operator, points="5300", pays="88", why="比同行高")
    _press(operator, "保存并交商户确认")
    expect(operator.locator(".said")).to_contain_text("等商户确认")

    owner.set_viewport_size({"width": 375, "height": 812})
    owner.reload()
    owner.get_by_role("link", name="新年造型").click()
    expect(owner.locator("ins").first).to_contain_text("5,300 分")
    _seen(owner, "07-to-confirm")
    _press(owner, "确认这些条款")
    expect(owner.get_by_role("status")).to_contain_text("已确认")

    operator.reload()
    _fill(operator, reason="新年上新")
    _press(operator, "提交上架")
    proposal = operator.url
    approver = signed_in("approver", proposal.removeprefix(world.url))
    expect(approver.locator(".offer_seen__price")).to_have_text("5,300 分")
    _seen(approver, "09-to-approve")
    _press(approver, "通过并生效")
    expect(approver.locator(".said")).to_contain_text("已通过")

    owner.reload()
    expect(owner.locator(".tag").first).to_have_text("上架中")
    world.clock.advance(minutes=1)
    han = phone("韩梅梅")
    han.texts("JF")
    assert "新年造型（5300分）" in han.last("sms")


def test_a_sheet_without_scripts_and_what_is_done_about_an_offer(
    world: World, new_page: NewPage, tmp_path: Path
) -> None:
    owner = _owner(world, new_page, "/merchant/offers/file", scripts=False)
    for name, points, words in (("bad", "许多", "第 2 行 D 列（积分）"), ("good", "800", "预览")):
        file = io.BytesIO()
        book = xlsxwriter.Workbook(file, {"in_memory": True})
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, FIELDS.values())
        sheet.write_row(1, 0, ["头皮护理", "服务", "四十分钟", points, "", 88])
        book.close()
        (tmp_path / f"{name}.xlsx").write_bytes(file.getvalue())
        owner.locator("#file").set_input_files(tmp_path / f"{name}.xlsx")
        _press(owner, "看看是什么样子")
        expect(owner.get_by_text(words).first).to_be_visible()
        if name == "bad" and (folder := os.environ.get("SHOTS")):
            owner.screenshot(path=Path(folder) / "11-sheet-375.png", full_page=True)
    _press(owner, "上传")
    expect(owner.get_by_text("头皮护理")).to_be_visible()
    scripted = _owner(world, new_page, "/merchant/offers/haircut")
    for words, name in (("减少总量", ""), ("暂停", "12-pause")):
        if name:
            scripted.get_by_role("link", name=words, exact=True).click()
            _seen(scripted, name)
            _press(scripted, words)
            expect(scripted.locator("#why-error")).to_be_visible()
            _fill(scripted, why="装修")
            _press(scripted, words)
            expect(scripted.get_by_role("status")).to_contain_text("已暂停")


def test_a_merchant_from_the_first_talk_to_its_owner(world: World, signed_in: SignedIn) -> None:
    page = signed_in("operations", "/console/merchants")
    _seen(page, "20-merchants")
    page.get_by_role("link", name="登记商户").click()
    _seen(page, "21-new")
    _fill(page, code="qingfeng", name="清风茶馆", category="food", city="长沙",
          contact_name="陈先生", contact_tel="0731-88880000", capital="2000000")  # fmt: skip
    _press(page, "保存")
    page.get_by_role("link", name="加门店").click()
    _fill(page, name="五一店", address="五一大道1号", latitude="28.2", longitude="112.98")
    _press(page, "保存")
    for words in ("签约", "开户"):
        page.get_by_role("link", name=words, exact=True).click()
        _fill(page, why="合同 2026-17")
        _press(page, words)
    _press(page, "按现在的数据重新评级")
    expect(page.locator(".said")).to_contain_text("评级：B")
    _seen(page, "22-merchant")
    page.get_by_role("link", name="开店主账号").click()
    _fill(page, login="chen.qingfeng", name="陈先生")
    _press(page, "开账号")
    expect(page.locator(".panel__secret")).to_be_visible()
    _seen(page, "23-owner")
