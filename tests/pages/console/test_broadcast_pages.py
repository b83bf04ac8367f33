"""A broadcast at the console in Chromium: written, tried, proposed, approved, started, watched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import sending
from tests.broadcasts import TEXT
from tests.conftest import World
from tests.pages.console.conftest import SignedIn, looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOTS = os.environ.get("CIRCLE_SHOTS")


def _look(page: Page, name: str, *, narrow: bool = False) -> None:
    looked_at(page, narrow=narrow)
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"console-{name}.png"), full_page=True)


def test_a_broadcast_is_written_approved_by_another_and_watched(
    world: World, signed_in: SignedIn
) -> None:
    page = signed_in("operations", "/console/broadcasts")
    page.get_by_role("link", name="新的群发").click()
    page.get_by_label("名称").fill("周末电影")
    page.get_by_label("短信内容").fill("周末电影半价，{name}您好")
    expect(page.locator("#size")).to_contain_text("写明怎样退订")
    expect(page.locator("#size")).to_contain_text("没填好的地方")
    _look(page, "broadcast-new", narrow=True)
    page.get_by_label("短信内容").fill(TEXT)
    expect(page.locator("#size")).not_to_contain_text("退订")
    lines = "".join(f"1371111{place:04d}\n" for place in range(40)) + "座机\n"
    page.get_by_label("号码文件").set_input_files(
        {"name": "名单.txt", "mimeType": "text/plain", "buffer": lines.encode()}
    )
    page.get_by_role("button", name="载入号码").click()
    expect(page.get_by_text("第 41 行：不是手机号")).to_be_visible()
    _look(page, "broadcast-draft")
    page.get_by_label("为什么发").fill("周末活动")
    page.get_by_role("button", name="提出").click()
    expect(page.get_by_text("等待审批").first).to_be_visible()
    one = page.url

    other = signed_in("approver", one.removeprefix(world.url))
    other.get_by_role("link", name="看申请").click()
    _look(other, "broadcast-proposal")
    other.get_by_role("button", name="通过并生效").click()
    expect(other.get_by_text("已批准").or_(other.get_by_text("已通过")).first).to_be_visible()

    page.goto(one)
    page.get_by_role("link", name="开始发送").click()
    _look(page, "broadcast-start")
    page.get_by_role("button", name="开始发送").click()
    expect(page.get_by_text("已处理 0%")).to_be_visible()
    sending.broadcasts_clock(world.circle).tick(world.clock())
    expect(page.locator("#live")).to_contain_text("正在发40")
    _look(page, "broadcast-running", narrow=True)
    world.clock.advance(seconds=5)
    world.work()
    sending.broadcasts_clock(world.circle).tick(world.clock())
    # It is over: the page draws itself anew, without the button.
    expect(page.get_by_text("已发完")).to_be_visible()
    expect(page.get_by_role("button", name="暂停")).to_have_count(0)
    assert world.rows("SELECT count(DISTINCT payload ->> 'to') FROM outbox") == [(40,)]
