"""Invitations in Chromium: my posters and a friend's number, and what the friend sees."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
from tests.handlers.test_invitation_pages import member
from tests.invitations import rewarding
from tests.pages.conftest import NewPage, overflow, violations
from tests.pages.visitor import fresh_link

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PhoneOf = Callable[[str], Phone]
SHOTS = os.environ.get("CIRCLE_SHOTS", "")  # a folder, for whoever wants to look


def looks_good(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)
    assert (name, violations(page), overflow(page)) == (name, [], 0)


def test_a_member_invites_and_a_friend_comes(
    site: str, world: World, phone: PhoneOf, new_page: NewPage
) -> None:
    rewarding(world.circle.store, world.clock())
    li, han, page = phone("李雷"), phone("韩梅梅"), new_page(width=375)
    number = member(world, li)
    page.goto(f"{site}/i/{number}")
    expect(page.get_by_role("img", name="微信扫一扫加入的二维码")).to_be_visible()
    looks_good(page, "invitation-stranger")
    page.goto(fresh_link(li))
    page.get_by_role("button", name="打开").click()
    page.get_by_role("link", name="邀请朋友").click()
    poster = page.get_by_role("img", name="电影俱乐部的邀请海报")
    expect(poster).to_have_js_property("naturalWidth", 750)
    page.get_by_label("朋友的手机号").fill("138")
    page.get_by_role("button", name="下一步").click()
    looks_good(page, "invitations-mistake")
    page.get_by_label("朋友的手机号").fill("13800000003")
    page.get_by_role("button", name="下一步").click()
    looks_good(page, "invitations-ask")
    page.get_by_role("button", name="确认邀请 138****0003").click()
    expect(page.get_by_text("还没加入", exact=True)).to_be_visible()
    looks_good(page, "invitations")
    page.goto(fresh_link(han))
    page.get_by_role("button", name="打开").click()
    page.goto(f"{site}/i/{number}")
    looks_good(page, "invitation")
    page.get_by_role("button", name="接受邀请，看看怎么加入").click()
    expect(page).to_have_url(f"{site}/clubs/film")
