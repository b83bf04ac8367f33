"""What chats about invitations begin with: the rules that reward them."""

from __future__ import annotations

from models.invitations import codes
from tests import invitations
from tests.chats.given.basics import who_is
from tests.conftest import World


def rewarded(world: World) -> None:
    """`given invitations.rewarded`: the shipped rules, 100 points and 50, are live."""
    invitations.rewarding(world.circle.store, world.clock())


def code(world: World, name: str, club: str) -> None:
    """`given invitations.code 李雷 film`: their code; the dice make it the same every time."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        codes.of(tx, who_is(tx, world, name), club, now)
