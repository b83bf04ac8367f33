"""Many messages of one person at the same instant, on a real PostgreSQL, with threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dialogs.inbound import Inbound
from models import binding, subscribers
from tests.conftest import MovableClock, Phone, World

ROUNDS = 20
AT_ONCE = 12

pytestmark = pytest.mark.slow


def _at_the_same_instant(world: World, messages: list[Inbound]) -> list[str]:
    """Each message on a thread of its own, released together, as the doors hand them over."""
    barrier = threading.Barrier(len(messages))

    def say(inbound: Inbound) -> str:
        barrier.wait()
        return world.circle.answering.answer(inbound).text

    with ThreadPoolExecutor(len(messages)) as pool:
        return list(pool.map(say, messages))


def _sms(sender: str, text: str, key: str) -> Inbound:
    return Inbound(key=key, channel="sms", sender=sender, kind="text", value=text)


def test_twelve_yes_at_the_same_instant_make_one_call(world: World) -> None:
    for round_no in range(ROUNDS):
        sender = f"+86139{round_no:08d}"
        world.circle.answering.answer(_sms(sender, "JR电影", f"open:{round_no}"))
        world.work()  # the question has been sent
        yes = [_sms(sender, "是", f"yes:{round_no}:{n}") for n in range(AT_ONCE)]
        _at_the_same_instant(world, yes)
    calls = world.rows("SELECT subscriber_id, count(*) FROM outbox WHERE kind = 'call' GROUP BY 1")
    assert [count for _, count in calls] == [1] * ROUNDS
    assert world.rows("SELECT count(*) FROM membership_changes") == [(ROUNDS,)]


def test_twelve_first_messages_of_a_newcomer_make_one_subscriber(world: World) -> None:
    before = world.rows("SELECT count(*) FROM subscribers")[0][0]
    for round_no in range(10):
        sender = f"+86137{round_no:08d}"
        words = [_sms(sender, "JF", f"new:{round_no}:{n}") for n in range(AT_ONCE)]
        _at_the_same_instant(world, words)
    assert world.rows("SELECT count(*) FROM subscribers") == [(before + 10,)]


def test_a_repeat_that_overtakes_the_first_delivery_gets_its_reply(world: World) -> None:
    for round_no in range(20):
        same = Inbound(
            key=f"wx:{round_no}", channel="wechat", sender="o_lilei", kind="scan",
            value="cinema-01",
        )  # fmt: skip
        replies = _at_the_same_instant(world, [same] * 6)
        assert len(set(replies)) == 1
        assert "短信" in replies[0]
    assert world.rows("SELECT count(*) FROM outbox WHERE kind = 'sms'") == [(20,)]


def test_an_answer_and_a_timeout_at_the_same_instant_have_one_winner(
    world: World, phone: Callable[[str], Phone], clock: MovableClock
) -> None:
    li = phone("李雷")
    for round_no in range(10):
        li.scans("club-car" if round_no % 2 else "club-film")
        clock.advance(hours=25)
        row: list[Any] = world.rows("SELECT subscriber_id, id, wait_no FROM conversations"
                                    " WHERE state = 'asking'")  # fmt: skip
        subscriber_id, conversation_id, wait_no = row[0]

        def time_out(
            who: int = subscriber_id, talk: int = conversation_id, wait: int = wait_no
        ) -> bool:
            engine, now = world.circle.engine, clock()
            return world.circle.store.run(lambda tx: engine.time_out(tx, who, talk, wait, now))

        said_no = _sms("+8613800000001", "否", f"no:{round_no}")
        with ThreadPoolExecutor(2) as pool:
            timed_out = pool.submit(time_out)
            pool.submit(world.circle.answering.answer, said_no).result()
            timed_out.result()
        # Whoever comes first ends it, and what is over is over.
        ended = "SELECT ended_as FROM conversations WHERE id = %s"
        assert world.rows(ended, conversation_id) == [("expired",)]
    assert world.rows("SELECT count(*) FROM consents") == [(0,)]


def test_two_bindings_of_one_number_at_the_same_instant_leave_one_link(world: World) -> None:
    store, now = world.circle.store, world.clock()

    def bind(openid: str) -> None:
        def work(tx: Any) -> None:
            who = subscribers.lock(tx, "wechat", openid, now)
            binding.bind(tx, who, "+8613800000003", origin=openid, now=now)

        store.run(work)

    for round_no in range(10):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(bind, [f"o_race{round_no}_{n}" for n in range(4)]))
    links = world.rows(
        "SELECT count(*) FROM subscriber_addresses a JOIN subscriber_addresses n"
        " USING (subscriber_id) WHERE n.address = '+8613800000003' AND a.channel = 'wechat'"
    )
    assert links == [(1,)]
    assert world.rows("SELECT sum(balance) FROM points_accounts") == [(0,)]
