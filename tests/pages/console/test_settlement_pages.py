"""Settlement at the console in Chromium: an account, a payment by two people, a work list."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from models.settlement import reconciling
from models.settlement.reconciling import Bad, Theirs
from tests.conftest import World
from tests.pages.console.conftest import SignedIn, looked_at
from tests.settled import sell, state_all

pytestmark = [pytest.mark.browser, pytest.mark.slow]
# Where to keep pictures for somebody who wants to look at them.
PICTURES = os.environ.get("CIRCLE_TEST_PICTURES")


def _picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"console-{name}.png", full_page=True)


def test_what_is_owed_is_seen_proposed_and_approved(world: World, signed_in: SignedIn) -> None:
    now = world.clock()
    with world.circle.store.begin() as tx:
        sell(tx, at=now - timedelta(days=47), count=2)
    one = next(made for made in state_all(world.circle.store, now) if made.lines)
    with world.circle.store.begin() as tx:
        reconciling.reconcile(
            tx, merchant="jinxiu", first=one.first, last=one.last, file_name="三月.csv",
            theirs=[Theirs(2, 77, 100), Bad(3, "no_amount")], by="owner", now=now,
        )  # fmt: skip
    page = signed_in("operations", "/console/settlement/payees/jinxiu")
    page.get_by_role("button", name="保存账号").click()
    looked_at(page, narrow=True)
    for name, typed in (("holder", "成都锦绣理发店"), ("bank", "中国银行成都分行"),
                        ("number", "6217000012345678"), ("again", "6217000012345678"),
                        ("reason", "合同 2026-7")):  # fmt: skip
        page.locator(f"#{name}").fill(typed)
    page.get_by_role("button", name="保存账号").click()
    expect(page.get_by_text("****5678")).to_be_visible()
    page.goto(f"{world.url}/console/settlement/{one.id}")
    looked_at(page, narrow=True)
    _picture(page, "statement")
    page.goto(f"{world.url}/console/payments?through={one.last}")
    looked_at(page, narrow=True)
    _picture(page, "payments")
    page.locator("#reason").fill("三月下半月")
    page.get_by_role("button", name="提出付款").click()
    proposal = page.url
    page.goto(f"{world.url}/console/reconciliations/1")
    looked_at(page, narrow=True)
    _picture(page, "reconciliation")
    other = signed_in("approver", proposal.removeprefix(world.url))
    looked_at(other)
    _picture(other, "proposal")
    other.get_by_role("button", name="通过并生效").click()
    page.goto(f"{world.url}/console/payments/1001")
    looked_at(page, narrow=True)
    _picture(page, "payment")
    with page.expect_download() as begun:
        page.get_by_role("button", name="下载给银行的文件").click()
    assert "6217000012345678" in begun.value.path().read_text("utf-8-sig")
