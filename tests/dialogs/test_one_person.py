"""J7: who was two, by WeChat and by SMS, is one: the sum of points, the union of all else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest

from dialogs import pages
from models import clubs, points, subscribers
from models.base import Tx
from models.points import exchange, verify
from models.subscribers import Subscriber
from models.vouchers import having, redeeming
from tests.conftest import MovableClock, Phone, World
from tests.pages.visitor import Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
UNTIL = date(2099, 12, 31)
COIN = 10  # points
# By WeChat before anybody knew the number, and by SMS before anybody knew the WeChat.
OPENID, NUMBER = "o_xiaozhang", "+8613800000004"


@pytest.fixture
def two(world: World, clock: MovableClock) -> tuple[Subscriber, Subscriber]:
    """Points, coins, clubs and vouchers on both sides."""
    with world.circle.store.begin() as tx:
        by_wechat = subscribers.lock(tx, "wechat", OPENID, clock())
        by_sms = subscribers.lock(tx, "sms", NUMBER, clock())
        _has(tx, by_wechat, {points.CONSUMPTION: 2000, points.PROMOTIONAL: 37}, clock)
        _has(tx, by_sms, {points.CONSUMPTION: 3000, points.PROMOTIONAL: 5}, clock)
        for who, joined in ((by_wechat, ("film", "sports")), (by_sms, ("film", "car"))):
            for club in joined:
                clubs.join(tx, who, club, origin="import", now=clock())
        for who, offer in ((by_wechat, "haircut"), (by_sms, "noodles")):
            redeeming.redeem(
                tx, who, offer, key=f"before:{who.id}", channel="sms", origin="test", now=clock()
            )
    return by_wechat, by_sms


def _has(tx: Tx, who: Subscriber, amounts: dict[str, int], clock: MovableClock) -> None:
    for kind, amount in amounts.items():
        cause = points.Cause(f"had:{who.id}:{kind}", "test", "import", "tests")
        points.issue(tx, who, kind=kind, points=amount, expires_on=UNTIL, cause=cause, now=clock())
    bought = points.Cause(f"coins:{who.id}", "test", "import", "tests")
    exchange.buy_coins(tx, who, coins=3, points_per_coin=COIN, cause=bought, now=clock())


def _lots(world: World, *people: Subscriber) -> dict[tuple[str, str, date], int]:
    """What they have together: (unit, kind, last day) -> amount."""
    found = world.rows(
        "SELECT unit, kind, expires_on, sum(balance)::int FROM points_accounts"
        " WHERE subscriber_id = ANY (%s) AND balance <> 0 GROUP BY 1, 2, 3",
        [who.id for who in people],
    )
    return {(unit, kind, day): amount for unit, kind, day, amount in found}


def _bind(zhang: Phone) -> None:
    zhang.says("绑定")
    zhang.says(NUMBER.removeprefix("+86"))
    (code,) = re.findall(r"验证码是(\d{6})", zhang.last("sms"))
    assert "绑定好了" in zhang.says(code)["reply"]["text"]


def test_two_who_are_one_keep_the_sum_of_points_and_the_union_of_all_else(
    world: World, phone: PhoneOf, two: tuple[Subscriber, Subscriber], clock: MovableClock
) -> None:
    by_wechat, by_sms = two
    before = _lots(world, by_wechat, by_sms)
    _bind(phone("小张"))
    assert _lots(world, by_sms) == before
    assert _lots(world, by_wechat) == {}
    with world.circle.store.begin() as tx:
        one = subscribers.find(tx, "wechat", OPENID)
        assert one is not None
        assert one.id == by_sms.id
        joined = {club.code for club in clubs.joined(tx, one)}
        titles = {held.voucher.title for held in having.usable(tx, one, clock(), 10)}
    with world.circle.store.begin() as tx:
        assert [check for check in verify.verify(tx).checks if check.wrong] == []
    assert joined == {"film", "sports", "car"}
    assert titles == {"剪发券", "米粉一碗"}


def test_binding_twice_adds_nothing(
    world: World, phone: PhoneOf, two: tuple[Subscriber, Subscriber]
) -> None:
    zhang = phone("小张")
    _bind(zhang)
    once = _lots(world, two[1])
    zhang.says("绑定")
    zhang.says("是")
    assert "已经绑定了" in zhang.says(NUMBER.removeprefix("+86"))["reply"]["text"]
    assert _lots(world, two[1]) == once


def test_every_door_tells_the_same_balance(
    world: World, phone: PhoneOf, two: tuple[Subscriber, Subscriber], clock: MovableClock
) -> None:
    zhang = phone("小张")
    _bind(zhang)
    with world.circle.store.begin() as tx:
        total = points.balance(tx, two[1], now=clock(), expiring_days=30).total
    zhang.texts("JF")
    visitor = Visitor(world.url)
    by_door = {
        "a tap": zhang.taps("balance")["reply"]["text"],
        "words in WeChat": zhang.says("查积分")["reply"]["text"],
        "an SMS": next(said for said in reversed(zhang.heard("sms")) if "积分（" in said),
        "the account's page": visitor.send(fresh_link(zhang)).text,
        "the page of points": visitor.get(pages.ACCOUNT + "/points").text,
    }
    for door, said in by_door.items():
        assert str(total) in said.replace(",", ""), f"{door}: not {total} in {said[:400]}"
