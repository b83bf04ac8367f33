"""Counter cards in Chromium: made at the console, printed by the merchant; both sizes, axe."""

from __future__ import annotations

import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import expect

from handlers.merchant.frame import ENTRANCE
from tests.conftest import World
from tests.models import merchants
from tests.pages.conftest import NewPage
from tests.pages.console.conftest import SignedIn, looked_at, signed_in

__all__ = ["signed_in"]

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_card_from_the_console_to_the_merchants_printer(
    world: World, signed_in: SignedIn, new_page: NewPage
) -> None:
    page = signed_in("operations", "/console/cards?words=锦绣")
    looked_at(page, narrow=True)
    page.locator("tbody a").first.click()
    looked_at(page)
    page.get_by_role("button", name="生成二维码").click()
    expect(page.get_by_role("status").first).to_contain_text("已生成")
    looked_at(page, narrow=True)

    with world.circle.store.begin() as tx:
        who = merchants.person(tx, "merchant_owner", now=world.clock(), vault=world.circle.vault)
        token = merchants.signed_in(tx, who, now=world.clock())
    page = new_page(width=375)
    page.context.add_cookies([{"name": ENTRANCE.session, "value": token, "url": world.url}])
    page.goto(f"{world.url}/merchant/cards")
    looked_at(page, narrow=True)
    with page.expect_download() as file:
        page.get_by_role("link", name="A6").first.click()
    pdf = pypdfium2.PdfDocument(file.value.path())[0]
    (code,) = zxingcpp.read_barcodes(pdf.render(scale=2).to_pil())
    assert code.text.startswith("http")
