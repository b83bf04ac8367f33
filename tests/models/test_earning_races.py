"""Many who earn at once never get more than a cap or a budget allows, and nobody deadlocks."""

from __future__ import annotations

from functools import partial

import pytest

from models import points
from models.earning import budgets
from models.earning.earn import earn
from models.earning.event import Event
from models.store import Store
from tests.models.conftest import at_once, newcomer, rows
from tests.models.earning import SOON, event, publish, rule

THREADS = 8


def _all_at_once(store: Store, batches: list[list[Event]]) -> int:
    def one(batch: list[Event]) -> int:
        given = 0
        for start in range(0, len(batch), 5):
            given += store.run(partial(earn, events=batch[start : start + 5], now=SOON))
        return given

    return sum(at_once([partial(one, batch) for batch in batches]))


def test_eight_at_once_never_get_more_than_a_person_may(store: Store) -> None:
    publish(store, rule("a", caps={"person_day": 95, "person": 95}))
    li = store.run(newcomer)
    batches = [[event(li) for _ in range(5)] for _ in range(THREADS)]
    assert _all_at_once(store, batches) == 95  # 9 times 10, and the rest
    assert rows(store, "SELECT DISTINCT used FROM earning_counters") == [(95,)]


def test_eight_at_once_never_get_more_than_a_day_has(store: Store) -> None:
    publish(store, rule("a", caps={"day": 333, "person": 30}))
    with store.begin() as tx:
        crowd = [newcomer(tx) for _ in range(20)]
    batches = [[event(crowd[(n * 7 + t) % 20]) for n in range(20)] for t in range(THREADS)]
    assert _all_at_once(store, batches) == 333
    assert rows(store, "SELECT max(used) FROM earning_counters WHERE subscriber_id > 0") <= [(30,)]


def test_eight_at_once_spend_a_budget_exactly(store: Store) -> None:
    publish(store, rule("a", budget=777), rule("b", amount=1))
    with store.begin() as tx:
        crowd = [newcomer(tx) for _ in range(10)]
    batches = [[event(crowd[(n * 3 + t) % 10]) for n in range(20)] for t in range(THREADS)]
    assert _all_at_once(store, batches) == 777 + 160
    assert store.read(lambda tx: budgets.left(tx, "a")) == 0
    given = "SELECT sum(points)::int FROM earning_postings WHERE rule = 'a'"
    assert rows(store, given) == [(777,)]
    assert rows(store, "SELECT sum(balance) FROM points_accounts") == [(0,)]


def test_the_same_event_eight_times_at_once_earns_once(store: Store) -> None:
    publish(store, rule("a", caps={"person": 1000}))
    li = store.run(newcomer)
    done = event(li)
    assert sum(at_once([lambda: store.run(lambda tx: earn(tx, [done], SOON))] * THREADS)) == 10
    assert rows(store, "SELECT used FROM earning_counters") == [(10,)]


@pytest.mark.slow
def test_batches_and_single_events_of_the_same_people_never_deadlock(store: Store) -> None:
    publish(store, rule("a", budget=10_000, caps={"person_day": 60, "day": 4000}), rule("b"))
    with store.begin() as tx:
        crowd = [newcomer(tx) for _ in range(40)]

    def batch(turn: int) -> int:
        events = [event(crowd[(n * 11 + turn * 5) % 40]) for n in range(100)]
        # No second try: a deadlock would show.
        with store.begin() as tx:
            return earn(tx, events, SOON)

    def singles(turn: int) -> int:
        given = 0
        for n in range(20):
            with store.begin() as tx:
                given += earn(tx, [event(crowd[(n * 3 + turn) % 40])], SOON)
            with store.begin() as tx:
                cause = points.Cause(f"spend:{turn}:{n}", "test", "sms", "tests")
                points.issue(
                    tx, crowd[n], kind="promotional", points=1, cause=cause, now=SOON,
                    expires_on=points.day_of(SOON),
                )  # fmt: skip
        return given

    works = [partial(batch if turn % 2 else singles, turn) for turn in range(THREADS)]
    given = sum(at_once(works))
    assert rows(store, "SELECT sum(points)::int FROM earning_postings") == [(given,)]
    assert rows(store, "SELECT sum(balance) FROM points_accounts") == [(0,)]
