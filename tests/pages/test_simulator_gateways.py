"""The simulator's SMS phone chooses its gateway: a club is joined over SMPP, another over CMPP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Boss, World
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.test_simulator_page import send
from tests.workers.sender.conftest import Running

pytestmark = pytest.mark.browser


@pytest.fixture
def environment() -> dict[str, str]:
    """As in `make run`: Twilio is the usual gateway, the sender binds to both others."""
    return {"CIRCLE_SMS__BINDS": "smpp,cmpp", "CIRCLE_SMS__POLL_S": "0.02"}


@pytest.fixture
def running(world: World) -> Iterator[Running]:
    made = Running(world).start()
    yield made
    made.stop()


def join(page: Page, world: World, boss: Boss, keyword: str, club: str, over: str) -> None:
    """Ask to join, say yes, and be welcomed: all of it over one gateway."""
    chat = page.locator("#chat-sms")
    send(page, "#sms-text", keyword)
    question = chat.locator(".row:not(.row_me)").filter(has_text=club).last
    expect(question).to_contain_text("同意请回复")
    expect(question).to_contain_text(over)
    send(page, "#sms-text", "是")
    # Over a bind it is heard when it comes; before that there is nothing to ask BOSS.
    expect(chat.locator(".row:not(.row_me)").last).to_contain_text("正在为您开通")
    world.work()  # BOSS is asked
    boss.answers()
    welcome = chat.locator(".row:not(.row_me)").filter(has_text=f"欢迎加入{club}").last
    expect(welcome).to_contain_text(over)


def test_a_club_is_joined_over_smpp_and_another_over_cmpp(
    site: str, world: World, boss: Boss, running: Running, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{site}/simulator?person=王大爷")
    page.get_by_label("网关").select_option(label="SMPP")
    join(page, world, boss, "JRDY", "电影俱乐部", "SMPP 10086")
    expect(page.get_by_label("网关")).to_have_value("smpp")  # it stays until another one is chosen
    page.get_by_label("网关").select_option(label="CMPP")
    join(page, world, boss, "JRCY", "车友会", "CMPP 10086")
    page.reload()
    expect(page.get_by_label("网关")).to_have_value("cmpp")
    rows = world.rows("SELECT DISTINCT split_part(provider_id, ':', 1) FROM outbox ORDER BY 1")
    assert [row[0] for row in rows if row[0]] == ["cmpp", "smpp"]
    page.get_by_role("button", name="SMSC throttles").click()
    expect(page.locator("#part-boss")).to_contain_text("短信中心限流 SMSC throttles ×1")
    page.set_viewport_size({"width": 375, "height": 812})
    page.locator("label[for=tab-sms]").click()
    assert (violations(page), overflow(page)) == ([], 0)
