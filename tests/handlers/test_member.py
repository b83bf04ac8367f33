"""The H5 pages: what a member, a newcomer and a stranger see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dialogs.live import check
from handlers import member_words
from menus.menus import Route, read_folder
from models import clubs
from sms import replies
from tests.conftest import Boss, Phone, World
from tests.pages.visitor import Visitor, fresh_link, link_in

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world.url)


def test_the_account_shows_points_by_kind_their_value_and_what_runs_out(
    visitor: Visitor, li: Phone
) -> None:
    page = visitor.send(fresh_link(li)).text
    assert "138****0001" in page
    assert "13800000001" not in page
    for shown in ("1580", "1200", "380", "约值 47.40元", "80积分", "最晚用到"):
        assert shown in page
    assert "您还没有加入俱乐部" in page
    assert '/clubs/film"' in page


def test_a_member_sees_tickets_in_points_and_yuan(visitor: Visitor, li: Phone, boss: Boss) -> None:
    li.scans("cinema-01")
    li.texts("是")
    boss.answers()
    page = visitor.send(link_in(li.last("sms"))).text
    assert "您是会员" in page
    assert "怎么加入" not in page
    prices = ("或 35.00元", "加 15.00元", "每月 <strong>5.00元")
    for shown in ("会员电影票", "大河之上", "1200积分", *prices):
        assert shown in page
    assert "会员</span>" in visitor.get("/me").text


def test_who_is_no_member_reads_how_to_join_and_while_it_opens_to_wait(
    visitor: Visitor, li: Phone
) -> None:
    visitor.send(fresh_link(li))
    page = visitor.get("/clubs/film").text
    assert "加入电影俱乐部" in page
    assert "您是会员" not in page
    li.scans("cinema-01")
    li.texts("是")
    assert "正在为您开通" in visitor.get("/clubs/film").text
    free = visitor.get("/clubs/vip").text
    assert "不收月费" in free


@pytest.mark.slow
def test_what_the_club_page_says_to_send_opens_that_club(world: World) -> None:
    menus = check(read_folder(Path(__file__).parents[2] / "menus"))
    for club in world.circle.store.read(clubs.all_open):
        word = menus.word(replies.normalise(f"加入{club.name}"))
        assert word is not None, club.name
        assert word.route == Route("join_club", {"club": club.code})


def test_an_unknown_club_and_an_unknown_address_are_a_page_that_helps(visitor: Visitor) -> None:
    for path in ("/clubs/nope", "/clubs/", "/no/such/page"):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert "没有找到这个页面" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/clubs/%00", "/clubs/%FF%FE", "/clubs/" + "x" * 5000, "/clubs/..%2f..%2fetc", "/l/%00",
        "/l/" + "a" * 3000, "/l/%E4%BD%A0", "/oauth/callback", "/oauth/callback?state=%00&code=%00",
        "/oauth/callback?state=" + "0" * 32 + "&code=x", "/me?a=%ff", "/clubs/'%20OR%201=1",
    ],
)  # fmt: skip
def test_hostile_addresses_are_refused_without_an_error_of_ours(
    visitor: Visitor, path: str
) -> None:
    cookies = {"circle_session": "' OR 1=1", "form": "\u00e9".encode().decode("latin-1")}
    assert 400 <= visitor.get(path, cookies=cookies).status_code < 500


def test_every_page_carries_the_security_headers(visitor: Visitor) -> None:
    for path in ("/me", "/clubs/nope", "/l/aaaaaaaaaa", "/nowhere"):
        headers = visitor.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_days_are_named_as_people_name_them() -> None:
    today = date(2026, 12, 30)
    assert member_words.day(today, today) == "今天 12月30日 周三"
    assert member_words.day(date(2026, 12, 31), today) == "明天 12月31日 周四"
    assert member_words.day(date(2027, 1, 2), today) == "2027年1月2日 周六"
    assert member_words.yuan(2500) == "25.00元"
    assert member_words.yuan(550) == "5.50元"
    assert member_words.yuan(10_000) == "100.00元"


def test_the_short_link_of_a_counter_card_leads_to_its_offer(visitor: Visitor) -> None:
    answer = visitor.session.get(f"{visitor.site}/o/1001", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/offers/1001")
    for strange in ("/o/", "/o/x", "/o/-1", "/o/99999999999"):
        assert visitor.get(strange).status_code == 404
