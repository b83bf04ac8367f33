"""Movements of points for the tests of pages: earned, spent, given, reserved, expired."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from models import points, subscribers
from models.base import HOUSE, Tx
from models.points import COINS, Account, Leg
from models.subscribers import Subscriber
from tests.conftest import World


def person(tx: Tx, number: str) -> Subscriber:
    """Somebody of the sample data."""
    found = subscribers.find(tx, "sms", number)
    assert found is not None
    return found


def cause(key: str, reason: str) -> points.Cause:
    return points.Cause(key, reason, "sms", "tests")


def a_busy_month(world: World, *, earned: int = 30) -> None:
    """Some of each for 李雷 (who began with 1580), within the last days."""
    now = world.clock()
    soon = points.day_of(now) + timedelta(days=300)
    with world.circle.store.begin() as tx:
        li, han = person(tx, "+8613800000001"), person(tx, "+8613800000002")
        for n in range(earned):
            points.issue(
                tx, li, kind=points.KINDS[n % 2], points=10, expires_on=soon,
                cause=cause(f"e{n}", "earn"), now=now + timedelta(minutes=n),
            )  # fmt: skip
        now += timedelta(hours=1)
        points.spend(tx, li, points=100, into=points.SPENT, cause=cause("film", "ticket"), now=now)
        points.transfer(tx, payer=li, payee=han, points=50, cause=cause("g", "gift"), now=now)
        points.transfer(tx, payer=han, payee=li, points=20, cause=cause("h", "gift"), now=now)
        points.move(
            tx, payer=li.id, payer_kinds=points.KINDS, payee=li.id, payee_kind="held",
            payee_expires_on=None, points=200, unit=points.POINTS, cause=cause("r", "hold"),
            now=now,
        )  # fmt: skip
        points.issue(
            tx, li, kind=points.PROMOTIONAL, points=30, expires_on=soon, unit=COINS,
            cause=cause("c", "exchange"), now=now,
        )  # fmt: skip
        points.spend(
            tx, li, points=5, into=points.SPENT, cause=cause("x", "=HYPERLINK(1)"), now=now
        )


def expired(world: World, points_left: int = 7) -> None:
    """A lot of 李雷 whose day has passed, not booked out yet."""
    now = world.clock()
    yesterday = points.day_of(now) - timedelta(days=1)
    at = datetime.combine(yesterday, time(4), UTC)
    with world.circle.store.begin() as tx:
        li = person(tx, "+8613800000001")
        source = Account(HOUSE, points.ISSUING, points.NEVER)
        lot = Account(li.id, points.PROMOTIONAL, yesterday)
        points.post(
            tx, [Leg(points_left, source, lot)], request="old", cause=cause("old", "campaign"),
            now=at,
        )  # fmt: skip
