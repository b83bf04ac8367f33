"""What chats with agents begin with: a tree of four, and the shop's number."""

from __future__ import annotations

from tests import agents
from tests.chats.given.basics import who_is
from tests.conftest import World


def shop(world: World, name: str) -> None:
    """`given agents.shop 韩梅梅`: this is the number of a shop in 长沙县."""
    with world.circle.store.begin() as tx:
        number = who_is(tx, world, name).msisdn
    agents.tree(world.circle.store, world.clock(), number=number or agents.SHOP)
