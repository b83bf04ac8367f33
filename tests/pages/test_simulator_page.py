"""The simulator in Chromium: J1 from the scan to the ticket page, and what helps to look inside."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Boss, World
from tests.pages.conftest import NewPage, overflow, violations

pytestmark = pytest.mark.browser
TABS = ("wechat", "sms", "browser", "desk", "inside")


def send(page: Page, box: str, text: str) -> None:
    page.locator(box).fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(box)).to_have_value("")


def join_film(page: Page, world: World, boss: Boss) -> None:
    page.get_by_role("button", name="加入电影俱乐部 cinema-01").click()
    expect(page.locator("#chat-wechat")).to_contain_text("请您看一下手机138****0001的短信")
    world.work()
    expect(page.locator("#chat-sms")).to_contain_text("中国移动邀您加入电影俱乐部")
    send(page, "#sms-text", "是。")
    world.work()
    expect(page.locator("#chat-sms")).to_contain_text("正在为您开通")
    boss.answers()
    expect(page.locator("#chat-sms")).to_contain_text("欢迎加入电影俱乐部")


def test_scan_yes_welcome_ticket_page_and_balance(
    site: str, world: World, boss: Boss, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{site}/simulator")
    join_film(page, world, boss)
    page.locator("#chat-sms a").last.click()
    pane = page.frame_locator("#browser")
    pane.get_by_role("button", name="打开").click()
    expect(pane.get_by_role("heading", name="会员电影票")).to_be_visible()
    page.locator("summary", has_text="积分").click()
    page.get_by_role("button", name="查积分").click()
    expect(page.locator("#chat-wechat")).to_contain_text("您现在有1580积分")
    expect(page.locator("#part-state")).to_contain_text("电影俱乐部 会员 active")
    # The published menu of members, and a page of it in WeChat's own browser.
    page.get_by_role("link", name="关闭").click()
    expect(pane.get_by_text("还没有打开网页")).to_be_visible()
    page.locator("summary", has_text="俱乐部").click()
    page.get_by_role("button", name="我的电影俱乐部").click()
    expect(pane.get_by_text("您是会员")).to_be_visible()
    pane.get_by_role("link", name="全部俱乐部").click()
    pane.get_by_role("link", name="我的账户").click()
    expect(pane.get_by_text("138****0001")).to_be_visible()


def test_the_wire_log_grows_keeps_its_details_open_and_sends_again(
    site: str, world: World, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{site}/simulator")
    send(page, "#wechat-text", "积分")
    first = page.locator(".exchange", has_text="wechat text").first
    first.locator("summary").click()
    expect(first).to_contain_text("msg_signature")
    first_id = first.locator("summary").get_attribute("id")
    first.get_by_role("button", name="原样再发一次").click()
    expect(page.locator("#said")).to_contain_text("HTTP 200")
    expect(page.locator(".exchange").first).to_contain_text("wechat text (replay)")
    expect(page.locator(f"details[open] > #{first_id}")).to_be_visible()
    world.work()
    assert page.locator("#chat-wechat .bubble_me").count() == 1


def test_faults_and_boss_are_a_button_each(site: str, world: World, new_page: NewPage) -> None:
    page = new_page()
    page.goto(f"{site}/simulator")
    page.get_by_role("button", name="Bad WeChat signature").click()
    expect(page.locator("#part-boss")).to_contain_text("微信签名错误 Bad WeChat signature ×1")
    send(page, "#wechat-text", "积分")
    expect(page.locator("#chat-wechat")).to_contain_text("该公众号提供的服务出现故障")
    page.get_by_role("button", name="Duplicate SMS").click()
    expect(page.locator("#part-boss")).to_contain_text("短信重复 Duplicate SMS ×1")
    page.get_by_role("button", name="remove all").click()
    expect(page.locator("#part-boss")).not_to_contain_text("短信重复")
    page.get_by_role("button", name="refuses").click()
    expect(page.get_by_role("button", name="refuses")).to_have_attribute("aria-pressed", "true")


def test_another_person_has_other_phones_and_reset_empties_them_all(
    site: str, world: World, boss: Boss, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{site}/simulator")
    join_film(page, world, boss)
    page.get_by_role("link", name="王大爷").click()
    expect(page.locator("#chat-wechat")).to_contain_text("没有微信")
    expect(page.locator("#chat-sms")).not_to_contain_text("欢迎")
    send(page, "#sms-text", "jf")
    world.work()
    expect(page.locator("#chat-sms")).to_contain_text("您有455积分")
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("#chat-sms")).not_to_contain_text("455")
    page.get_by_role("link", name="李雷").click()
    expect(page.locator("#chat-sms")).not_to_contain_text("欢迎")
    expect(page.locator("#part-state")).to_contain_text("电影俱乐部 已退出 left")


def test_what_one_is_typing_survives_what_arrives(
    site: str, world: World, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{site}/simulator")
    page.locator("#wechat-text").type("我想")
    world.control("POST", "/wechat/o_lilei/text", text="帮助")
    expect(page.locator("#chat-wechat")).to_contain_text("想找客服，请回复“人工”")
    expect(page.locator("#wechat-text")).to_be_focused()
    page.keyboard.type("问问")
    expect(page.locator("#wechat-text")).to_have_value("我想问问")


def test_the_keyboard_alone_reaches_scan_menu_and_chat(
    site: str, world: World, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{site}/simulator")
    top = page.locator("summary", has_text="服务")
    top.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="帮助").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#chat-wechat")).to_contain_text("想找客服，请回复“人工”")
    page.get_by_role("button", name="加入车友会 club-car").press("Enter")
    expect(page.locator("#chat-wechat")).to_contain_text("车友会")
    page.get_by_role("link", name="韩梅梅").press("Enter")
    expect(page.get_by_role("link", name="韩梅梅")).to_have_attribute("aria-current", "page")


def test_without_scripts_buttons_and_links_still_work(
    site: str, world: World, new_page: NewPage
) -> None:
    page = new_page(scripts=False)
    page.goto(f"{site}/simulator")
    page.get_by_role("button", name="加入电影俱乐部 cinema-01").click()
    expect(page.locator("#said")).to_contain_text("HTTP 200")
    expect(page.locator("#chat-wechat")).to_contain_text("请您看一下手机")
    page.locator("#sms-text").fill("WD")
    page.keyboard.press("Enter")
    expect(page.locator("#chat-sms")).to_contain_text("WD")
    world.work()
    page.goto(f"{site}/simulator")
    page.locator("#chat-sms a").last.click()
    expect(page.frame_locator("#browser").get_by_role("button", name="打开")).to_be_visible()


def test_it_satisfies_axe_and_fits_at_both_widths(
    site: str, world: World, boss: Boss, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{site}/simulator")
    join_film(page, world, boss)
    page.get_by_role("button", name="Late SMS").click()
    page.locator("summary", has_text="服务").click()
    page.locator(".exchange summary").first.click()
    assert (violations(page), overflow(page)) == ([], 0)
    page.set_viewport_size({"width": 375, "height": 812})
    for tab in TABS:
        page.locator(f"label[for=tab-{tab}]").click()
        assert (tab, violations(page), overflow(page)) == (tab, [], 0)


def test_on_a_phone_a_tab_counts_what_came_while_another_was_open(
    site: str, world: World, new_page: NewPage
) -> None:
    page = new_page(width=375)
    page.goto(f"{site}/simulator")
    page.locator("label[for=tab-desk]").click()
    page.get_by_role("button", name="加入电影俱乐部 cinema-01").click()
    badge = page.locator("label[for=tab-wechat] .badge")
    expect(badge).to_have_text("1条新消息")
    world.work()
    expect(page.locator("label[for=tab-sms] .badge")).to_be_visible()
    assert (violations(page), overflow(page)) == ([], 0)
    page.locator("label[for=tab-wechat]").click()
    expect(badge).to_be_hidden()
    page.locator("label[for=tab-inside]").click()
    box = page.locator(".inside_wire .inside__scroll").bounding_box()
    assert box is not None
    assert box["height"] <= 812 * 0.6 + 1


def test_on_a_phone_an_opened_link_brings_the_page_forward(
    site: str, world: World, new_page: NewPage
) -> None:
    page = new_page(width=375)
    page.goto(f"{site}/simulator")
    expect(page.locator("#chat-sms")).to_be_hidden()
    page.locator("label[for=tab-sms]").click()
    send(page, "#sms-text", "WD")
    world.work()
    page.locator("#chat-sms a").last.click()
    expect(page.locator("#browser")).to_be_visible()
    expect(page.frame_locator("#browser").get_by_role("button", name="打开")).to_be_visible()
