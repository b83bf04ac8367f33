"""Agents in Chromium: the tree, one of them, its PIN, the budget and a payout by two people."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from models.agents import commission
from tests.agents import tree
from tests.conftest import World
from tests.pages.console.conftest import SignedIn, looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = os.environ.get("CIRCLE_TEST_PICTURES")


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        for width in (375, 1300):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(PICTURES) / f"{name}-{width}.png", full_page=True)


def test_agents_are_looked_after_and_paid(world: World, signed_in: SignedIn) -> None:
    then = world.clock() - timedelta(days=35)
    shop = tree(world.circle.store, then)
    with world.circle.store.begin() as tx:
        commission.owe(tx, shop, price=9_000, serial=77, now=then)
        for who, serial in commission.due(tx, then, 10):
            commission.settle(tx, who, serial, then)
    page = signed_in("operations", "/console/agents")
    looked_at(page, narrow=True)
    _picture(page, "agents")
    page.get_by_role("link", name="星沙便利店").click()
    looked_at(page, narrow=True)
    _picture(page, "agent")
    page.get_by_role("link", name="新密码").click()
    page.locator("#reason").fill("当面给")
    page.get_by_role("button", name="新密码").click()
    _picture(page, "agent-pin")
    page.get_by_role("link", name="记下了").click()
    for path in ("new", "budget"):
        page.goto(f"{world.url}/console/agents/{path}")
        looked_at(page)
        _picture(page, f"agent-{path.replace('/', '-')}")
    page.goto(f"{world.url}/console/agents/payouts")
    looked_at(page)
    _picture(page, "agent-payouts")
    page.locator("#reason").fill("上月")
    page.get_by_role("button", name="提出付款").click()
    proposal = page.url
    other = signed_in("approver", proposal.removeprefix(world.url))
    _picture(other, "agent-proposal")
    other.get_by_role("button", name="通过并生效").click()
    page.goto(f"{world.url}/console/agents/payouts/1001")
    looked_at(page)
    _picture(page, "agent-payout")
    page.goto(f"{world.url}/console/agents/movements?agent=xingsha")
    expect(page.get_by_text("付给代理点")).to_be_visible()
