"""Merchants rated: every line of the computation is kept, and better never makes worse."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from menus import merchant_rules
from models import sql
from models.base import Tx
from models.catalogue import RATINGS
from models.merchants import credit, partners, rating
from models.merchants.rating import DIMENSIONS, Rules, _read, compute
from models.offers import uploads
from models.offers.uploads import Barred
from models.store import Store
from tests.models.conftest import NOON, rows
from tests.models.partners import BY, go_live, merchant, offer

FILE = Path(__file__).parents[2] / "rules" / "merchants.yaml"


def shipped() -> Rules:
    return _read(1, json.dumps(merchant_rules.read(FILE).content()))


SHIPPED = shipped()
# Around every step of every dimension, where things break.
EDGES = sorted(
    {least + off for one in SHIPPED.dimensions for least, _ in one.steps for off in (-1, 0, 1)}
)
Value = st.one_of(st.sampled_from(EDGES), st.integers(0, 10**9))


@given(
    st.fixed_dictionaries(dict.fromkeys(DIMENSIONS, Value)),
    st.sampled_from(DIMENSIONS),
    st.integers(0, 10**9),
)
def test_more_of_anything_never_gives_a_worse_class(
    values: dict[str, int | None], name: str, more: int
) -> None:
    before, score, _ = compute(SHIPPED, values)
    after, higher, _ = compute(SHIPPED, values | {name: (values[name] or 0) + more})
    assert higher >= score
    assert RATINGS.index(after) <= RATINGS.index(before)


@given(st.fixed_dictionaries({name: st.none() | Value for name in DIMENSIONS}))
def test_the_lines_add_up_to_the_score_and_the_score_lies_in_its_class(
    values: dict[str, int | None],
) -> None:
    found, score, lines = compute(SHIPPED, values)
    assert score == sum(line.points * line.weight for line in lines)
    assert sum(line.weight for line in lines) == 100
    least = dict(SHIPPED.borders)
    assert score >= least[found] * 100
    better = RATINGS[: RATINGS.index(found)]
    assert all(score < least[name] * 100 for name in better)


def test_each_step_begins_exactly_at_its_value() -> None:
    for one in SHIPPED.dimensions:
        below = 0
        for least, points in one.steps:
            assert (one.points(least), one.points(least - 1)) == (points, below)
            below = points


def _rate(store: Store, stars: int | None = None, **how: Any) -> rating.Rating:
    given = None if stars is None else (stars, 20)
    made = store.run(
        lambda tx: rating.rerate(
            tx, "qingfeng", NOON, why="tests", by=BY, stars=lambda *_: given, **how
        )
    )
    assert made is not None
    return made


def test_a_computation_is_kept_line_by_line(store: Store) -> None:
    store.run(lambda tx: merchant(tx, turnover_yuan=2_000_000, capital_yuan=99_999))
    made = _rate(store, stars=480)
    assert [(line.name, line.value, line.points, line.weight) for line in made.lines] == [
        ("turnover", 2_000_000, 70, 20),
        ("capital", 99_999, 30, 10),
        ("stores", 1, 50, 15),
        ("cities", 1, 50, 10),
        ("word_of_mouth", 480, 100, 25),
        ("credit", 100, 100, 20),
    ]
    assert (made.score, made.rating) == (7450, "A")
    assert store.read(lambda tx: rating.history(tx, "qingfeng")) == [made]
    found = store.read(lambda tx: partners.get(tx, "qingfeng"))
    assert (found.rating, found.score, found.rated_at) == ("A", 7450, NOON)
    with pytest.raises(psycopg.errors.RestrictViolation):
        store.run(lambda tx: sql.run(tx, "DELETE FROM merchant_ratings"))


def test_stars_of_too_few_people_do_not_count_yet(store: Store) -> None:
    store.run(merchant)
    made = store.run(lambda tx: rating.rerate(tx, "qingfeng", NOON, stars=lambda *_: (100, 4)))
    assert made is not None
    (line,) = (line for line in made.lines if line.name == "word_of_mouth")
    assert (line.value, line.points) == (None, 60)


def test_who_falls_to_the_lowest_class_goes_off_and_comes_back_when_rated_better(
    store: Store,
) -> None:
    store.run(lambda tx: merchant(tx, turnover_yuan=100, capital_yuan=100))
    one = store.run(lambda tx: offer(tx, title="一"))
    other = store.run(lambda tx: offer(tx, title="二", state="paused"))
    new = store.run(lambda tx: offer(tx, title="三", state="confirmed"))
    for number in range(3):
        store.run(
            partial(
                credit.lower, merchant_code="qingfeng", points=25,
                reference=f"complaint:{number}", why="投诉成立", by=BY, now=NOON,
            )
        )  # fmt: skip
    assert _rate(store, stars=200).rating == "B-"

    def state(code: str) -> tuple[str, str | None]:
        found = store.read(lambda tx: uploads.get(tx, code))
        return found.state, found.paused_for

    assert state(one.code) == ("paused", "rating")
    assert state(other.code) == ("paused", "operations")
    with pytest.raises(Barred, match="rating"):
        store.run(lambda tx: go_live(tx, new))
    with pytest.raises(Barred, match="rating"):
        store.run(lambda tx: uploads.resume(tx, one.code, why="x", by=BY, now=NOON))
    with pytest.raises(psycopg.errors.RestrictViolation):
        store.run(
            lambda tx: sql.run(
                tx, "UPDATE offers SET state = 'live', paused_for = NULL WHERE code = %(c)s",
                {"c": one.code},
            )
        )  # fmt: skip
    assert _rate(store, stars=480).rating == "B"
    assert state(one.code) == ("live", None)
    assert state(other.code) == ("paused", "operations")


def test_credit_is_lowered_once_for_a_complaint_and_comes_back_after_a_year(store: Store) -> None:
    store.run(merchant)

    def lower(tx: Tx, reference: str = "complaint:1") -> bool:
        return credit.lower(
            tx, "qingfeng", points=30, reference=reference, why="投诉成立", by=BY, now=NOON
        )

    assert [store.run(lower), store.run(lower)] == [True, False]
    later = NOON + timedelta(days=365)
    assert store.read(lambda tx: credit.of(tx, "qingfeng", NOON)) == 70
    assert store.read(lambda tx: credit.of(tx, "qingfeng", later)) == 100
    for number in range(2, 6):
        store.run(partial(lower, reference=f"complaint:{number}"))
    assert store.read(lambda tx: credit.of(tx, "qingfeng", NOON)) == 0


def test_who_is_due_is_who_was_not_rated_since(store: Store) -> None:
    store.run(lambda tx: (merchant(tx), merchant(tx, "new", state="signed")))
    _rate(store)
    due = store.read(lambda tx: rating.due(tx, NOON, 100))
    assert "qingfeng" not in due
    assert "new" not in due
    assert "jinxiu" in due
    assert rows(store, "SELECT count(*) FROM merchant_ratings") == [(1,)]


def test_without_rules_nobody_is_rated(store: Store) -> None:
    store.run(merchant)
    store.run(lambda tx: sql.run(tx, "DELETE FROM merchant_rules"))
    with pytest.raises(rating.NoRules):
        store.run(lambda tx: rating.rerate(tx, "qingfeng", NOON))
