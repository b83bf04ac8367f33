"""The clock: one leads, waits end, and what was left behind is swept up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

import pytest
import rq
from structlog.testing import capture_logs

from models import conversations, inbox
from models.conversations import Conversation
from models.store import Store
from tests.conftest import MovableClock, Phone, World
from tests.running import wait_for
from tests.workers.conftest import Owing
from workers.clock import LEADER_LOCK, Clock

PhoneOf = Callable[[str], Phone]


def _waiting(world: World) -> int:
    return int(rq.Queue("reply", connection=world.circle.redis).count)


def test_what_was_owed_but_never_nudged_is_swept_up(
    world: World, owing: Owing, phone: PhoneOf
) -> None:
    owing.sms()
    assert _waiting(world) == 0
    world.circle.clock.tick()
    assert _waiting(world) == 1
    world.tick()
    assert phone("王大爷").heard("sms") == ["您好"]


def test_what_a_dead_worker_held_is_given_back_when_its_lease_runs_out(
    world: World, owing: Owing, phone: PhoneOf, clock: MovableClock
) -> None:
    row = owing.sms()
    world.circle.desk.take("reply", 1)
    world.tick()
    assert owing.get(row).state == "taken"
    clock.advance(seconds=world.circle.settings.outbox.lease_s + 1)
    world.tick()
    assert owing.get(row).state == "delivered"
    assert phone("王大爷").heard("sms") == ["您好"]


def _broken_wait(world: World, owing: Owing, now: datetime) -> int:
    """A conversation of a dialog that this program does not have (any more)."""
    row = Conversation(
        owing.who("+8613800000003"), "tea_house", "sms", now, step="poured", state="calling",
        waiting_since=now, expires_at=now,
    )  # fmt: skip
    world.circle.store.run(lambda tx: conversations.store(tx, row))
    return row.id


def test_one_bad_row_does_not_stop_the_others(
    world: World, owing: Owing, phone: PhoneOf, clock: MovableClock
) -> None:
    broken = _broken_wait(world, owing, clock())
    phone("李雷").scans("cinema-01")
    row = owing.sms()
    clock.advance(hours=25)
    with capture_logs() as logs:
        world.circle.clock.tick()
    failed = [line for line in logs if line["event"] == "timeout failed"]
    assert [line["conversation"] for line in failed] == [broken]
    assert world.rows("SELECT ended_as FROM conversations WHERE id <> %s", broken) == [("expired",)]
    world.work()
    assert owing.get(row).state == "delivered"


@pytest.mark.slow
def test_old_messages_and_links_are_tidied_away_once_an_hour(
    world: World, phone: PhoneOf, owing: Owing, clock: MovableClock
) -> None:
    phone("王大爷").texts("JF")
    owing.sms("请看 {page} ", payload={"page": "/me"})
    world.tick()
    kept = "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM page_links)"
    assert world.rows(kept) == [(1, 1)]
    clock.advance(days=inbox.KEPT_FOR["sms"].days, seconds=60)
    world.tick()
    assert world.rows(kept) == [(0, 0)]
    now = clock()
    old = now - inbox.KEPT_FOR["sms"] * 2
    world.circle.store.run(
        lambda tx: inbox.keep(
            tx, key="old", channel="sms", kind="text", subscriber_id=1, reply={}, now=old
        )
    )
    world.tick()
    assert world.rows(kept) == [(1, 0)]
    clock.advance(hours=1, seconds=1)
    world.tick()
    assert world.rows(kept) == [(0, 0)]


# -- who leads ---------------------------------------------------------------------------------


class Ticking:
    """A clock of its own, and how often it has ticked."""

    def __init__(self, world: World) -> None:
        self.ticks = 0
        self._world = world
        self.clock = replace(world.circle.clock, now=self._now, stopping=threading.Event())

    def _now(self) -> datetime:
        self.ticks += 1
        return self._world.clock()

    def ticks_again(self) -> None:
        before = self.ticks
        wait_for("a tick", lambda: self.ticks > before, 10)


@contextmanager
def running(clock: Clock, every_s: float) -> Iterator[None]:
    thread = threading.Thread(target=clock.run, args=(every_s,))
    thread.start()
    try:
        yield
    finally:
        clock.stop()
        thread.join(10)
        assert not thread.is_alive()


def _leaders(world: World) -> list[int]:
    """The database's processes that hold the leader's lock in this database."""
    found = world.rows(
        "SELECT pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE d.datname = current_database() AND locktype = 'advisory' AND granted"
        " AND (classid::bigint << 32) | objid::bigint = %s",
        LEADER_LOCK,
    )
    return [pid for (pid,) in found]


@pytest.mark.slow
def test_of_two_clocks_one_leads_and_the_other_takes_over_when_it_stops(world: World) -> None:
    first, second = Ticking(world), Ticking(world)
    with running(second.clock, 0.05):
        with running(first.clock, 0.02):
            leader, other = (first, second)
            wait_for("somebody leads", lambda: first.ticks or second.ticks, 10)
            if second.ticks:
                leader, other = (second, first)
            for _ in range(5):
                leader.ticks_again()
            assert other.ticks == 0
            assert len(_leaders(world)) == 1
            leader.clock.stop()
            other.ticks_again()
            at_the_end = leader.ticks
        assert leader.ticks == at_the_end
    assert _leaders(world) == []


@pytest.mark.slow
def test_a_leader_whose_connection_is_killed_is_followed_by_another(world: World) -> None:
    first, second = Ticking(world), Ticking(world)
    # It looks at its lock twice a second; the other one tries to get it ten times as often.
    with running(first.clock, 0.5):
        first.ticks_again()
        with running(second.clock, 0.05):
            (pid,) = _leaders(world)
            world.rows("SELECT pg_terminate_backend(%s)", pid)
            second.ticks_again()
            for _ in range(3):
                before = first.ticks
                for _ in range(10):
                    second.ticks_again()
                assert first.ticks == before
            assert len(_leaders(world)) == 1
        first.ticks_again()  # which was standing by


@pytest.mark.slow
def test_a_clock_waits_for_a_database_that_is_away(world: World) -> None:
    away = Store("postgresql://nobody@127.0.0.1:1/none", connections=1, patience_s=1)
    clock = replace(world.circle.clock, store=away, stopping=threading.Event())
    with capture_logs() as logs, running(clock, 0.05):
        wait_for(
            "two tries",
            lambda: [x["event"] for x in logs].count("clock waits for the database") >= 2, 10,
        )  # fmt: skip
    away.close()
