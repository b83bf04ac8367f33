"""Draws at the console in Chromium: the list, one that runs, stopping it, parcels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
from tests.draws import only
from tests.pages.console.conftest import SignedIn, looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIRCLE_SHOTS")


def _look(page: Page, name: str) -> None:
    looked_at(page)
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"console-{name}.png"), full_page=True)


def test_a_draw_is_watched_and_stopped(
    world: World, phone: Callable[[str], Phone], signed_in: SignedIn
) -> None:
    only(world, {"title": "电热水壶", "kind": "parcel", "release": "daily", "stock": 900})
    phone("李雷").says("砸金蛋")
    page = signed_in("operations", "/console/draws")
    _look(page, "draws")
    page.get_by_role("link", name="egg", exact=True).click()
    expect(page.get_by_text("899 / 900")).to_be_visible()
    _look(page, "draw")
    page.get_by_role("button", name="立即停止").click()
    expect(page.get_by_role("alert")).to_contain_text("请写明为什么")
    page.get_by_label("为什么").fill("水壶没货")
    page.get_by_role("button", name="立即停止").click()
    expect(page.get_by_text("已停止：从现在起谁也抽不了。")).to_be_visible()
    page.goto(f"{world.url}/console/draws/parcels")
    _look(page, "parcels")
