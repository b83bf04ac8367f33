"""Figures for charts: hours come out of Redis once, and a club's days from its changes alone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import redis
from structlog.testing import capture_logs

from integrations.live_numbers import LiveNumbers, whole_hour
from models import club_days, clubs, figures, memberships, points
from models.club_days import ClubDay
from models.store import Store
from tests.conftest import MovableClock
from tests.models.conftest import NOON, cause, newcomer, rows, store
from tests.models.test_ledger_attacks import close
from workers.figures_clock import FiguresClock

__all__ = ["store"]
DAY = timedelta(days=1)
FIRST = NOON.date()


@pytest.fixture
def numbers(redis_url: str, clock: MovableClock) -> LiveNumbers:
    return LiveNumbers(redis.Redis.from_url(redis_url), clock)


def count(numbers: LiveNumbers, n: int) -> None:
    numbers.count("in:wechat", n)
    numbers.flush()


def test_an_hour_is_kept_and_never_becomes_less(
    store: Store, numbers: LiveNumbers, clock: MovableClock
) -> None:
    began = whole_hour(clock())
    task = FiguresClock(store, numbers)
    count(numbers, 7)
    task.tick(clock())
    clock.advance(hours=2)
    count(numbers, 5)
    task.tick(clock())
    FiguresClock(store, numbers).tick(clock())  # another leader copies what is there again
    seen = store.read(lambda tx: figures.by_hour(tx, since=began - DAY, until=began + DAY))
    assert seen == {
        began: {"in:wechat": 7}, whole_hour(clock()): {"in:wechat": 5},
    }  # fmt: skip
    store.run(lambda tx: figures.keep_hour(tx, began, {"in:wechat": 3}))  # Redis was emptied
    assert store.read(lambda tx: figures.by_hour(tx, since=began, until=began + DAY))[began] == {
        "in:wechat": 7
    }
    later = clock() + figures.KEPT_FOR + DAY
    assert store.run(lambda tx: figures.forget_old(tx, later)) == 2


def test_hours_that_ended_while_no_clock_ran_are_copied_too(
    store: Store, numbers: LiveNumbers, clock: MovableClock
) -> None:
    began = whole_hour(clock())
    count(numbers, 7)
    clock.advance(hours=20)
    FiguresClock(store, numbers).tick(clock())
    assert began in store.read(lambda tx: figures.by_hour(tx, since=began, until=began + DAY))


def test_the_members_of_each_club_day_by_day(store: Store) -> None:
    with store.begin() as tx:
        wang, li = newcomer(tx), newcomer(tx)
        clubs.join(tx, wang, "film", origin="t", now=NOON)
        clubs.join(tx, li, "film", origin="t", now=NOON + DAY)
        clubs.join(tx, wang, "car", origin="t", now=NOON + DAY)
        memberships.merge(tx, source=wang, target=li, now=NOON + 3 * DAY)
    for _ in range(2):
        store.run(lambda tx: club_days.add_through(tx, FIRST + 2 * DAY))
    store.run(lambda tx: club_days.add_through(tx, FIRST + 4 * DAY))
    seen = store.read(lambda tx: club_days.between(tx, since=FIRST, until=FIRST + 9 * DAY))
    assert len(seen) == 5 * 6
    film = [day for day in seen if day.club_code == "film"]
    assert film == [
        ClubDay(FIRST, "film", 1, 1, 0),
        ClubDay(FIRST + DAY, "film", 2, 1, 0),
        ClubDay(FIRST + 2 * DAY, "film", 2, 0, 0),
        ClubDay(FIRST + 3 * DAY, "film", 1, 0, 1),
        ClubDay(FIRST + 4 * DAY, "film", 1, 0, 0),
    ]
    car = [(day.members, day.joined, day.parted) for day in seen if day.club_code == "car"]
    assert car[1:4] == [(1, 1, 0), (1, 0, 0), (1, 1, 1)]
    members = dict(
        rows(store, "SELECT club_code, count(*) FROM memberships WHERE state = 'active' GROUP BY 1")
    )
    assert members == {"film": film[-1].members, "car": 1}


def test_where_nobody_has_ever_joined_the_days_begin_with_nothing(store: Store) -> None:
    assert store.run(lambda tx: club_days.add_through(tx, FIRST)) == 6
    assert store.read(club_days.last_day) == FIRST


def test_points_by_day_come_from_the_closings_and_add_up(store: Store) -> None:
    with store.begin() as tx:
        wang = newcomer(tx)
        points.issue(
            tx, wang, kind=points.CONSUMPTION, points=100, expires_on=date(2026, 12, 31),
            cause=cause("a"), now=NOON,
        )  # fmt: skip
        points.spend(tx, wang, points=30, into=points.SPENT, cause=cause("b"), now=NOON)
        points.spend(tx, wang, points=5, into=points.SPENT, cause=cause("c"), now=NOON + 2 * DAY)
    close(store, FIRST + 2 * DAY)
    seen = store.read(lambda tx: figures.points_by_day(tx, since=FIRST, until=FIRST + 9 * DAY))
    assert [(day.day, day.issued, day.spent, day.expired, day.exchanged, day.held)
            for day in seen] == [
        (FIRST, 100, 30, 0, 0, 70),
        (FIRST + DAY, 0, 0, 0, 0, 70),
        (FIRST + 2 * DAY, 0, 5, 0, 0, 65),
    ]  # fmt: skip
    assert (
        store.read(
            lambda tx: figures.points_by_day(tx, since=FIRST + 2 * DAY, until=FIRST + 2 * DAY)
        )
        == seen[2:]
    )


def test_a_failure_stops_neither_the_rest_nor_the_clock(store: Store, clock: MovableClock) -> None:
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0", retry=None)
    task = FiguresClock(store, LiveNumbers(nowhere, clock))
    with capture_logs() as logs:
        task.tick(clock())
        task.tick(clock())
    assert [line["event"] for line in logs] == ["figures wait for Redis", "club days added"]
