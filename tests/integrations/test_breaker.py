"""The circuit breaker: shared, opened by failures in a row, closed by one probe or by a hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.breaker import CLOSED, HELD, OPEN, PROBE_S, PROBING, Breaker, ShutOff, Tolerance
from tests.conftest import MovableClock

TOLERANCE = Tolerance(failures=3, first_s=15, most_s=40)


class Down(Exception):
    """The system is away."""


class Refusal(Exception):
    """The system has answered no."""


def a_breaker(redis_url: str, clock: MovableClock, name: str = "boss") -> Breaker:
    connection = redis.Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0))
    return Breaker(
        connection, name, tolerance=TOLERANCE, now=clock,
        is_fault=lambda error: isinstance(error, Down), answers=(Down, Refusal),
    )  # fmt: skip


@pytest.fixture
def breaker(redis_url: str, clock: MovableClock) -> Breaker:
    return a_breaker(redis_url, clock)


def call(breaker: Breaker, error: Exception | None = None) -> None:
    """A call through the breaker; raises ShutOff alone."""
    breaker.ask()
    with suppress(Down, Refusal, KeyError), breaker.watch():
        if error is not None:
            raise error


def fail(breaker: Breaker, times: int = TOLERANCE.failures) -> None:
    for _ in range(times):
        call(breaker, Down("the system is away"))


def test_failures_in_a_row_open_it_for_every_process(
    breaker: Breaker, redis_url: str, clock: MovableClock
) -> None:
    fail(breaker, 2)
    assert breaker.condition().state == CLOSED
    fail(breaker, 1)
    other = a_breaker(redis_url, clock)
    with pytest.raises(ShutOff) as shut:
        other.ask()
    assert shut.value.after_s == pytest.approx(15, abs=1)
    assert other.is_shut()
    a_breaker(redis_url, clock, "wechat").ask()
    condition = other.condition()
    assert (condition.state, condition.in_a_row) == (OPEN, 3)
    assert condition.last_error == "the system is away"
    assert (condition.ok, condition.failed, condition.failed_percent) == (0, 3, 100)


def test_one_success_in_between_and_the_count_begins_anew(breaker: Breaker) -> None:
    fail(breaker, 2)
    call(breaker)
    fail(breaker, 2)
    assert breaker.condition().state == CLOSED
    assert breaker.condition().failed_percent == 80


def test_a_refusal_is_an_answer_and_our_own_bug_says_nothing(breaker: Breaker) -> None:
    fail(breaker, 2)
    call(breaker, Refusal("no"))
    condition = breaker.condition()
    assert (condition.in_a_row, condition.refused, condition.last_error) == (0, 1, "no")
    assert condition.last_ok is None
    fail(breaker, 2)
    call(breaker, KeyError("ours"))
    assert breaker.condition().in_a_row == 2


def test_of_many_workers_one_probes_and_its_success_lets_all_through(
    breaker: Breaker, redis_url: str, clock: MovableClock
) -> None:
    fail(breaker)
    clock.advance(seconds=15.1)
    assert not breaker.is_shut()

    def passes(_: int) -> bool:
        try:
            a_breaker(redis_url, clock).ask()
        except ShutOff:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(passes, range(16))) == 1
    assert breaker.condition().state == PROBING
    assert breaker.is_shut()
    with breaker.watch():
        pass
    assert breaker.condition().state == CLOSED
    call(breaker)


def test_a_probe_that_fails_waits_twice_as_long_up_to_a_limit(
    breaker: Breaker, clock: MovableClock
) -> None:
    fail(breaker)
    began = breaker.condition().since
    for pause in (30, 40, 40):
        retry_at = breaker.condition().retry_at
        assert retry_at is not None
        clock.advance(seconds=(retry_at - clock()).total_seconds() + 0.1)
        fail(breaker, 1)
        retry_at = breaker.condition().retry_at
        assert retry_at is not None
        assert retry_at - clock() == pytest.approx(
            timedelta(seconds=pause), abs=timedelta(seconds=1)
        )
    assert breaker.condition().since == began


def test_a_worker_that_dies_while_it_probes_keeps_others_off_for_a_while_only(
    breaker: Breaker, clock: MovableClock
) -> None:
    fail(breaker)
    clock.advance(seconds=16)
    breaker.ask()
    with pytest.raises(ShutOff):
        breaker.ask()
    clock.advance(seconds=PROBE_S + 1)
    breaker.ask()


def test_what_began_before_it_opened_does_not_prolong_the_pause(
    breaker: Breaker, clock: MovableClock
) -> None:
    fail(breaker)
    retry_at = breaker.condition().retry_at
    clock.advance(seconds=10)
    with suppress(Down), breaker.watch():
        raise Down("late")
    assert breaker.condition().retry_at == retry_at


def test_a_hand_holds_it_until_a_hand_closes_it(breaker: Breaker, clock: MovableClock) -> None:
    breaker.hold(by="zhao", because="BOSS 割接")
    with breaker.watch():  # a call that was under way ends well
        pass
    clock.advance(days=2)
    with pytest.raises(ShutOff):
        breaker.ask()
    condition = breaker.condition()
    assert (condition.state, condition.by, condition.because) == (HELD, "zhao", "BOSS 割接")
    breaker.close(by="zhao", because="好了")
    call(breaker)
    assert breaker.condition().state == CLOSED


def test_a_hand_that_closes_it_ends_the_pause(breaker: Breaker) -> None:
    fail(breaker)
    breaker.close(by="zhao", because="已修复")
    call(breaker)
    fail(breaker, 2)
    assert breaker.condition().state == CLOSED


def test_without_redis_everything_passes(clock: MovableClock) -> None:
    breaker = a_breaker("redis://127.0.0.1:1/0", clock)
    fail(breaker, 5)
    assert not breaker.is_shut()
    call(breaker)
