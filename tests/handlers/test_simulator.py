"""The simulator page, without scripts: what it shows, and that every button does what it says."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from dialogs.live import LiveMenus
from handlers import simulator
from handlers.simulator_actions import BOSS_MOODS, FAULTS, Fault
from menus.menus import read_folder
from models import clubs, subscribers
from tests.conftest import Boss, Phone, World
from tests.pages.visitor import SIMULATOR as PAGE
from tests.pages.visitor import Visitor, do, part

PhoneOf = Callable[[str], Phone]
MENUS = Path(__file__).parents[2] / "menus"


@pytest.fixture
def visitor(world: World) -> Visitor:
    world.circle.publisher.push(world.circle.live())
    return Visitor(world.url)


@pytest.mark.slow
def test_the_page_shows_the_phones_the_menu_the_codes_and_the_faults(visitor: Visitor) -> None:
    page = visitor.get(PAGE).text
    for shown in ("李雷", "韩梅梅", "王大爷", "小张", "查积分", "cinema-01", "加入车友会"):
        assert shown in page
    for fault in FAULTS:
        assert fault.english in unescape(page)
    assert "没有微信" in visitor.get(PAGE, params={"person": "王大爷"}).text


@pytest.mark.slow
def test_a_scan_and_a_yes_show_on_the_phones_and_inside(
    visitor: Visitor, world: World, boss: Boss
) -> None:
    do(visitor, "scan", scene="cinema-01")
    world.work()
    assert "请您看一下手机138****0001的短信" in part(visitor, "wechat")
    assert "中国移动邀您加入电影俱乐部" in part(visitor, "sms")
    inside = part(visitor, "state")
    assert "join_club" in inside
    assert "等 是或否 yes_no" in inside
    do(visitor, "sms", text="是")
    world.work()
    assert "等待确认" in part(visitor, "boss")
    boss.answers()
    assert "电影俱乐部 会员 active" in part(visitor, "state")
    link = part(visitor, "sms")
    assert "/simulator/open?person=" in link
    assert 'target="browser"' in link


@pytest.mark.slow
def test_a_poster_is_shown_and_scanned_by_somebody_elses_phone(
    visitor: Visitor, world: World
) -> None:
    with world.circle.store.begin() as tx:
        li = subscribers.find(tx, "sms", "+8613800000001")
        assert li is not None
        clubs.join(tx, li, "film", origin="test", now=world.clock())
    do(visitor, "text", text="邀请")
    world.work()
    shown = part(visitor, "wechat")
    found = re.search(r"/simulator/pictures/([\w-]+)", shown)
    assert found
    picture = visitor.get(found[0])
    assert picture.headers["Content-Type"] == "image/png"
    assert "韩梅梅扫这张图" in shown
    do(visitor, "scan-picture", person="韩梅梅", media=found[1])
    assert "您的朋友138****0001邀请您加入电影俱乐部" in part(visitor, "wechat", "韩梅梅")
    assert visitor.get("/simulator/pictures/none").status_code == 404
    assert "no QR code" in do(visitor, "scan-picture", person="韩梅梅", media="none")


@pytest.mark.slow
def test_a_merchants_counter_card_is_scanned_to_its_offer(visitor: Visitor, world: World) -> None:
    page = visitor.get(PAGE).text
    assert '<option value="offer-1010">offer-1010 剪发券 · 锦绣理发</option>' in page
    do(visitor, "scan", scene="offer-1010")
    world.work()
    assert "要换请回复“是”" in part(visitor, "wechat")


@pytest.mark.slow
def test_a_part_that_has_not_changed_is_not_sent_again(visitor: Visitor, world: World) -> None:
    for name in simulator.PARTS:
        first = visitor.get(f"/simulator/parts/{name}", params={"person": "李雷"})
        known = {"If-None-Match": first.headers["ETag"]}
        again = visitor.get(f"/simulator/parts/{name}", params={"person": "李雷"}, headers=known)
        assert (name, again.status_code, again.content) == (name, 304, b"")
    do(visitor, "text", text="积分")
    changed = visitor.get("/simulator/parts/wechat", params={"person": "李雷"}, headers=known)
    assert changed.status_code == 200


@pytest.mark.slow
def test_the_wire_log_gives_what_is_new_with_its_details_and_replays_it(
    visitor: Visitor, world: World
) -> None:
    do(visitor, "text", text="积分")
    entries = world.control("GET", "/wire")
    newest = next(entry for entry in entries if entry["what"] == "wechat text")
    page = visitor.get("/simulator/wire", params={"after": newest["id"] - 1}).text
    assert "wechat text" in page
    assert "&lt;Content&gt;" in page.replace("&lt;Content&gt;&lt;![CDATA[", "&lt;Content&gt;")
    assert "msg_signature" in page
    last = world.control("GET", "/wire")[-1]["id"]
    assert visitor.get("/simulator/wire", params={"after": last}).status_code == 304
    assert "HTTP 200" in do(visitor, "replay", id=str(newest["id"]))
    assert world.control("GET", "/wire")[-1]["what"] == "wechat text (replay)"


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.code)
def test_every_fault_can_be_armed_and_taken_back(
    visitor: Visitor, world: World, fault: Fault
) -> None:
    assert fault.label in do(visitor, "fault", fault=fault.code)
    assert fault.label in part(visitor, "boss")
    armed = world.control("GET", "/faults")
    assert [(one["on"], one["do"]) for one in armed] == [(fault.order["on"], fault.order["do"])]
    do(visitor, "no-faults")
    assert world.control("GET", "/faults") == []


@pytest.mark.slow
@pytest.mark.parametrize("mood", BOSS_MOODS)
def test_boss_takes_every_mood(visitor: Visitor, mood: str) -> None:
    do(visitor, "boss", mood=mood)
    shown = part(visitor, "boss")
    assert f'id="mood-{mood}" class="chip" aria-pressed="true"' in shown
    assert shown.count('aria-pressed="true"') == 1


def test_everything_on_the_phone_can_be_done(visitor: Visitor, phone: PhoneOf) -> None:
    opened = visitor.send(
        "/simulator/do/visit", form_from=PAGE, person="李雷", url=f"{visitor.site}/clubs/film"
    )
    assert "怎么加入" in opened.text
    for act in ("image", "voice", "location", "unfollow"):
        assert "delivered" in do(visitor, act)
    assert "关注公众号" in part(visitor, "menu")
    assert "Not possible" in do(visitor, "text", text="积分")
    assert "delivered" in do(visitor, "follow")
    assert "delivered" in do(visitor, "tap", key="help")
    assert phone("李雷").sees("wechat", "查积分")


@pytest.mark.slow
def test_what_cannot_be_done_is_said_in_words(visitor: Visitor) -> None:
    assert "Not possible" in do(visitor, "text", text="  ")
    assert "Not possible" in do(visitor, "scan", person="王大爷", scene="cinema-01")
    assert "Not possible" in do(visitor, "replay", id="../reset")
    assert "Not possible" in do(visitor, "confirm", order="../../reset")
    for unknown in ("fault", "boss"):
        assert "Not possible" in do(visitor, unknown)
    answer = visitor.send("/simulator/do/nothing", form_from=PAGE, person="李雷")
    assert answer.status_code == 404


def test_no_button_works_from_another_site(visitor: Visitor, world: World) -> None:
    answer = visitor.post("/simulator/do/scan", {"person": "李雷", "scene": "cinema-01"})
    assert answer.status_code == 403
    assert world.control("GET", "/phones/李雷")["wechat"] == []


def test_the_pane_opens_our_pages_as_the_person_whose_phone_it_is(visitor: Visitor) -> None:
    opening = {"channel": "wechat", "url": f"{visitor.site}/me"}
    li = visitor.get("/simulator/open", params={"person": "李雷", **opening})
    assert "138****0001" in li.text
    han = visitor.get("/simulator/open", params={"person": "韩梅梅", **opening})
    assert "138****0002" in han.text
    sms = visitor.get("/simulator/open", params={"person": "李雷", **opening, "channel": "sms"})
    assert sms.status_code == 403
    assert "WD" in sms.text
    foreign = visitor.get(
        "/simulator/open", params={"person": "李雷", **opening, "url": "https://example.com/x"}
    )
    assert "不是我们的网页" in foreign.text


def test_another_name_of_this_machine_leads_to_the_one_that_logins_come_back_to(
    visitor: Visitor,
) -> None:
    answer = visitor.session.get(
        visitor.site.replace("127.0.0.1", "localhost") + "/simulator?person=x",
        allow_redirects=False,
        timeout=60,
    )
    assert answer.headers["Location"] == f"{visitor.site}/simulator?person=x"


def test_every_code_has_a_picture_of_its_own(visitor: Visitor, world: World) -> None:
    pictures = set()
    for scene in world.circle.live().scenes:
        answer = visitor.get(f"/simulator/codes/{scene}.png")
        assert answer.headers["Content-Type"] == "image/png"
        (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(answer.content)))
        assert code.text == scene
        pictures.add(answer.content)
    assert len(pictures) == len(world.circle.live().scenes)
    assert visitor.get("/simulator/codes/no-such.png").status_code == 404


@pytest.mark.slow
def test_after_a_reset_nothing_from_before_is_shown_or_spoken_of(
    visitor: Visitor, world: World, phone: PhoneOf
) -> None:
    li = phone("李雷")
    li.scans("cinema-01")
    li.scans("club-car")  # which replaces the question before it
    assert "join_club" in part(visitor, "state")
    do(visitor, "reset")
    inside = part(visitor, "state")
    for gone in ("join_club", "短信 sms", "simulator_reset"):
        assert gone not in inside
    li.texts("是")
    assert "上一个" not in li.last("sms")
    assert li.last("sms") == world.circle.live().text("common.nothing_open", channel="sms")
    assert "短信 sms" in part(visitor, "state")


@pytest.mark.slow
def test_a_fault_pressed_twice_is_counted_and_says_what_triggers_it(visitor: Visitor) -> None:
    assert "只影响客服消息" in do(visitor, "fault", fault="late-wechat")
    assert "接下来 2 次会出现：微信回复晚到" in do(visitor, "fault", fault="late-wechat")
    assert part(visitor, "boss").count("微信回复晚到") == 1
    assert "微信回复晚到 Late WeChat reply ×2" in part(visitor, "boss")


def test_the_front_door_leads_to_the_simulator(visitor: Visitor) -> None:
    assert "<h1>模拟器" in visitor.get("/").text


@pytest.mark.slow
def test_a_link_still_to_be_made_is_shown_in_words_and_zhang_sees_his_number(
    visitor: Visitor, phone: PhoneOf
) -> None:
    phone("李雷").texts("WD")
    inside = part(visitor, "state")
    assert "{page}" not in inside
    assert "[一次性链接 → /me]" in inside
    assert "13800000004</b>，绑定时用" in visitor.get(PAGE, params={"person": "小张"}).text
    assert "绑定时用" not in visitor.get(PAGE).text


def test_without_the_emulators_the_page_says_so(world: World) -> None:
    page = _alone(world, world.circle.live, MENUS).get(PAGE)
    assert page.status_code == 200
    assert "The emulators do not answer at http://localhost:1" in page.text


@pytest.mark.slow
def test_menu_files_with_mistakes_or_not_yet_published_are_a_banner(
    world: World, tmp_path: Path
) -> None:
    folder = tmp_path / "menus"
    shutil.copytree(MENUS, folder)
    browser = _alone(world, LiveMenus(world.circle.store, read_folder(MENUS)), folder)
    assert "Not yet published" not in browser.get(PAGE).text
    menu = folder / "wechat" / "default.yaml"
    menu.write_text(menu.read_text().replace("查积分", "看积分"))
    assert "run python app.py menus publish" in browser.get(PAGE).text
    menu.write_text(menu.read_text().replace("dialog: balance", "dialog: ballance"))
    page = browser.get(PAGE).text
    assert "have mistakes" in page
    assert "default.yaml:" in page
    assert "balance" in page


def test_a_published_version_that_cannot_be_used_is_a_banner(world: World) -> None:
    live = LiveMenus(world.circle.store, read_folder(MENUS))
    live.warning = "version 7 cannot be used"
    assert "version 7 cannot be used" in _alone(world, live, MENUS).get(PAGE).text


def _alone(world: World, live: LiveMenus, folder: Path) -> FlaskClient:
    """A client of an app of the simulator alone, whose emulators are not there."""
    root = Path(simulator.__file__).parent
    app = Flask("app", template_folder=root / "templates", static_folder=root / "static")
    app.register_blueprint(
        simulator.pages(
            emulators_url="http://localhost:1",
            store=world.circle.store,
            live=live,
            menus_folder=folder,
            now=world.clock,
        )
    )
    return app.test_client()
