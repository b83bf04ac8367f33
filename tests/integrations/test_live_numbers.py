"""Live numbers: several processes count, one page reads."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from integrations.clock_beat import ClockBeat, last_beat
from integrations.live_numbers import LiveNumbers, whole_hour
from tests.conftest import MovableClock


def nowhere() -> redis.Redis:
    return redis.Redis.from_url("redis://127.0.0.1:1/0", retry=Retry(NoBackoff(), 0))


def test_what_all_processes_count_is_added_up(redis_url: str, clock: MovableClock) -> None:
    connection = redis.Redis.from_url(redis_url)
    one, other = LiveNumbers(connection, clock), LiveNumbers(connection, clock)
    for _ in range(98):
        one.took("in:wechat", 0.0042)
    other.took("in:sms", 0.3)
    other.took("in:sms", 9999)
    other.count("sent:sms", 30)
    assert one.last(60).counts == {}
    one.flush()
    other.flush()
    other.flush()  # nothing is counted twice
    hour = whole_hour(clock())
    clock.advance(seconds=10)
    seen = one.last(60)
    assert (seen.total("in:"), seen.total("sent:"), seen.per_second("sent:sms")) == (100, 30, 0.5)
    assert (seen.within_ms(0.5), seen.within_ms(0.98), seen.within_ms(0.99)) == (5, 5, 300)
    assert seen.within_ms(1) == 60_000
    assert one.hour(hour) == {"in:wechat": 98, "in:sms": 2, "sent:sms": 30}
    clock.advance(seconds=60)
    assert one.last(60).counts == {}
    assert one.last(60).within_ms(0.99) is None
    assert one.last(60, ago_s=60).total("in:") == 100


def test_without_redis_a_second_of_counts_is_lost_and_nothing_else(clock: MovableClock) -> None:
    numbers = LiveNumbers(nowhere(), clock)
    numbers.count("sent:sms")
    try:
        numbers.flush()
    except redis.RedisError:
        numbers.flush()  # now there is nothing to lose


def test_the_clock_says_who_leads_and_how_its_tasks_went(
    redis_url: str, clock: MovableClock
) -> None:
    connection = redis.Redis.from_url(redis_url)
    assert last_beat(connection) is None
    beat = ClockBeat(connection, "a:1", lambda: 0.0)
    beat.leads(clock())
    beat.ran("Clock._sweep", now=clock(), seconds=0.5)
    beat.ran("Clock._sweep", now=clock(), seconds=0.1)
    beat.ran("PointsClock.tick", now=clock(), seconds=0.2, error="Unavailable")
    beat.beat(clock())
    said = last_beat(connection)
    assert said is not None
    assert said.leader == "a:1"
    sweep, points = said.tasks
    assert (sweep.name, round(sweep.took_ms), round(sweep.longest_ms)) == ("Clock._sweep", 100, 500)
    assert points.error == "Unavailable"
    ClockBeat(nowhere(), "a:1", lambda: 0.0).beat(clock())
