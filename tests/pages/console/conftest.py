"""Somebody signed in to the console, in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from handlers.console.doorkeeper import COOKIE
from tests.conftest import World
from tests.models import operators
from tests.pages.conftest import NewPage, overflow, violations

SignedIn = Callable[..., Page]


@pytest.fixture
def signed_in(world: World, new_page: NewPage) -> SignedIn:
    """`signed_in("service", "/console/...")`: a page that somebody of this role has opened."""

    def open_one(role: str, path: str = "/console", **how: Any) -> Page:
        now = world.clock()
        with world.circle.store.begin() as tx:
            who = operators.operator(tx, role, now=now, vault=world.circle.vault)
            token = operators.signed_in(tx, who, now=now)
        page = new_page(**how)
        page.context.add_cookies([{"name": COOKIE, "value": token, "url": world.url}])
        page.goto(world.url + path)
        return page

    return open_one


def looked_at(page: Page, *, narrow: bool = False) -> None:
    """Nothing wider than the screen, at 375 and at 1300 px, and nothing that axe minds: it takes
    a second, so at 375 px only where the page is laid out in another way there (`narrow`)."""
    page.wait_for_load_state()  # a link may just have been followed
    for width in (375, 1300):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, f"{page.url} at {width}"
        if narrow or width > 375:
            assert violations(page) == [], f"{page.url} at {width}"
