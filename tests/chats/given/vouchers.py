"""Vouchers that somebody has, or has used."""

from __future__ import annotations

from dialogs import verified
from models.vouchers import redeeming, verifying
from models.vouchers.verifying import Till
from models.vouchers.vouchers import Voucher
from tests.chats.given.basics import who_is
from tests.conftest import World

MERCHANTS = {"haircut": "jinxiu", "noodles": "xiangwei", "carwash": "jieli"}


def has(world: World, name: str, offer: str) -> Voucher:
    """`given vouchers.has 李雷 haircut`: paid with their points."""
    with world.circle.store.begin() as tx:
        return redeeming.redeem(
            tx, who_is(tx, world, name), offer, key=f"given:{name}:{offer}", channel="sms",
            origin="given", now=world.clock(),
        )  # fmt: skip


def used(world: World, name: str, offer: str) -> None:
    """`given vouchers.used 李雷 haircut`: taken, and verified at the till; they are told."""
    voucher, till = has(world, name, offer), Till(MERCHANTS[offer], 1, "staff:1")
    now = world.clock()
    with world.circle.store.begin() as tx:
        done = verifying.verify(tx, till, voucher.code, key="given", now=now)
        verified.tell(tx, world.circle.engine, done, now)
