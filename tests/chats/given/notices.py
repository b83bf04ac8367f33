"""What somebody was told."""

from __future__ import annotations

from dialogs import notices
from tests.chats.given.basics import who_is
from tests.conftest import World


def told(world: World, name: str, *titles: str) -> None:
    """`given notices.told 王大爷 剪发券`: that a gift came back, of each voucher, an hour apart."""
    for n, title in enumerate(titles, 1):
        with world.circle.store.begin() as tx:
            notices.tell(
                tx, world.circle.live(), who_is(tx, world, name), "vouchers.gift_came_back",
                kind="gifts", now=world.clock(), title=title, price=100 * n, serial=10_000_000 + n,
            )  # fmt: skip
        world.clock.advance(hours=1)
