"""Partner stores in Chromium, on a phone and wide: from the link of a message to a city."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import NewPage, overflow, violations

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIRCLE_SHOTS")  # a folder, to look at the pages oneself


def look(page: Page, name: str) -> None:
    """The page as it is fits, and satisfies axe."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)
    assert (name, violations(page), overflow(page)) == (name, [], 0)


@pytest.mark.parametrize("width", [375, 1300])
def test_stores_are_found_around_a_place_and_in_a_city(
    site: str, new_page: NewPage, width: int
) -> None:
    page = new_page(width=width)
    page.goto(f"{site}/nearby/28.196/112.977")
    expect(page.get_by_role("link", name="在地图上看 星河影城五一店")).to_be_visible()
    look(page, f"around-{width}")
    page.get_by_label("城市或路名").fill("长沙万家丽路")
    page.get_by_role("button", name="查找").click()
    expect(page.locator(".near__name").first).to_contain_text("动力健身万家丽店")
    look(page, f"street-{width}")
    page.get_by_role("link", name="株洲", exact=True).click()
    expect(page.get_by_text("安行汽修天元店").first).to_be_visible()
    look(page, f"city-{width}")
    page.get_by_label("城市或路名").fill("拉萨")
    page.get_by_label("城市或路名").press("Enter")
    expect(page.get_by_text("没有找到“拉萨”的合作门店")).to_be_visible()
    look(page, f"none-{width}")
