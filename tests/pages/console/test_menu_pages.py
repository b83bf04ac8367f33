"""J9 in Chromium: a menu is edited, a mistake is shown where it is, another person approves."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from handlers.console.doorkeeper import COOKIE
from models import publications
from tests.conftest import World
from tests.models import operators
from tests.pages.conftest import NewPage
from tests.pages.console.conftest import looked_at

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DEFAULT = "/console/menus/file/wechat/default.yaml"
REPLACE = """([before, after]) => {
    const editor = document.querySelector('.CodeMirror').CodeMirror;
    editor.setValue(editor.getValue().replace(before, after));
}"""
CURSOR = """() => {
    const at = document.querySelector('.CodeMirror').CodeMirror.getCursor();
    return [at.line, at.ch];
}"""


def _sign_in(world: World, page: Page, role: str) -> None:
    with world.circle.store.begin() as tx:
        who = operators.operator(tx, role, now=world.clock(), login=role)
        token = operators.signed_in(tx, who, now=world.clock())
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": world.url}])


def test_a_menu_is_edited_checked_proposed_approved_and_on_the_phones(
    world: World, new_page: NewPage
) -> None:
    li, wang = new_page(), new_page()
    _sign_in(world, li, "operations")
    _sign_in(world, wang, "approver")
    li.goto(world.url + DEFAULT)
    li.evaluate(REPLACE, ["dialog: balance", "dialgo: balance"])
    told = li.locator("#found .told__place")  # while one types
    expect(told).to_have_text("wechat/default.yaml:8:9")
    expect(li.locator(".wrong-sign")).to_have_attribute("title", re.compile("是不是 dialog"))
    told.click()
    assert li.evaluate(CURSOR) == [7, 8]
    looked_at(li, narrow=True)
    li.evaluate(REPLACE, ["dialgo: balance", "dialog: balance"])
    li.evaluate(REPLACE, ["name: 查积分", "name: 看积分"])
    expect(li.locator("#found .phone__entry").first).to_contain_text("看积分")
    li.locator(".CodeMirror textarea").press("Control+s")
    expect(li.locator(".said")).to_contain_text("检查通过")

    li.goto(f"{world.url}/console/menus/draft")
    looked_at(li)
    li.locator("#reason").fill("换个说法")
    li.get_by_role("button", name="提议发布").click()
    expect(li.locator(".said")).to_contain_text("等另一个人批准")
    wang.goto(li.url)
    looked_at(wang)
    wang.get_by_role("button", name="通过并生效").click()
    expect(wang.locator(".said")).to_contain_text("已生效")
    buttons = world.circle.wechat.get_menus()["menu"]["button"]
    assert buttons[0]["sub_button"][0]["name"] == "看积分"
    assert world.circle.store.read(publications.live_version) == 1
    for path in ("/console/menus", "/console/menus/preview", "/console/menus/versions/1"):
        li.goto(world.url + path)
        looked_at(li)


def test_without_javascript_the_editor_is_a_text_area_that_keeps_what_is_typed(
    world: World, new_page: NewPage
) -> None:
    page = new_page(scripts=False)
    _sign_in(world, page, "operations")
    page.goto(world.url + DEFAULT)
    text = page.locator("#text").input_value()
    page.locator("#text").fill(text.replace("dialog: balance", "dialgo: balance"))
    page.get_by_role("button", name="保存草稿并检查").click()
    expect(page.locator(".told__one")).to_contain_text("wechat/default.yaml:8:9")
    expect(page.locator(".told__source mark")).to_have_text("dialgo: balance")
    assert "dialgo" in page.locator("#text").input_value()
