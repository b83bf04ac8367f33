"""A system that is down: its breaker opens, nothing is lost, and all leaves afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integrations.breaker import CLOSED, HELD, OPEN
from integrations.errors import Final, StopForToday, TryLater, UseAnotherWay
from sms import errors as sending
from tests.conftest import MovableClock, Phone, World
from tests.workers.conftest import LI, WANG, Owing
from workers.retries import is_fault

PhoneOf = Callable[[str], Phone]
FAILURES = 3


@pytest.fixture
def environment() -> dict[str, str]:
    return {"CIRCLE_BREAKERS__FAILURES": str(FAILURES), "CIRCLE_OUTBOX__ATTEMPTS": "4"}


def state(world: World, name: str) -> str:
    return world.circle.breakers[name].condition().state


def wait_out(world: World, name: str) -> None:
    """Let the breaker's pause, and what a row waits besides, go by."""
    retry_at = world.circle.breakers[name].condition().retry_at
    assert retry_at is not None
    world.clock.advance(seconds=max((retry_at - world.clock()).total_seconds(), 0) + 6)


@pytest.mark.slow
def test_an_hour_without_the_gateway_costs_no_row_and_all_leave_afterwards(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    world.fault("twilio.api", "error", times=0, status=503)
    rows = [owing.sms(f"第{number}条") for number in range(4)]
    rows += [owing.sms(f"第{number}条", to=LI) for number in range(8)]
    ended = clock().timestamp() + 3600
    while clock().timestamp() < ended:
        clock.advance(seconds=20)
        world.work()
    assert state(world, "twilio") == OPEN
    tried = len(owing.wire("twilio"))
    assert tried < 100
    assert {owing.get(row).state for row in rows} == {"owed"}
    world.control("DELETE", "/faults")
    wait_out(world, "twilio")
    world.work()
    assert state(world, "twilio") == CLOSED
    clock.advance(minutes=11)  # the longest a row that was tried waits by itself
    world.work()
    assert phone("王大爷").heard("sms") == [f"第{number}条" for number in range(4)]
    assert phone("李雷").heard("sms") == [f"第{number}条" for number in range(8)]


def test_while_one_system_is_down_the_others_are_served(
    phone: PhoneOf, owing: Owing, world: World
) -> None:
    li = phone("李雷")
    li.says("什么")
    world.fault("boss.api", "error", times=0, status=500)
    calls = [
        owing.call("boss.open_service", msisdn=LI, service="CLUB_FILM") for _ in range(FAILURES)
    ]
    world.work()
    assert state(world, "boss") == OPEN
    later = owing.call("boss.open_service", msisdn=LI, service="CLUB_CAR")
    tag = owing.call("wechat.tag", tag="film", openid="o_lilei")
    sms, wechat = owing.sms(), owing.wechat()
    asked = len(owing.wire("boss"))
    world.work()
    assert (owing.get(sms).state, owing.get(wechat).state) == ("delivered", "sent")
    assert owing.get(tag).state == "answered"
    assert (owing.get(later).state, owing.get(later).leases) == ("owed", 0)
    assert {owing.get(call).state for call in calls} == {"owed"}
    assert len(owing.wire("boss")) == asked


def test_what_is_held_by_hand_waits_and_uses_up_no_attempt(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    breaker = world.circle.breakers["twilio"]
    row = owing.sms()
    (taken,) = world.circle.desk.take("reply", 10)
    breaker.hold(by="zhao", because="割接")
    world.circle.drainer._work(taken)  # a worker had it already
    put_off = owing.get(row)
    assert (put_off.state, put_off.attempts, put_off.submitted_at) == ("owed", 0, None)
    clock.advance(days=1)
    world.tick()
    assert (owing.get(row).state, owing.get(row).leases) == ("owed", 1)
    assert state(world, "twilio") == HELD
    breaker.close(by="zhao", because="好了")
    world.tick()
    assert phone("王大爷").heard("sms") == ["您好"]


def test_refusals_and_calls_for_patience_open_nothing(owing: Owing, world: World) -> None:
    world.fault("twilio.api", "error", times=FAILURES + 1, path="twilio messages POST", code=20429)
    for _ in range(FAILURES + 1):
        owing.sms(to="+8613800000004", owner=WANG)
        owing.sms(to="+86000", owner=LI)
    world.work()
    assert state(world, "twilio") == CLOSED


@pytest.mark.parametrize(
    ("error", "down"),
    [
        (TryLater("no answer"), True),
        (TryLater("broken", code=502), True),
        (TryLater("busy", code=429), False),
        (TryLater("this minute", code=45011), False),
        (StopForToday("quota", code=45009), False),
        (UseAnotherWay("window"), False),
        (Final("no"), False),
        (sending.TryLater("away"), True),
        (sending.Unknown("no answer"), True),
        (sending.Refused("no"), False),
        (KeyError("ours"), False),
    ],
)
def test_what_says_that_a_system_is_down(error: Exception, down: bool) -> None:
    assert is_fault(error) is down


def test_what_workers_do_is_counted(owing: Owing, world: World) -> None:
    world.fault("twilio.api", "error", path="twilio messages POST", status=503)
    owing.sms()
    owing.wechat()
    owing.call("wechat.tag", tag="film", openid="o_lilei")
    world.work()
    world.circle.numbers.flush()
    world.clock.advance(seconds=10)
    seen = world.circle.numbers.last(60).counts
    assert (seen["put off"], seen["call"]) == (1, 1)
    assert seen.get("sent:wechat", 0) + seen.get("sent:sms", 0) == 1
