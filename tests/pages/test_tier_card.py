"""The tier on the account page in Chromium: it fits a phone, satisfies axe, and is read aloud."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from models import tiers
from tests.conftest import Phone, World
from tests.handlers.test_member_tier import earns
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link

pytestmark = pytest.mark.browser
PhoneOf = Callable[[str], Phone]


@pytest.mark.parametrize("width", [375, 1300])
def test_every_state_of_the_card_fits_and_satisfies_axe(
    site: str, world: World, phone: PhoneOf, new_page: NewPage, width: int
) -> None:
    def look(words: str) -> None:
        page = new_page(width=width)
        page.goto(fresh_link(phone("李雷")))
        page.get_by_role("button", name="打开").click()
        expect(page.get_by_role("region", name="我的等级")).to_contain_text(words)
        assert (words, violations(page), overflow(page)) == (words, [], 0)

    look("升为银卡")
    earns(world, 12_000)
    look("就能继续保留金卡")
    world.clock.advance(days=430)
    world.circle.store.run(lambda tx: tiers.review_due(tx, world.clock(), 10))
    look("保留期内权益照旧")
    earns(world, 50_000)
    look("最高等级")


def test_the_bar_says_aloud_what_it_shows(site: str, phone: PhoneOf, new_page: NewPage) -> None:
    page = new_page(width=375)
    page.goto(fresh_link(phone("李雷")))
    page.get_by_role("button", name="打开").click()
    bar = page.get_by_role("progressbar", name="再累计 420积分，升为银卡。")
    expect(bar).to_be_visible()
    assert bar.get_attribute("value") == "79"
