"""The list of points and the monthly statement in Chromium: phone, desk, paper, no scripts, axe."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from models import points
from tests.conftest import Phone, World
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.moves import a_busy_month, expired
from tests.pages.visitor import fresh_link

pytestmark = pytest.mark.browser
PhoneOf = Callable[[str], Phone]


@pytest.fixture
def enter(world: World, site: str, phone: PhoneOf, new_page: NewPage) -> Callable[..., Page]:
    """Open 李雷's account after a busy month."""
    a_busy_month(world)
    expired(world)
    world.clock.advance(hours=2)

    def open_account(**how: object) -> Page:
        page = new_page(**how)
        page.goto(fresh_link(phone("李雷")))
        page.get_by_role("button", name="打开").click()
        return page

    return open_account


@pytest.mark.parametrize("width", [375, 1300])
def test_list_and_statement_fit_the_screen_and_satisfy_axe(
    world: World, site: str, enter: Callable[..., Page], width: int
) -> None:
    page = enter(width=width)
    month = f"{points.day_of(world.clock()):%Y-%m}"
    for path in (
        "", "?show=held", "?show=coins", "?show=gift&kind=promotional", "?since=never", f"/{month}",
        "/2020-01",
    ):  # fmt: skip
        page.goto(f"{site}/me/points{path}")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert (path, violations(page), overflow(page)) == (path, [], 0)


def test_letters_are_large_and_filters_easy_to_hit(site: str, enter: Callable[..., Page]) -> None:
    page = enter(width=375)
    page.get_by_role("link", name="积分明细和账单").click()
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('main *')]"
        ".filter(e => e.innerText && !e.children.length)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert smallest >= 16
    for link in page.get_by_role("navigation", name="看哪些记录").get_by_role("link").all():
        box = link.bounding_box()
        assert box is not None
        assert min(box["height"], box["width"]) >= 44


def test_without_scripts_one_leafs_filters_and_finds_a_month(
    world: World, site: str, enter: Callable[..., Page]
) -> None:
    page = enter(width=375, scripts=False)
    page.get_by_role("link", name="积分明细和账单").press("Enter")
    expect(page.get_by_text("余额 1745")).to_be_visible()
    page.get_by_role("link", name="看更早的").click()
    expect(page.get_by_text("余额 1207", exact=True)).to_be_visible()
    page.get_by_role("link", name="回到最新的").click()
    page.get_by_role("link", name="转赠", exact=True).click()
    expect(page.locator(".month ~ .list .move")).to_have_count(2)
    page.get_by_text("按日期查找").click()
    page.get_by_label("从哪天").fill("2030-01-01")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_text("没有找到记录")).to_be_visible()
    assert "show=gift" in page.url
    page.goto(f"{site}/me/points")
    page.get_by_role("link", name=re.compile("月账单")).first.click()
    expect(page.get_by_role("row", name="现在有 1745")).to_be_visible()


def test_both_files_come_to_the_phone(
    enter: Callable[..., Page], site: str, tmp_path: Path
) -> None:
    page = enter(width=375)
    page.goto(f"{site}/me/points")
    for name, begins in (("Excel 表格", b"PK"), ("CSV", b"\xef\xbb\xbf")):
        with page.expect_download() as coming:
            page.get_by_role("link", name=name).click()
        coming.value.save_as(tmp_path / "file")
        assert (tmp_path / "file").read_bytes().startswith(begins)


def test_on_paper_there_is_the_statement_and_nothing_to_click(
    world: World, site: str, enter: Callable[..., Page]
) -> None:
    page = enter(width=1300)
    page.goto(f"{site}/me/points/{points.day_of(world.clock()):%Y-%m}")
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="积分账单")).to_be_visible()
    expect(page.get_by_role("row", name="现在有 1745")).to_be_visible()
    for hidden in (".turn", ".files", ".brand__link"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.pdf().startswith(b"%PDF")
