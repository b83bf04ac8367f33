"""Alarms by the clock: raised, still, cleared; operators are told, and not a hundred times."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

import sending
from integrations.sender_beat import GatewaySeen, SenderBeat
from models import alarms, outbox, sql
from models.alarms import Alarm
from models.audit import By
from models.base import HOUSE
from tests.conftest import World
from tests.models import operators
from workers.alarms_clock import AlarmsClock

WATCH = "+8613900000099"
WELL = GatewaySeen(bound=1, wanted=1, under_way=0, window=16, full_s=0, share_percent=100)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "CIRCLE_SMS__GATEWAY": "smpp", "CIRCLE_SMS__BINDS": "cmpp",
        "CIRCLE_SMS__ALARM_NUMBERS": WATCH, "CIRCLE_SMS__ALARMS__RAISE_AFTER_S": "20",
        "CIRCLE_SMS__ALARMS__CLEAR_AFTER_S": "120", "CIRCLE_SMS__ALARMS__AGAIN_MINUTES": "30",
    }  # fmt: skip


class Plane:
    """A sender that beats as it is told, and the clock that looks at it."""

    def __init__(self, world: World) -> None:
        self.world, self.store = world, world.circle.store
        self.clock: AlarmsClock = sending.alarms_clock(world.circle)
        self.beat = SenderBeat(world.circle.impatient_redis, "sender")

    def after(self, passed: timedelta, *, smpp: int = 1, cmpp: int = 1) -> None:
        """Let time pass with so many binds, looking every five seconds, or ten times in all."""
        step = max(5.0, passed.total_seconds() / 10)
        for _ in range(round(passed.total_seconds() / step)):
            self.world.clock.advance(seconds=step)
            now = self.world.clock()
            gateways = {
                "smpp": replace(WELL, bound=smpp), "cmpp": replace(WELL, bound=cmpp),
            }  # fmt: skip
            self.beat.beat(spool_bytes=0, gateways=gateways, now=now)
            self.clock.tick(now)

    def open(self) -> list[Alarm]:
        return self.store.read(alarms.open_now)

    def told(self) -> list[dict[str, Any]]:
        rows = self.world.rows(
            f"SELECT payload FROM outbox WHERE subscriber_id = {HOUSE} AND kind = 'sms' ORDER BY id"
        )
        return [row[0] for row in rows]


@pytest.fixture
def plane(world: World) -> Plane:
    return Plane(world)


def test_what_lasts_is_raised_and_told_over_the_gateway_that_works(plane: Plane) -> None:
    plane.after(15 * SECOND, smpp=0)
    assert plane.open() == []
    plane.after(15 * SECOND, smpp=0)
    (one,) = plane.open()
    assert (one.name, one.subject, one.value, one.limit) == ("bind_down", "smpp", 0, 1)
    (message,) = plane.told()
    assert (message["to"], message["gateway"]) == (WATCH, "cmpp")
    assert message["text"].startswith("【和生活圈】告警：SMPP网关连上了0个连接，应有1个。")


def test_a_moment_is_no_alarm(plane: Plane) -> None:
    for _ in range(10):
        plane.after(15 * SECOND, smpp=0)
        plane.after(5 * SECOND)
    assert (plane.open(), plane.told()) == ([], [])


def test_what_goes_up_and_down_is_one_alarm_and_few_messages(plane: Plane) -> None:
    """A bind that is down for half a minute, up for a minute, a quarter of an hour long."""
    for _ in range(10):
        plane.after(30 * SECOND, smpp=0)
        plane.after(60 * SECOND)
    assert plane.world.rows("SELECT count(*) FROM alarms") == [(1,)]
    assert len(plane.told()) == 1


def test_it_is_over_once_it_was_well_for_a_while_and_that_is_told_once(plane: Plane) -> None:
    plane.after(30 * SECOND, smpp=0)
    plane.after(90 * SECOND)
    assert len(plane.open()) == 1
    plane.after(50 * SECOND)
    assert plane.open() == []
    assert len(plane.told()) == 1  # half an hour since the last message first
    plane.after(30 * MINUTE)
    assert "已恢复：SMPP网关" in plane.told()[1]["text"]
    plane.after(60 * MINUTE)
    assert len(plane.told()) == 2


def test_what_comes_back_before_that_is_told_is_not_said_to_be_over(plane: Plane) -> None:
    plane.after(30 * SECOND, smpp=0)
    plane.after(140 * SECOND)
    assert plane.open() == []
    plane.after(31 * MINUTE, smpp=0)
    words = [message["text"] for message in plane.told()]
    assert len(words) == 2
    assert not any("已恢复" in text for text in words)


def test_who_looks_after_it_hears_no_more_of_it_until_it_is_over(
    plane: Plane,
) -> None:
    plane.after(30 * SECOND, smpp=0)
    (one,) = plane.open()
    now = plane.world.clock()
    who = plane.store.run(lambda tx: operators.operator(tx, "operations", now=now))
    by = By(who.id, who.login, who.role, "", "")
    assert plane.store.run(lambda tx: alarms.acknowledge(tx, one.id, by=by, note="查", now=now))
    assert not plane.store.run(lambda tx: alarms.acknowledge(tx, one.id, by=by, note="", now=now))
    plane.after(120 * MINUTE, smpp=0)
    assert len(plane.told()) == 1
    plane.after(30 * MINUTE)
    assert len(plane.told()) == 2
    audited = plane.world.rows("SELECT action, subject FROM audit_entries ORDER BY id DESC LIMIT 1")
    assert audited == [("alarm.acknowledge", f"alarm:{one.id}")]


def test_what_has_not_left_follows_to_the_gateway_that_works(plane: Plane) -> None:
    plane.after(30 * SECOND, smpp=0)
    plane.after(30 * SECOND, smpp=0, cmpp=0)
    assert [message["gateway"] for message in plane.told()] == ["twilio", "twilio"]
    plane.after(5 * SECOND, smpp=0, cmpp=0)
    text = plane.told()[1]["text"]
    assert "CMPP" in text
    assert "SMPP" not in text  # that was told half a minute ago


def test_a_message_of_long_ago_is_not_sent_late(plane: Plane) -> None:
    plane.after(30 * SECOND, smpp=0)
    plane.after(31 * MINUTE, smpp=0)
    states = plane.world.rows("SELECT state FROM outbox WHERE kind = 'sms' ORDER BY id")
    assert states == [("dropped",), ("owed",)]


def test_while_redis_is_away_nothing_is_cleared(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    import redis

    from workers import alarms_clock

    plane.after(30 * SECOND, smpp=0)

    def away(*_: object) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(alarms_clock, "senders", away)
    plane.after(10 * MINUTE)
    assert [one.name for one in plane.open()] == ["bind_down"]


def test_an_operator_is_told_at_night_and_whatever_else_is_limited(plane: Plane) -> None:
    """At two in the morning; neither quiet hours nor preferences know of it."""
    night = datetime(2026, 3, 3, 18, tzinfo=plane.world.clock().tzinfo)
    plane.world.clock.advance(seconds=(night - plane.world.clock()).total_seconds() % 86400)
    plane.after(30 * SECOND, smpp=0, cmpp=0)
    plane.world.work()
    query = "SELECT state, provider_id IS NOT NULL FROM outbox WHERE kind = 'sms'"
    assert plane.world.rows(query) == [("delivered", True)]


def test_too_late_answers_are_a_backlog_and_what_may_have_left_is_none(plane: Plane) -> None:
    now = plane.world.clock()

    def owe(tx: Any) -> None:
        for _ in range(2):
            outbox.owe(tx, subscriber_id=HOUSE, kind="sms", payload={"to": WATCH}, now=now)

    plane.store.run(owe)
    plane.after(60 * SECOND)
    (one,) = plane.open()
    assert (one.name, one.subject, one.limit) == ("backlog", "answer", 30)
    submitted = "UPDATE outbox SET submitted_at = %(now)s WHERE state = 'owed'"
    plane.store.run(lambda tx: sql.run(tx, submitted, {"now": now}))
    plane.after(5 * MINUTE)
    assert plane.open() == []
