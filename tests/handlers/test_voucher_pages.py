"""Offers and vouchers on pages: once for each form, nobody's but their owner's, kindly refused."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from functools import partial

import pytest
import requests
import zxingcpp
from PIL import Image

from models.offers import uploads
from tests.conftest import MovableClock, Phone, World
from tests.models.conftest import at_once
from tests.models.partners import BY, TERMS
from tests.pages.visitor import Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
_HIDDEN = re.compile(r'name="(form_key|once|agreed)" value="([^"]*)"')


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    return phone("李雷")


@pytest.fixture
def visitor(world: World, li: Phone) -> Visitor:
    made = Visitor(world.url)
    made.send(fresh_link(li))
    return made


def form(visitor: Visitor, number: int = 1010) -> dict[str, str]:
    """What the form of an offer carries."""
    return dict(_HIDDEN.findall(visitor.get(f"/offers/{number}/redeem").text))


def take(visitor: Visitor, number: int = 1010) -> int:
    """Redeem an offer; the number of the voucher."""
    answer = visitor.post(f"/offers/{number}/redeem", form(visitor, number))
    assert answer.status_code == 200, answer.text
    return int(answer.url.partition("/me/vouchers/")[2].partition("?")[0])


def test_everybody_sees_offers_and_only_those_within_reach_when_asked(
    world: World, visitor: Visitor
) -> None:
    stranger = Visitor(world.url)
    page = stranger.get("/offers").text
    assert "君山银针50克" in page
    assert "我够换的" not in page
    assert "君山银针50克" not in visitor.get("/offers?reach=1").text
    assert "剪发券" in visitor.get("/offers?reach=1").text
    film = stranger.get("/offers?club=film").text
    assert "2D电影票" in film
    assert "剪发券" not in film
    food = stranger.get("/offers?kind=food").text
    assert "米粉一碗" in food
    assert "剪发券" not in food
    assert stranger.get("/offers?club=<b>&kind=%00&after=x&reach=1").status_code == 200
    assert stranger.get("/offers/1010").status_code == 200
    assert [stranger.get(f"/offers/{n}").status_code for n in (0, 999, 2**31, 10**20)] == [404] * 4
    assert stranger.get("/offers/1010/redeem").status_code == 403


def test_what_is_not_confirmed_yet_is_nobodys_to_see(world: World) -> None:
    with world.circle.store.begin() as tx:
        made = uploads.upload(tx, "jinxiu", TERMS, key="k", by=BY, now=world.clock())
        tx.exec_driver_sql("UPDATE offers SET title = '<script>alert(1)</script>'"
                           " WHERE number = 1011")  # fmt: skip
    stranger = Visitor(world.url)
    assert stranger.get(f"/offers/{made.number}").status_code == 404
    page = stranger.get("/offers/1011").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_form_sent_many_times_at_once_makes_one_voucher(world: World, visitor: Visitor) -> None:
    fields = form(visitor)
    cookies, agent = visitor.session.cookies.get_dict(), {"User-Agent": visitor.agent}

    def send() -> str:
        answer = requests.post(
            f"{world.url}/offers/1010/redeem", data=fields, cookies=cookies, headers=agent,
            allow_redirects=False, timeout=60,
        )  # fmt: skip
        return f"{answer.status_code} {answer.headers.get('Location')}"

    (went,) = set(at_once([send] * 8))
    assert went.startswith("303 /me/vouchers/")
    assert world.rows("SELECT count(*) FROM vouchers") == [(1,)]


def test_terms_that_changed_since_the_page_are_shown_anew_and_nothing_is_taken(
    world: World, visitor: Visitor
) -> None:
    fields = form(visitor)
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("UPDATE offers SET price_points = 950 WHERE number = 1010")
    answer = visitor.post("/offers/1010/redeem", fields)
    assert answer.status_code == 409
    assert "刚刚变了" in answer.text
    assert "确认，用950积分换" in answer.text
    assert world.rows("SELECT count(*) FROM vouchers") == [(0,)]


def test_a_form_of_another_site_or_without_its_key_takes_nothing(
    world: World, visitor: Visitor
) -> None:
    fields = form(visitor)
    forged = {**fields, "form_key": "A" * 43}
    assert visitor.post("/offers/1010/redeem", forged).status_code == 403
    answer = visitor.post("/offers/1010/redeem", fields, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert visitor.post("/offers/1010/redeem", {**fields, "once": "x"}).status_code == 200
    assert world.rows("SELECT count(*) FROM vouchers") == [(0,)]


def test_nobody_but_the_owner_sees_a_voucher_or_its_code(
    world: World, visitor: Visitor, phone: PhoneOf
) -> None:
    number = take(visitor)
    other, stranger = Visitor(world.url), Visitor(world.url)
    other.send(fresh_link(phone("王大爷")))
    key = other.form_key("/me")
    for path in ("", "/refund", "/give"):
        assert other.get(f"/me/vouchers/{number}{path}").status_code == 404
    for path in ("/refund", "/give"):
        fields = {"form_key": key, "phone": "13800000002", "step": "give"}
        assert other.post(f"/me/vouchers/{number}{path}", fields).status_code == 404
    assert stranger.get(f"/me/vouchers/{number}").status_code == 403
    assert world.rows("SELECT state FROM vouchers") == [("issued",)]


def test_the_picture_says_the_address_with_the_code(world: World, visitor: Visitor) -> None:
    number = take(visitor)
    answer = visitor.get(f"/me/vouchers/{number}")
    assert answer.headers["Cache-Control"] == "no-store"
    (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', answer.text)
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(base64.b64decode(picture))))
    assert [(f"{world.url}/v/" + row[0],) for row in world.rows("SELECT code FROM vouchers")] == [
        (found.text,)
    ]


def test_given_back_twice_it_is_given_back_once(world: World, visitor: Visitor) -> None:
    number = take(visitor)
    path = f"/me/vouchers/{number}/refund"
    fields = {"form_key": visitor.form_key(path)}
    for _ in range(2):
        assert "900积分已经退还" in visitor.post(path, fields).text
    assert "1580" in visitor.get("/me").text
    assert visitor.get(path).url.endswith(f"/me/vouchers/{number}")
    assert "data:image" not in visitor.get(f"/me/vouchers/{number}").text


@pytest.mark.parametrize(
    ("phone_typed", "words"),
    [("123", "手机号好像不对"), ("13911112222", "还不是我们的用户"), ("13800000001", "您自己的")],
)
def test_a_gift_that_cannot_be_made_says_why_and_keeps_what_was_typed(
    world: World, visitor: Visitor, phone_typed: str, words: str
) -> None:
    path = f"/me/vouchers/{take(visitor)}/give"
    answer = visitor.send(path, phone=phone_typed, step="ask")
    assert answer.status_code == 400
    assert words in answer.text
    assert f'value="{phone_typed}"' in answer.text
    assert world.rows("SELECT state FROM vouchers") == [("issued",)]


def test_a_gift_sent_twice_is_made_once_and_both_are_told_once(
    world: World, visitor: Visitor, phone: PhoneOf, li: Phone
) -> None:
    wang = phone("王大爷")
    path = f"/me/vouchers/{take(visitor)}/give"
    asked = visitor.send(path, phone="138 0000 0003", step="ask").text
    assert "要送给 138****0003 吗" in asked
    assert world.rows("SELECT state FROM vouchers") == [("issued",)]
    fields = {"form_key": visitor.form_key(path), "phone": "+8613800000003", "step": "give"}
    for _ in range(2):
        assert "已经送给 138****0003" in visitor.post(path, fields).text
    world.work()
    assert world.rows("SELECT state FROM vouchers ORDER BY id") == [("given",), ("issued",)]
    ((short,),) = world.rows("SELECT short_code FROM vouchers WHERE state = 'issued'")
    (told,) = wang.heard("sms")
    assert "138****0001送给您一张券：剪发券。" in told
    assert f"{short[:3]} {short[3:6]} {short[6:]}" in told
    assert sum("已送给138****0003" in said for said in li.heard("sms") + li.heard("wechat")) == 1


def test_who_tries_many_numbers_is_stopped_for_the_day(
    world: World, visitor: Visitor, clock: MovableClock
) -> None:
    path = f"/me/vouchers/{take(visitor)}/give"
    key = visitor.form_key(path)
    ask = partial(visitor.post, path)
    for n in range(20):
        said = ask({"form_key": key, "phone": f"139000000{n:02d}", "step": "ask"}).text
        assert "还不是我们的用户" in said
    assert "今天试过的号码太多了" in ask(
        {"form_key": key, "phone": "13800000003", "step": "ask"}
    ).text  # fmt: skip
