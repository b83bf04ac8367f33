"""A merchant's till in Chromium: signed in with a code, a voucher typed, another photographed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import qrcode
from PIL import Image
from playwright.sync_api import Page, expect

from handlers.merchant.frame import ENTRANCE
from models import sql
from models.merchants import staff
from models.operators import totp
from models.operators.roles import CLERK
from models.vouchers.vouchers import Voucher
from tests.conftest import World
from tests.models import merchants, operators
from tests.pages.conftest import NewPage
from tests.pages.console.conftest import looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PASSWORD = "vier blaue Elefanten tanzen"


def _voucher(world: World) -> Voucher:
    with world.circle.store.begin() as tx:
        sql.run(tx, "UPDATE offers SET price_fen = 1550 WHERE code = 'haircut'")
        return merchants.voucher(tx, now=world.clock())


def _photo(folder: Path, text: str) -> Path:
    """What a phone makes of a voucher on another phone: large, and askew."""
    code = qrcode.make(text).get_image().convert("RGB").resize((900, 900))
    canvas = Image.new("RGB", (3000, 4000), "#8a7d70")
    canvas.paste(code.rotate(17, expand=True, fillcolor="#8a7d70"), (800, 1200))
    canvas.save(folder / "券.jpg", quality=80)
    return folder / "券.jpg"


def _send(page: Page, **typed: str) -> None:
    for name, text in typed.items():
        page.locator(f"#{name}").fill(text)
    page.locator("main button[type=submit]").first.click()


def test_a_clerks_first_day(world: World, new_page: NewPage, tmp_path: Path) -> None:
    with world.circle.store.begin() as tx:
        who, start = staff.add(
            tx, login="xiao.liu", name="小刘", role=CLERK, merchant="jinxiu", store_no=1,
            by=operators.COMMAND, now=world.clock(),
        )  # fmt: skip
    first, second = _voucher(world), _voucher(world)
    page = new_page(width=375)
    page.goto(f"{world.url}/merchant")
    _send(page, login=who.login, password="wrong")
    expect(page.locator(".wrong")).to_be_focused()
    looked_at(page, narrow=True)
    _send(page, login=who.login, password=start)
    looked_at(page)
    _send(page, new_password=PASSWORD, again_password=PASSWORD)
    expect(page.get_by_role("heading", name="设置动态验证码")).to_be_visible()
    looked_at(page)
    page.locator("summary").click()
    secret = page.locator("p.code").inner_text().replace(" ", "")
    _send(page, code=totp.code_at(secret, world.clock()))

    expect(page.get_by_role("heading", name="核销")).to_be_visible()
    looked_at(page, narrow=True)
    _send(page, code="1234567890")
    expect(page.locator("#code-error")).to_contain_text("没有这张券")
    looked_at(page)
    short = first.short_code
    _send(page, code=f"{short[:5]} {short[5:]}")
    expect(page.locator(".voucher__pay")).to_contain_text("15.50")
    looked_at(page, narrow=True)
    page.get_by_role("button", name="确认核销").click()
    expect(page.get_by_role("heading", name="已核销")).to_be_visible()
    expect(page.get_by_text(str(first.serial))).to_be_visible()
    looked_at(page, narrow=True)

    page.get_by_role("link", name="下一张券").click()
    expect(page.locator("#code")).to_have_value("")
    page.locator("#photo").set_input_files(
        _photo(tmp_path, f"{world.circle.public_url}/v/{second.code}")
    )
    page.get_by_role("button", name="读照片").click()
    page.get_by_role("button", name="确认核销").click()
    expect(page.get_by_text(str(second.serial))).to_be_visible()

    page.get_by_role("link", name="弄错了，撤销").click()
    looked_at(page, narrow=True)
    _send(page, reason="顾客没有消费")
    expect(page.get_by_role("status").filter(has_text="已撤销")).to_be_visible()
    expect(page.locator(".line")).to_have_count(2)
    looked_at(page, narrow=True)


def test_a_till_without_a_network_says_so_and_keeps_what_was_typed(
    world: World, new_page: NewPage
) -> None:
    with world.circle.store.begin() as tx:
        who = merchants.person(tx, CLERK, now=world.clock(), vault=world.circle.vault)
        token = merchants.signed_in(tx, who, now=world.clock())
    page = new_page(width=375)
    page.context.add_cookies([{"name": ENTRANCE.session, "value": token, "url": world.url}])
    page.goto(f"{world.url}/merchant")
    page.context.set_offline(True)
    expect(page.get_by_text("手机没有网络")).to_be_visible()
    page.locator("#code").fill("1234500000")
    page.get_by_role("button", name="查券").click()
    expect(page.locator("#code")).to_have_value("1234500000")
    page.context.set_offline(False)
    expect(page.get_by_text("手机没有网络")).to_be_hidden()
    page.goto(f"{world.url}/merchant/account")
    page.goto(f"{world.url}/merchant")
    expect(page.locator("#code")).to_have_value("1234500000")


def test_an_owner_adds_a_clerk(world: World, new_page: NewPage) -> None:
    with world.circle.store.begin() as tx:
        who = merchants.person(tx, "merchant_owner", now=world.clock(), vault=world.circle.vault)
        token = merchants.signed_in(tx, who, now=world.clock())
    page = new_page(width=375)
    page.context.add_cookies([{"name": ENTRANCE.session, "value": token, "url": world.url}])
    page.goto(f"{world.url}/merchant/people")
    looked_at(page, narrow=True)
    page.goto(f"{world.url}/merchant/people/new")
    looked_at(page)
    page.locator("#name").fill("小李")
    _send(page, login="xiaoli.jx")
    expect(page.locator(".start")).to_have_text(re.compile(r"^[a-z2-9]{4}(-[a-z2-9]{4}){3}$"))
    looked_at(page)
    page.get_by_role("link", name="记下了").click()
    expect(page.get_by_role("heading", name="小李")).to_be_visible()
    looked_at(page, narrow=True)
    page.get_by_role("link", name="停用账户").click()
    expect(page.get_by_role("heading", name="停用账户")).to_be_visible()
    looked_at(page)
    for path in ("/merchant/account", "/merchant/account/password", "/merchant/nowhere", "/v/x"):
        page.goto(f"{world.url}{path}")
        looked_at(page, narrow=path == "/merchant/account")
