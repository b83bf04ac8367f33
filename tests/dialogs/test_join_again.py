"""Coming back to a club: what was left goes on, and a term that has a price is asked about."""

from __future__ import annotations

from collections.abc import Callable

from models import clubs, memberships, points, subscribers
from models.base import Tx
from models.subscribers import Subscriber
from tests.conftest import Boss, MovableClock, Phone, World
from tests.models.test_memberships_again import PRICE, publish

PhoneOf = Callable[[str], Phone]


def who(world: World, phone: Phone) -> Subscriber:
    found = world.circle.store.read(lambda tx: subscribers.find(tx, "sms", phone.msisdn))
    assert found is not None
    return found


def has(world: World, phone: Phone) -> int:
    found = who(world, phone)
    return world.circle.store.read(
        lambda tx: points.balance(tx, found, now=world.clock(), expiring_days=1)
    ).usable


def test_after_the_grace_the_price_is_said_and_taken_when_boss_has_opened_it(
    world: World, phone: PhoneOf, clock: MovableClock, boss: Boss
) -> None:
    li = phone("李雷")

    def was_member(tx: Tx) -> None:
        publish(tx)
        found = subscribers.lock(tx, "sms", li.msisdn, clock())
        memberships.join(tx, found, "film", origin="t", now=clock())
        clubs.leave(tx, found, "film", origin="t", now=clock())

    world.circle.store.run(was_member)
    clock.advance(days=60)
    before = has(world, li)
    assert before >= PRICE
    li.texts("加入电影")
    assert f"用{PRICE}积分，开通时才扣" in li.last("sms")
    li.texts("是")
    boss.answers()
    found = who(world, li)
    one = world.circle.store.read(lambda tx: memberships.find(tx, found, "film"))
    assert one is not None
    assert (one.state, one.ends_on is not None) == ("active", True)
    assert world.rows("SELECT count(*) FROM membership_changes WHERE serial IS NOT NULL") == [(1,)]
    paid = world.rows("SELECT sum(points) FROM points_legs WHERE payee_kind = 'club:film'")
    assert paid == [(PRICE,)]


def test_who_has_too_few_points_hears_how_many_it_takes(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    han = phone("韩梅梅")

    def was_member(tx: Tx) -> None:
        publish(tx, price=999_999)
        found = subscribers.lock(tx, "sms", han.msisdn, clock())
        memberships.join(tx, found, "film", origin="t", now=clock())
        clubs.leave(tx, found, "film", origin="t", now=clock())

    world.circle.store.run(was_member)
    clock.advance(days=60)
    han.texts("加入电影")
    assert "积分还不够：要999999积分" in han.last("sms")
