"""The pages of draws: drawing once for each form, the result, the odds, prizes and addresses."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable

import pytest

from models.draws import fairness
from tests.conftest import Phone, World
from tests.draws import POINTS, only
from tests.pages.visitor import Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
_ONCE = re.compile(r'name="once" value="([^"]+)"')


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(world.url)


@pytest.fixture
def li(visitor: Visitor, phone: PhoneOf) -> Visitor:
    """李雷, signed in."""
    visitor.send(fresh_link(phone("李雷")))
    return visitor


def draw(visitor: Visitor, price: int = 0, once: str = "") -> str:
    page = visitor.get("/draws/egg").text
    found = _ONCE.search(page)
    answer = visitor.send(
        "/draws/egg", once=once or (found[1] if found else "x" * 22), price=str(price)
    )
    return answer.text


def test_a_form_draws_once_however_often_it_is_sent(world: World, li: Visitor) -> None:
    only(world, POINTS, price_points=10)
    page = li.get("/draws/egg").text
    assert "今天还有<b>1次免费</b>的机会" in page
    once = _ONCE.search(page)
    assert once
    for _ in range(2):
        page = draw(li, once=once[1])
        assert "恭喜您抽中<b>50积分</b>" in page
    assert world.rows("SELECT count(*) FROM draw_results") == [(1,)]
    assert "抽一次用<b>10积分</b>，您有1630积分" in li.get("/draws/egg").text


def test_no_other_price_is_taken_than_was_shown(world: World, li: Visitor) -> None:
    only(world, POINTS, free_a_day=0, price_points=10)
    page = draw(li, price=9)
    assert "抽一次现在用10积分，和刚才不一样，没有扣积分" in page
    assert world.rows("SELECT count(*) FROM draw_results") == [(0,)]
    assert "恭喜您抽中" in draw(li, price=10)


def test_who_has_no_session_reads_the_odds_and_is_asked_to_sign_in(
    world: World, visitor: Visitor
) -> None:
    world.tick()
    assert "登录以后就可以抽了" in visitor.get("/draws/egg").text
    assert "砸金蛋" in visitor.get("/draws").text
    page = visitor.get("/draws/egg/odds").text
    assert "716,900" in page
    assert "我的结果" not in page
    for nowhere in ("/draws/nothing", "/draws/nothing/odds", "/draws/%00", "/draws/E"):
        assert visitor.get(nowhere).status_code == 404
    assert visitor.get("/draws/egg/20000001").status_code == 403
    assert visitor.get("/me/prizes").status_code == 403


def test_a_result_is_shown_to_its_owner_alone(world: World, li: Visitor, phone: PhoneOf) -> None:
    only(world, POINTS)
    draw(li)
    ((number,),) = world.rows("SELECT id FROM draw_results")
    assert f"CJ{number}" in li.get(f"/draws/egg/{number}").text
    han = Visitor(world.url)
    han.send(fresh_link(phone("韩梅梅")))
    assert han.get(f"/draws/egg/{number}").status_code == 404
    assert han.get(f"/me/prizes/{number}").status_code == 404
    assert "还没有奖品" in han.get("/me/prizes").text


def test_the_page_says_enough_to_compute_ones_own_number_once_the_seed_is_out(
    world: World, li: Visitor
) -> None:
    only(world, POINTS)
    draw(li)
    page = li.get("/draws/egg/odds").text
    message = re.search(r"\| (egg\|[0-9a-z]{12}\|1\|0)<", page)
    number = re.search(r"号码 ([0-9]{6})", page)
    promised = re.search(r'的种子</h2>.*?hash">([0-9a-f]{64})', page, re.DOTALL)
    assert message
    assert number
    assert promised
    assert "种子：" not in page
    world.clock.advance(days=1, minutes=20)
    world.tick()
    page = li.get("/draws/egg/odds").text
    # Close to midnight two days have ended by now: ours is the one with a result.
    seed = re.search(
        r'种子：<span class="hash">([0-9a-f]{64})</span></span>\s*[^\n]*当天 1 个', page
    )
    assert seed
    assert fairness.commitment(seed[1]) in page
    digest = hmac.new(bytes.fromhex(seed[1]), message[1].encode(), hashlib.sha256).digest()
    words = [int.from_bytes(digest[at : at + 4], "big") for at in range(0, 32, 4)]
    assert next(word for word in words if word < 4_294_000_000) % 1_000_000 == int(number[1])


def test_a_parcel_gets_an_address_which_can_be_mended_until_it_leaves(
    world: World, li: Visitor
) -> None:
    only(world, {"title": "电热水壶", "kind": "parcel"})
    assert "填写收货地址" in draw(li)
    ((number,),) = world.rows("SELECT id FROM draw_results")
    path = f"/me/prizes/{number}"
    bad = li.send(path, name="", phone="abc", address="长沙")
    assert bad.status_code == 400
    for said in ("请写收件人的姓名", "请写一个能联系到的电话号码", "请写详细地址"):
        assert said in bad.text
    assert 'value="abc"' in bad.text
    good = li.send(path, name="李雷", phone="13800000001", address="湖南省长沙市五一大道1号")
    assert "地址已经记下" in good.text
    li.send(path, name="李雷", phone="13800000001", address="湖南省长沙市五一大道2号")
    assert world.rows("SELECT state, address FROM draw_deliveries") == [
        ("to_send", "湖南省长沙市五一大道2号")
    ]
    assert "等待寄出" in li.get("/me/prizes").text


def test_hostile_fields_are_refused_without_an_error_of_ours(world: World, li: Visitor) -> None:
    only(world, POINTS)
    for fields in (
        {"once": "x", "price": "0"}, {"once": "x" * 22, "price": "-1"}, {},
        {"once": "x" * 22, "price": "9" * 40},
    ):  # fmt: skip
        assert li.send("/draws/egg", **fields).status_code == 200
    assert world.rows("SELECT count(*) FROM draw_results") == [(0,)]
    assert li.get("/me/prizes?before=x").status_code == 200
    assert li.get("/me/prizes?before=99999999999999999999").status_code in (200, 404)
    assert li.get("/draws/egg/99999999999999999999").status_code == 404


def test_a_voucher_that_was_won_is_shown_and_not_paid_back(world: World, li: Visitor) -> None:
    only(world, {"title": "洗车小券", "kind": "voucher", "offer": "carwash-part"})
    draw(li)
    ((number, result),) = world.rows("SELECT voucher_id, result_id FROM draw_deliveries")
    assert f"/me/vouchers/{number}" in li.get(f"/me/prizes/{result}").text
    page = li.get(f"/me/vouchers/{number}").text
    assert "最晚用到" in page
    assert "退回积分" not in page
    li.send(f"/me/vouchers/{number}/refund", form_from="/me")
    assert world.rows("SELECT state FROM vouchers") == [("issued",)]
    world.clock.advance(days=40)
    world.tick()
    assert world.rows("SELECT state, refund_serial FROM vouchers") == [("expired", None)]
    back = "SELECT sum(balance) FROM points_accounts WHERE kind = 'merchant:jieli'"
    assert world.rows(back) == [(0,)]
