"""Invitations on pages: what a friend sees, what a member sees, and the same limits as in chat."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
import zxingcpp
from PIL import Image

from models import clubs, subscribers
from models.invitations import codes
from tests.conftest import Phone, World
from tests.invitations import rewarding
from tests.pages.visitor import IN_WECHAT, Visitor, fresh_link
from tests.used import by_day

PhoneOf = Callable[[str], Phone]
MINE = "/me/invitations"


@pytest.fixture
def environment() -> dict[str, str]:
    return {"CIRCLE_INVITATIONS__SMS_A_DAY": "2", "CIRCLE_PAGES__LINKS_AN_HOUR": "5"}


@pytest.fixture(autouse=True)
def _rewards(world: World) -> None:
    rewarding(world.circle.store, world.clock())


def member(world: World, who: Phone, club: str = "film") -> int:
    """Make somebody a member; the number of their code."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        found = subscribers.find(tx, "sms", who.msisdn)
        assert found is not None
        clubs.join(tx, found, club, origin="test", now=now)
        return codes.of(tx, found, club, now).number


@pytest.fixture
def number(world: World, phone: PhoneOf) -> int:
    """The code of 李雷, of the film club."""
    return member(world, phone("李雷"))


def signed_in(world: World, who: Phone) -> Visitor:
    made = Visitor(world.url)
    made.send(fresh_link(who))
    return made


def test_everybody_sees_who_invites_to_what_and_the_code_of_wechat(
    world: World, number: int
) -> None:
    page = Visitor(world.url).get(f"/i/{number}")
    assert page.status_code == 200
    for words in ("138****0001", "邀请您加入电影俱乐部", "每月5元", "50积分", f"YQ{number}"):
        assert words in page.text
    assert "13800000001" not in page.text
    assert "data:image/png;base64," in page.text
    assert "长按下面的二维码" in Visitor(world.url, agent=IN_WECHAT).get(f"/i/{number}").text


def test_wechat_that_is_down_costs_the_code_and_nothing_else(world: World, number: int) -> None:
    world.fault("wechat.api", "error", path="qrcode", code=-1)
    page = Visitor(world.url).get(f"/i/{number}")
    assert page.status_code == 200
    assert "data:image" not in page.text
    assert f"YQ{number}" in page.text


def test_who_tries_numbers_that_are_nobodys_is_held_up(world: World, number: int) -> None:
    stranger = Visitor(world.url)
    tries = [stranger.get(f"/i/{one}").status_code for one in range(100_000_000, 100_000_006)]
    assert tries == [404] * 5 + [429]
    assert stranger.get(f"/i/{number}").status_code == 200
    assert stranger.get("/i/1").status_code == 429
    assert stranger.get(f"/i/{10**30}").status_code == 429


def test_a_friend_with_a_session_takes_it_and_is_led_to_the_club(
    world: World, phone: PhoneOf, number: int
) -> None:
    han = signed_in(world, phone("韩梅梅"))
    answer = han.send(f"/i/{number}")
    assert answer.url.endswith("/clubs/film")
    assert world.rows("SELECT state, way FROM invitations") == [("accepted", "link")]
    li = signed_in(world, phone("李雷"))
    assert "这是您自己的邀请" in li.get(f"/i/{number}").text
    stranger = Visitor(world.url)
    assert stranger.get(f"/i/{number}?me=1").status_code == 403
    assert stranger.post(f"/i/{number}", {"form_key": "x"}).status_code == 403


def test_a_member_sees_posters_links_and_friends(world: World, phone: PhoneOf, number: int) -> None:
    li = signed_in(world, phone("李雷"))
    page = li.get(MINE).text
    assert f"{world.url}/i/{number}" in page
    assert "您得100积分，朋友得50积分" in page
    picture = li.get(f"{MINE}/film.png")
    assert picture.headers["Content-Type"] == "image/png"
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.content)))
    assert world.control("POST", "/wechat/o_xiaozhang/scan", url=code.text)["status"] == 200
    assert "微信朋友还没加入" in li.get(MINE).text
    assert li.get(f"{MINE}/car.png").status_code == 404
    assert Visitor(world.url).get(f"{MINE}/film.png").status_code == 403
    nobody = signed_in(world, phone("王大爷"))
    assert "加入了俱乐部，就能邀请朋友" in nobody.get(MINE).text


def test_a_number_is_asked_after_a_confirmation_and_within_the_same_limits(
    world: World, phone: PhoneOf, number: int
) -> None:
    by_day(world)
    li, wang = signed_in(world, phone("李雷")), phone("王大爷")

    def post(step: str, to: str, club: str = "film") -> str:
        fields = {"form_key": li.form_key(MINE), "step": step, "phone": to, "club": club}
        return li.post(MINE, fields).text

    assert "手机号好像不对" in post("ask", "138")
    assert 'value="138"' in post("ask", "138")
    assert "您自己的手机号" in post("ask", "13800000001")
    assert "手机号好像不对" in post("ask", "+1 202 555 0143")
    assert "加入了俱乐部" in post("ask", "13800000003", "car")
    asked = post("ask", "138 0000 0003")
    assert "要邀请 138****0003 吗" in asked
    assert re.search(r'name="phone" value="\+8613800000003"', asked)
    assert world.rows("SELECT 1 FROM invitations") == []
    assert "我们会在白天发短信" in post("send", "+8613800000003")
    world.tick()
    assert "138****0001想请您加入" in wang.last("sms")
    post("send", "13900000001")
    assert "今天已经帮您问了2位朋友" in post("send", "13900000009")
