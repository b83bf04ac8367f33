"""Gifts: to somebody else, so many and so much a day, and each of them once."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest

from models import points
from models.base import Tx
from models.points import CONSUMPTION, PROMOTIONAL, KeyReused, NotEnough, gifts
from models.points.gifts import GiftLimits, Given, OverLimit, ToOneself
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows
from tests.models.test_points_database import refused

SOON, LATER = date(2026, 3, 10), date(2027, 12, 31)
LIMITS = GiftLimits(gifts_a_day=3, points_a_day=50)
TWO = tuple[Subscriber, Subscriber]


@pytest.fixture
def two(store: Store) -> TWO:
    """A giver with 100 points, and somebody with nothing."""
    with store.begin() as tx:
        return books.rich(tx, {(CONSUMPTION, SOON): 30, (PROMOTIONAL, LATER): 70}), newcomer(tx)


def give(
    tx: Tx, two: TWO, amount: int, key: str, *, limits: GiftLimits = LIMITS, minutes: int = 0
) -> points.Transfer:
    return gifts.give(
        tx, payer=two[0], payee=two[1], points=amount, limits=limits, cause=cause(key, "gift"),
        now=NOON + timedelta(minutes=minutes),
    )  # fmt: skip


def _given(store: Store, who: Subscriber) -> Given:
    return store.read(lambda tx: gifts.given_today(tx, who, now=NOON))


def test_a_gift_keeps_its_kinds_and_dates(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        assert give(tx, two, 40, "a").fresh
        assert gifts.given_today(tx, two[0], now=NOON) == Given(1, 40)
        assert gifts.given_today(tx, two[1], now=NOON) == Given()
    assert books.lots_of(store, two[1]) == {(CONSUMPTION, SOON): 30, (PROMOTIONAL, LATER): 10}
    books.check(store)


def test_so_many_gifts_a_day(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        for key in "abc":
            give(tx, two, 1, key)
        with pytest.raises(OverLimit) as over:
            give(tx, two, 1, "d")
        assert (over.value.limit, over.value.left) == ("gifts", 0)
        assert give(tx, two, 1, "d", minutes=12 * 60).fresh  # after midnight in Shanghai
    assert rows(store, "SELECT gifts, points FROM points_gift_days ORDER BY day") == [
        (3, 3), (1, 1)
    ]  # fmt: skip


def test_so_many_points_a_day(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        with pytest.raises(OverLimit) as over:
            give(tx, two, 51, "a")
        assert (over.value.limit, over.value.left) == ("points", 50)
        give(tx, two, 30, "a")
        with pytest.raises(OverLimit) as over:
            give(tx, two, 21, "b")
        assert (over.value.limit, over.value.left) == ("points", 20)
        give(tx, two, 20, "b")
    books.check(store)


def test_the_day_of_a_gift_is_chinas(store: Store, two: TWO) -> None:
    before, after = 11 * 60 + 59, 12 * 60  # minutes from noon
    with store.begin() as tx:
        give(tx, two, 50, "a", minutes=before)
        give(tx, two, 50, "b", minutes=after)
    assert rows(store, "SELECT day FROM points_gift_days ORDER BY 1") == [
        (date(2026, 3, 2),), (date(2026, 3, 3),)
    ]  # fmt: skip


def test_the_same_gift_again_counts_once_even_at_the_limit(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        first = [give(tx, two, 10, key).serial for key in "abc"]
        assert [give(tx, two, 10, key).serial for key in "abc"] == first
        assert gifts.given_today(tx, two[0], now=NOON) == Given(3, 30)
        with pytest.raises(KeyReused):
            give(tx, two, 11, "a")
    books.check(store)


def test_nobody_gives_to_themselves_nothing_or_what_they_have_not(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        with pytest.raises(ToOneself):
            give(tx, (two[0], two[0]), 5, "a")
        for amount in (0, -1):
            with pytest.raises(ValueError, match="one point at least"):
                give(tx, two, amount, "a")
        with pytest.raises(NotEnough) as short:
            give(tx, (two[1], two[0]), 5, "a")
        assert short.value.have == 0
        assert give(tx, two, 5, "a").fresh  # the key is not used up
        assert gifts.given_today(tx, two[1], now=NOON) == Given()
    assert rows(store, "SELECT gifts FROM points_gift_days WHERE gifts > 0") == [(1,)]


def test_lowered_limits_count_from_what_was_given_already(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        give(tx, two, 40, "a")
        with pytest.raises(OverLimit) as over:
            give(tx, two, 1, "b", limits=GiftLimits(3, 30))
        assert (over.value.limit, over.value.left) == ("points", 0)
        with pytest.raises(OverLimit) as over:
            give(tx, two, 1, "b", limits=GiftLimits(1, 100))
        assert over.value.limit == "gifts"
        assert give(tx, two, 10, "b").fresh


def test_so_many_numbers_are_tried_a_day_and_those_of_a_merged_account_count(
    store: Store, two: TWO
) -> None:
    limits, (one, other) = GiftLimits(3, 50, 4), two

    def tries(who: Subscriber) -> bool:
        return store.run(lambda tx: gifts.try_number(tx, who, limits=limits, now=NOON))

    assert sorted(at_once([partial(tries, one)] * 6)) == [False] * 2 + [True] * 4
    assert tries(other)
    store.run(lambda tx: gifts.merge_days(tx, source=one.id, target=other.id, now=NOON))
    assert not tries(other)
    assert rows(store, "SELECT gifts, tries FROM points_gift_days WHERE subscriber_id = %s",
                other.id) == [(0, 5)]  # fmt: skip
    with store.begin() as tx:
        assert give(tx, two, 5, "a").fresh  # trying is not giving


@pytest.mark.slow
def test_eight_gifts_at_once_keep_within_the_limits(store: Store) -> None:
    for number in range(8):
        with store.begin() as tx:
            two = books.rich(tx, {(CONSUMPTION, SOON): 30, (PROMOTIONAL, LATER): 70}), newcomer(tx)
        limits = GiftLimits(3, 100) if number % 2 else GiftLimits(100, 50)

        def one(
            each: int, two: TWO = two, limits: GiftLimits = limits, number: int = number
        ) -> int:
            try:
                store.run(lambda tx: give(tx, two, 15, f"{number}:{each}", limits=limits))
            except OverLimit:
                return 0
            return 15

        assert sum(at_once([partial(one, each) for each in range(8)])) == 45
        assert sum(books.lots_of(store, two[1]).values()) == 45
        assert _given(store, two[0]) == Given(3, 45)
    books.check(store)


@pytest.mark.slow
def test_the_same_gift_eight_times_at_once_is_made_and_counted_once(store: Store) -> None:
    for number in range(8):
        with store.begin() as tx:
            two = books.rich(tx, {(CONSUMPTION, SOON): 30}), newcomer(tx)
        act = partial(give, two=two, amount=20, key=f"{number}", limits=GiftLimits(1, 20))
        made = at_once([partial(store.run, act)] * 8)
        assert len({each.serial for each in made}) == 1
        assert _given(store, two[0]) == Given(1, 20)
    books.check(store)


@pytest.mark.slow
def test_two_people_who_give_to_each_other_at_once_both_succeed(store: Store) -> None:
    with store.begin() as tx:
        one, other = (
            books.rich(tx, {(CONSUMPTION, SOON): 30, (PROMOTIONAL, LATER): 70}) for _ in range(2)
        )
    works = [
        partial(
            store.run,
            partial(
                give, two=(one, other) if number % 2 else (other, one), amount=35,
                key=f"{number}", limits=GiftLimits(100, 1000),
            ),
        )
        for number in range(8)
    ]  # fmt: skip
    with_room = [made.fresh for made in at_once(works[:4])]
    assert with_room == [True] * 4
    books.check(store)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("gifts = 4", "points_gift_days_gifts_check"),
        ("points = 51", "points_gift_days_points_check"),
        ("gifts = -1", "points_gift_days_gifts_check"),
        ("points = 0", "points_gift_days_points_check"),
        ("most_gifts = 0", "points_gift_days_gifts_check"),
        ("tries = 1", "points_gift_days_tries_check"),
        ("tries = -1", "points_gift_days_tries_check"),
    ],
)
def test_the_table_refuses_a_day_over_its_limits(
    store: Store, two: TWO, change: str, rule: str
) -> None:
    with store.begin() as tx:
        give(tx, two, 40, "a")
    assert refused(store, f"UPDATE points_gift_days SET {change}") == rule
