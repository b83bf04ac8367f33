"""Gifts and exchanges answered at the same instant: each once, and no point made or lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dialogs.inbound import Inbound
from models.points import verify
from tests.conftest import World

pytestmark = pytest.mark.slow

LI, HAN, WANG = "+8613800000001", "+8613800000002", "+8613800000003"
HAS = (
    "SELECT n.address, sum(a.balance)::int FROM points_accounts a"
    " JOIN subscriber_addresses n USING (subscriber_id)"
    " WHERE n.channel = 'sms' AND a.unit = 'points' AND n.address = ANY (%s) GROUP BY 1"
)


def has(world: World) -> dict[str, int]:
    return dict(world.rows(HAS, [LI, HAN, WANG]))


def say(world: World, sender: str, text: str, key: str) -> None:
    world.circle.answering.answer(
        Inbound(key=key, channel="sms", sender=sender, kind="text", value=text)
    )


def at_once(world: World, messages: list[tuple[str, str, str]]) -> None:
    barrier = threading.Barrier(len(messages))

    def one(message: tuple[str, str, str]) -> None:
        barrier.wait()
        say(world, *message)

    with ThreadPoolExecutor(len(messages)) as pool:
        list(pool.map(one, messages))


def test_a_yes_however_often_and_however_delivered_gives_once(world: World) -> None:
    before = has(world)
    for turn in range(3):
        say(world, LI, "ZZ13800000002 10", f"ask {turn}")
        world.work()
        same = [(LI, "是", f"yes {turn}")] * 4
        others = [(LI, "是", f"yes {turn} {n}") for n in range(4)]
        at_once(world, [*same, *others])
    after = has(world)
    assert (after[LI], after[HAN]) == (before[LI] - 30, before[HAN] + 30)


def test_a_ring_of_gifts_and_exchanges_at_the_same_instant(world: World) -> None:
    before = has(world)
    ring = [(LI, HAN), (HAN, WANG), (WANG, LI)]
    for turn in range(4):
        for payer, payee in ring:
            say(world, payer, f"ZZ{payee[3:]} 7", f"ask {turn} {payer}")
        world.work()
        yes = [(payer, "是", f"yes {turn} {payer}") for payer, _ in ring]
        at_once(world, yes)
        way = "换积分1" if turn % 2 else "换币1"
        for payer, _ in ring:
            say(world, payer, way, f"coins {turn} {payer}")
        world.work()
        at_once(world, [(payer, "是", f"coins yes {turn} {payer}") for payer, _ in ring])
    assert has(world) == before
    with world.circle.store.begin() as tx:
        assert [check for check in verify.verify(tx).checks if check.wrong] == []


def test_the_last_points_are_given_to_one_of_two(world: World) -> None:
    """Both questions of one person cannot be open; but a page and a chat can."""
    before = has(world)
    say(world, WANG, f"ZZ13800000001 {before[WANG]}", "ask")
    world.work()
    at_once(world, [(WANG, "是", "yes"), (LI, "JF", "look"), (WANG, "是", "again")])
    after = has(world)
    assert after.get(WANG, 0) == 0
    assert after[LI] == before[LI] + before[WANG]
