"""Dry runs: what rules would have given for recorded events, without moving anything."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta

import pytest

from models import clubs, sql
from models.earning import recorded
from models.earning.dry_run import Report, dry_run
from models.earning.earn import earn
from models.earning.judging import RuleBook, compiled
from models.store import Store
from tests.models.conftest import NOON, newcomer, rows
from tests.models.earning import EVENTS, SOON, event, publish, record, rule


def tried(store: Store, *rules: object) -> Report:
    book = RuleBook(compiled(each, 0) for each in rules)  # type: ignore[arg-type]
    return dry_run(
        store, book, since=NOON - timedelta(days=1), until=NOON + timedelta(days=1), now=SOON
    )


def _state(store: Store) -> list[object]:
    tables = ("points_transfers", "points_legs", "earning_counters", "earning_misses")
    return [rows(store, f"SELECT count(*) FROM {table}") for table in tables]


def test_it_reports_what_each_rule_would_have_done_and_moves_nothing(store: Store) -> None:
    with store.begin() as tx:
        li, wang = newcomer(tx), newcomer(tx)
        clubs.join(tx, wang, "film", origin="test", now=NOON)
        record(
            tx,
            *[event(li, amount_fen=100 * n) for n in range(1, 7)],
            *[event(wang, amount_fen=500) for _ in range(3)],
            event(li, at=NOON - timedelta(days=3), amount_fen=9900),
            event(wang, "other"),
        )
    before = _state(store)
    found = tried(
        store,
        rule("a", amount="event.amount_fen / 100", caps={"person_day": 12}, budget=20),
        rule("film", audience={"clubs": ["film"]}, when="event.amount_fen > 400"),
    )
    assert _state(store) == before
    assert (found.events, found.points) == (10, 50)
    a, film = found.outcomes["a"], found.outcomes["film"]
    assert (a.matched, a.points, a.people) == (9, 20, 2)
    # Of wang's 5, 5 and 5 the budget has 8; what it does not give, the cap does not count.
    assert (a.capped_points, a.over_budget_points) == ((21 - 12) + 1, 2 + 4)
    assert (film.matched, film.points, film.people) == (3, 30, 1)
    assert film.refused == {"not in the audience": 6}
    assert found.refused == {"no rule for this type": 1}


def test_it_says_what_earning_then_does(store: Store) -> None:
    rules = (
        rule("a", amount="event.n_count * 7", caps={"person_day": 30, "person": 50}, group="g"),
        rule("b", amount=3, group="g", priority=-1, kind="consumption"),
        rule("c", when="event.n_count > 2", multiplier=1.5, budget=100_000),
    )
    with store.begin() as tx:
        crowd = [newcomer(tx) for _ in range(30)]
        events = [event(who, n_count=n % 5) for n, who in enumerate(crowd * 6)]
        record(tx, *events)
    found = tried(store, *rules)
    publish(store, *rules)
    given = store.run(lambda tx: earn(tx, events, SOON))
    assert found.points == given > 0
    for code, outcome in found.outcomes.items():
        (row,) = rows(
            store, "SELECT coalesce(sum(points), 0)::int, count(DISTINCT subscriber_id)"
            " FROM earning_postings WHERE rule = %s", code,
        )  # fmt: skip
        assert row == (outcome.points, outcome.people)


@pytest.mark.slow
def test_its_memory_does_not_grow_with_the_events(store: Store) -> None:
    with store.begin() as tx:
        sql.run(tx, EVENTS)
        people = [newcomer(tx).id for _ in range(200)]
        for page in range(15):
            sql.run(
                tx,
                "INSERT INTO earning_events SELECT 'm' || n, 'paid',"
                " (%(people)s::bigint[])[1 + n %% 200], %(at)s, '{\"amount_fen\": 100}', 'x',"
                " 'boss', %(at)s FROM generate_series(%(first)s::int, %(last)s::int) n",
                {"people": people, "at": NOON, "first": page * 2000, "last": page * 2000 + 1999},
            )
    draft = rule("a", amount="event.amount_fen / 100", caps={"person_day": 12, "day": 900})
    peaks: list[int] = []

    def tell(_: int) -> None:
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()

    tracemalloc.start()
    book = RuleBook([compiled(draft, 0)])
    since, until = NOON - timedelta(days=1), NOON + timedelta(days=1)
    report = dry_run(store, book, since=since, until=until, now=SOON, tell=tell)
    tracemalloc.stop()
    assert (report.events, report.points) == (30_000, 900)
    assert len(peaks) == 30_000 // recorded.PAGE
    assert peaks[-1] < peaks[2] * 1.5
