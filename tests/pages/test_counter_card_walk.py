"""J5 in Chromium: from the card on the counter to the line of the statement it is paid with."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from handlers.merchant.frame import ENTRANCE
from models.operators.roles import OWNER
from models.points import day_of, verify
from models.settlement import proof
from tests.conftest import Phone, World
from tests.models import merchants
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link
from tests.settled import state_all
from tests.used import by_day

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIRCLE_SHOTS", "")  # a folder, for whoever wants to look
HAIRCUT = 1010


def _seen(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"j5-{name}.png", full_page=True)
    assert (name, violations(page), overflow(page)) == (name, [], 0)


def _owner(world: World, new_page: NewPage) -> Page:
    with world.circle.store.begin() as tx:
        who = merchants.person(tx, OWNER, now=world.clock(), vault=world.circle.vault)
        token = merchants.signed_in(tx, who, now=world.clock())
    page = new_page(width=375)
    page.context.add_cookies([{"name": ENTRANCE.session, "value": token, "url": world.url}])
    return page


def test_from_the_counter_card_to_the_line_that_pays_the_barber(
    site: str, world: World, phone: Callable[[str], Phone], new_page: NewPage, tmp_path: Path
) -> None:
    by_day(world)
    li = phone("李雷")
    li.scans(f"offer-{HAIRCUT}")
    assert "剪发券" in li.last("wechat")
    li.says("是")
    world.work()
    assert "/me/vouchers/" in li.last("wechat")

    mine = new_page(width=375)
    mine.goto(fresh_link(li))
    mine.get_by_role("button", name="打开").click()
    mine.goto(f"{site}/me/vouchers")
    mine.get_by_role("link", name=re.compile("剪发券")).first.click()
    expect(mine.get_by_role("img", name="给店员扫的二维码")).to_be_visible()
    _seen(mine, "voucher")
    photo = tmp_path / "screen.png"
    mine.screenshot(path=photo)

    till = _owner(world, new_page)
    till.goto(f"{site}/merchant")
    till.locator("#photo").set_input_files(photo)  # of the very screen that the customer shows
    till.get_by_role("button", name="读照片").click()
    expect(till.get_by_text("剪发券")).to_be_visible()
    _seen(till, "check")
    till.get_by_role("button", name="确认核销").click()
    expect(till.get_by_role("heading", name="已核销")).to_be_visible()
    _seen(till, "verified")
    ((serial, cents),) = world.rows(
        "SELECT v.serial, n.cents FROM vouchers v JOIN verifications n ON n.voucher_id = v.id"
    )
    world.work()
    assert str(serial) in li.last("wechat") + li.last("sms")
    mine.reload()
    expect(mine.get_by_text("我要投诉")).to_be_visible()
    _seen(mine, "used")

    world.clock.advance(minutes=21)
    world.tick()
    assert "满意" in li.last("wechat") + li.last("sms")
    li.texts("5")
    assert world.rows("SELECT stars FROM ratings") == [(5,)]

    _is_paid(world, new_page, serial, cents)


def _is_paid(world: World, new_page: NewPage, serial: int, cents: int) -> None:
    """Fifteen days later it falls due, and is a line of the statement of that half month."""
    due = day_of(world.clock()) + timedelta(days=15)
    world.clock.advance(days=33)
    (one,) = (
        made
        for made in state_all(world.circle.store, world.clock())
        if made.first <= due <= made.last and made.merchant_code == "jinxiu"
    )
    assert (one.lines, one.cents, one.fen) == (1, cents, (cents + 50) // 100)
    owner = _owner(world, new_page)
    owner.goto(f"{world.url}/merchant/statements/{one.id}")
    expect(owner.locator(".due__sum")).to_contain_text(f"{one.fen / 100:.2f} 元")
    expect(owner.get_by_text(str(serial))).to_be_visible()
    _seen(owner, "statement")
    with world.circle.store.begin() as tx:
        assert verify.verify(tx).ok
        assert proof.verify(tx, kind="half_month", now=world.clock()).ok
