"""A talk between somebody in WeChat and somebody at the console, in both sizes, with axe."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Phone, World
from tests.pages.console.conftest import SignedIn, looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIRCLE_SHOTS", "")  # a folder, for whoever wants to look


def seen(page: Page, name: str) -> None:
    looked_at(page, narrow=True)
    if SHOTS:
        for width in (375, 1300):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=str(Path(SHOTS) / f"{name}-{width}.png"), full_page=True)


def test_a_question_in_the_chat_is_answered_from_the_inbox(
    world: World, phone: Callable[[str], Phone], signed_in: SignedIn
) -> None:
    li, wang = phone("李雷"), phone("王大爷")
    li.says("人工")
    li.says("我的积分怎么少了")
    wang.texts("人工")
    page = signed_in("service", "/console/inbox")
    expect(page.get_by_role("link", name="人工服务 2").first).to_be_visible()
    seen(page, "inbox")
    page.get_by_role("row", name="我的积分怎么少了").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("138****0001")
    seen(page, "talk")
    page.get_by_role("button", name="发送").click()
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    page.get_by_label("回复").fill("您好，上月兑换了剪发券，用了900积分。")
    page.get_by_role("button", name="发送").click()
    expect(page.locator(".line")).to_contain_text("用了900积分")
    seen(page, "answered")
    world.work()
    assert li.sees("wechat", "您好，上月兑换了剪发券")
    li.says("哦想起来了，谢谢你们")
    expect(page.locator(".line")).to_contain_text("哦想起来了")  # by itself
    page.get_by_role("button", name="结束，告诉用户").click()
    expect(page.get_by_role("status").first).to_contain_text("已结束")
    world.work()
    assert li.sees("wechat", "客服已经结束这次人工服务")
