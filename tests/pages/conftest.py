"""A real Chromium before the running product."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.conftest import PATIENCE_MS, World

WIDE, NARROW = {"width": 1300, "height": 900}, {"width": 375, "height": 812}
NewPage = Callable[..., Page]


@pytest.fixture
def site(world: World) -> str:
    """The address of the running product, with its menus on the phones."""
    world.circle.publisher.push(world.circle.live())
    return world.url


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """Pages in a browser of their own; a test fails if one of them logged an error."""
    errors: list[str] = []
    contexts = []

    def open_one(*, width: int = 1300, scripts: bool = True) -> Page:
        size = WIDE if width == WIDE["width"] else NARROW
        context = browser.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            java_script_enabled=scripts,
            locale="zh-CN",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda said: errors.append(said.text) if _is_bad(said.type, said.text) else None,
        )
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


def _is_bad(kind: str, text: str) -> bool:
    # Pages that say no answer with 4xx, which Chromium notes as an error, too.
    return kind == "error" and "Failed to load resource" not in text


def violations(page: Page) -> list[str]:
    """What axe finds on a page, in a line each."""
    # A page that is looked at in another width has the half megabyte of axe already.
    axe = Axe("0") if page.evaluate("'axe' in window") else Axe()
    found = axe.run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found
        for node in one["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the screen."""
    page.wait_for_load_state("domcontentloaded")  # else the document may have no element yet
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return max(0, int(wider))
