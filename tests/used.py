"""Vouchers that people of a world have used, as a till leaves them behind."""

from __future__ import annotations

from datetime import datetime, timedelta

from dialogs import verified
from models import points, subscribers
from models.base import Tx
from models.points import SHANGHAI
from models.subscribers import Subscriber
from models.vouchers import redeeming, verifying
from models.vouchers.verifying import Till
from models.vouchers.vouchers import Voucher
from tests.conftest import World

TILL = Till("jinxiu", 1, "staff:1")
PRICE = 900  # points, of the haircut
UNTIL = timedelta(days=400)  # the first lot's last day is; the second's a year later


def by_day(world: World, hour: int = 10) -> None:
    """Move on to an hour of the next day in China: by night nobody is asked anything."""
    local = world.clock().astimezone(SHANGHAI)
    wanted = (local + timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)
    world.clock.advance(seconds=(wanted - local).total_seconds())


def person(world: World, msisdn: str) -> Subscriber:
    found = world.circle.store.read(lambda tx: subscribers.find(tx, "sms", msisdn))
    assert found is not None
    return found


def redeemed(
    world: World, who: Subscriber, *, key: str = "haircut", face_fen: int = 4000
) -> Voucher:
    """A haircut, paid out of two lots; what it is worth to the barber is in `pays_cents`."""
    now = world.clock()
    today = points.day_of(now)

    def take(tx: Tx) -> Voucher:
        tx.exec_driver_sql("UPDATE offers SET face_fen = %s WHERE code = 'haircut'", (face_fen,))
        for n, part in enumerate((500, 600)):
            points.issue(
                tx, who, kind=points.CONSUMPTION, points=part, now=now,
                cause=points.Cause(f"{key}:{who.id}:{n}", "test", "sms", "tests"),
                expires_on=today + UNTIL * (n + 1),
            )  # fmt: skip
        return redeeming.redeem(tx, who, "haircut", key=key, channel="sms", origin=key, now=now)

    return world.circle.store.run(take)


def used(world: World, voucher: Voucher, *, key: str = "form") -> datetime:
    """Verify it at the barber's till, which tells the owner; says when."""
    now = world.clock()

    def verify(tx: Tx) -> None:
        done = verifying.verify(tx, TILL, voucher.code, key=key, now=now)
        verified.tell(tx, world.circle.engine, done, now)

    world.circle.store.run(verify)
    world.work()
    return now
