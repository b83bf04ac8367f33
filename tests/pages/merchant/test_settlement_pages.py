"""An owner's money in Chromium: the ledger, a statement downloaded, and the own file against it."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from handlers.merchant.frame import ENTRANCE
from models.settlement import deductions
from tests.conftest import World
from tests.models import merchants
from tests.pages.conftest import NewPage
from tests.pages.console.conftest import looked_at
from tests.settled import sell, state_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# Where to keep pictures for somebody who wants to look at them.
PICTURES = os.environ.get("CIRCLE_TEST_PICTURES")


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        page.set_viewport_size({"width": 375, "height": 800})
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def test_a_statement_is_downloaded_and_the_own_file_compared(
    world: World, new_page: NewPage, tmp_path: Path
) -> None:
    now = world.clock()
    with world.circle.store.begin() as tx:
        vouchers = sell(tx, at=now - timedelta(days=47), count=3)
        vouchers += sell(tx, at=now - timedelta(days=46), count=2)
        sell(tx, at=now - timedelta(days=3))
        gone = vouchers[0]
        deductions.deduct(
            tx, subscriber_id=gone.subscriber_id, voucher_id=gone.id, why="投诉属实", now=now
        )
        who = merchants.person(tx, "merchant_owner", now=now, vault=world.circle.vault)
        token = merchants.signed_in(tx, who, now=now)
    state_all(world.circle.store, now)
    page = new_page(width=375)
    page.context.add_cookies([{"name": ENTRANCE.session, "value": token, "url": world.url}])
    page.goto(f"{world.url}/merchant/ledger?first={now - timedelta(days=60):%Y-%m-%d}")
    expect(page.locator(".day_head")).to_have_count(3)
    looked_at(page, narrow=True)
    _picture(page, "ledger")
    page.get_by_role("link", name="结算", exact=True).click()
    looked_at(page, narrow=True)
    _picture(page, "statements")
    page.locator("ul.list a").last.click()
    expect(page.locator(".due__sum")).to_contain_text("136.03 元")
    looked_at(page, narrow=True)
    _picture(page, "statement")
    for form in ("PDF", "Excel", "CSV"):
        with page.expect_download() as begun:
            page.get_by_role("link", name=form, exact=True).click()
        begun.value.save_as(tmp_path / begun.value.suggested_filename)
    (own,) = tmp_path.glob("*.csv")
    lines = own.read_text("utf-8-sig").splitlines()
    assert len(lines) == 7
    if PICTURES:
        (pdf,) = tmp_path.glob("*.pdf")
        (Path(PICTURES) / "statement.pdf").write_bytes(pdf.read_bytes())

    page.get_by_role("link", name="和我的账对一对").click()
    page.get_by_role("button", name="开始对账").click()
    expect(page.locator(".wrong")).to_be_focused()
    looked_at(page, narrow=True)
    _picture(page, "compare")
    own.write_text("\n".join([*lines[:5], lines[5].replace("34.0085", "35"), "x,y,z"]), "gbk")
    page.locator("#file").set_input_files(own)
    page.get_by_role("button", name="开始对账").click()
    expect(page.get_by_role("status")).to_contain_text("4 行一致")
    looked_at(page, narrow=True)
    _picture(page, "comparison")
    page.locator("summary").first.click()
    page.locator("details[open] input[name=why]").fill("打电话核对过")
    looked_at(page, narrow=True)
    page.locator("details[open] button").click()
    expect(page.get_by_role("status")).to_contain_text("已记下原因")
    page.goto(f"{world.url}/merchant/comparisons")
    looked_at(page, narrow=True)
    _picture(page, "comparisons")
