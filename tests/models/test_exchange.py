"""Exchange: coins are made of points and turn back into them, and nobody gains by it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import points, subscribers
from models.base import Tx
from models.points import (
    COINS,
    CONSUMPTION,
    KINDS,
    PROMOTIONAL,
    KeyReused,
    NotEnough,
    exchange,
    lots,
)
from models.points.accounts import UNITS
from models.points.lots import HouseShort
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

RATE = 10
TODAY = points.day_of(NOON)
SOON, LATER = date(2026, 3, 10), date(2027, 12, 31)
_examples = itertools.count(1)


def buy(
    tx: Tx, who: Subscriber, coins: int, key: str = "buy", *, rate: int = RATE, days: int = 0
) -> points.Transfer:
    now = NOON + timedelta(days=days)
    return exchange.buy_coins(tx, who, coins=coins, points_per_coin=rate, cause=cause(key), now=now)


def sell(
    tx: Tx, who: Subscriber, coins: int, key: str = "sell", *, rate: int = RATE, days: int = 0
) -> points.Transfer:
    now = NOON + timedelta(days=days)
    return exchange.sell_coins(
        tx, who, coins=coins, points_per_coin=rate, cause=cause(key), now=now
    )


@pytest.fixture
def who(store: Store) -> Subscriber:
    with store.begin() as tx:
        return books.rich(tx, {(CONSUMPTION, SOON): 25, (CONSUMPTION, LATER): 80})


def coins_of(store: Store, who: Subscriber) -> books.Lots:
    return books.lots_of(store, who, unit=COINS)


def test_a_coin_is_good_for_as_long_as_the_soonest_of_its_points(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        before = points.house_balance(tx, points.ISSUING, unit=COINS)
        made = buy(tx, who, 5)
        assert points.house_balance(tx, points.EXCHANGE) == 50
        assert points.house_balance(tx, points.ISSUING, unit=COINS) == before - 5
    # 10 and 10 of the soonest, 5 with 5 of the later, then 10 and 10 of the later.
    assert coins_of(store, who) == {(CONSUMPTION, SOON): 3, (CONSUMPTION, LATER): 2}
    assert books.lots_of(store, who) == {(CONSUMPTION, LATER): 55}
    assert rows(store, "SELECT DISTINCT unit FROM points_legs WHERE serial = %s", made.serial) == [
        ("coins",), ("points",)
    ]  # fmt: skip
    books.check(store)


def test_the_way_back_gives_points_of_the_coins_date(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        buy(tx, who, 5)
        sell(tx, who, 4)
        assert points.house_balance(tx, points.EXCHANGE) == 10
    assert coins_of(store, who) == {(CONSUMPTION, LATER): 1}
    assert books.lots_of(store, who) == {(CONSUMPTION, SOON): 30, (CONSUMPTION, LATER): 65}
    books.check(store)


def test_a_coin_with_a_promotional_point_is_promotional(store: Store) -> None:
    with store.begin() as tx:
        who = books.rich(
            tx, {(CONSUMPTION, SOON): 19, (PROMOTIONAL, LATER): 1, (CONSUMPTION, LATER): 20}
        )
        buy(tx, who, 3)
    # LATER's consumption points come before its promotional one: 9 + 1, 10, then 9 + 1.
    assert coins_of(store, who) == {(CONSUMPTION, SOON): 2, (CONSUMPTION, LATER): 1}
    with store.begin() as tx:
        buy(tx, who, 1, "last")
    assert coins_of(store, who)[PROMOTIONAL, LATER] == 1
    books.check(store)


def test_a_coin_may_take_more_than_two_lots(store: Store) -> None:
    with store.begin() as tx:
        lots = {(CONSUMPTION, SOON + timedelta(days=n)): 3 for n in range(8)}
        who = books.rich(tx, lots)
        buy(tx, who, 2)
    assert coins_of(store, who) == {
        (CONSUMPTION, SOON): 1, (CONSUMPTION, SOON + timedelta(days=3)): 1
    }  # fmt: skip
    books.check(store)


def test_only_whole_coins_and_only_what_one_has(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        with pytest.raises(NotEnough) as short:
            buy(tx, who, 11)
        assert short.value.have == 105
        buy(tx, who, 10)
        with pytest.raises(NotEnough) as short:
            sell(tx, who, 11)
        assert short.value.have == 10
        for coins, rate in ((0, RATE), (-1, RATE), (1, 0)):
            for way in (buy, sell):
                with pytest.raises(ValueError, match="one coin at least"):
                    way(tx, who, coins, "x", rate=rate)
    books.check(store)


def test_what_has_expired_buys_nothing(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        buy(tx, who, 2)
        with pytest.raises(NotEnough) as short:
            buy(tx, who, 9, "late", days=30)
        assert short.value.have == 80
        with pytest.raises(NotEnough) as short:
            sell(tx, who, 1, days=30)
        assert short.value.have == 0


def test_the_same_exchange_again_is_the_first_one(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        first = buy(tx, who, 10)
        assert (buy(tx, who, 10).serial, buy(tx, who, 10).fresh) == (first.serial, False)
        back = sell(tx, who, 10)
        assert sell(tx, who, 10).serial == back.serial
        for wrong in (partial(buy, coins=9, key="buy"), partial(sell, coins=10, key="buy")):
            with pytest.raises(KeyReused):
                wrong(tx, who)
    assert coins_of(store, who) == {}
    books.check(store)


def test_a_better_rate_pays_out_no_more_than_came_in(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        buy(tx, who, 5)
        with pytest.raises(HouseShort) as short:
            sell(tx, who, 5, rate=RATE + 1)
        assert (short.value.kind, short.value.have) == ("exchange", 50)
        assert sell(tx, who, 5).fresh
    books.check(store)


@pytest.mark.slow
def test_the_same_exchange_eight_times_at_once_is_made_once(store: Store) -> None:
    for number in range(5):
        with store.begin() as tx:
            who = books.rich(tx, {(CONSUMPTION, SOON): 25, (CONSUMPTION, LATER): 75})
        for way in (buy, sell):
            act = partial(way, who=who, coins=10, key=f"{way.__name__} {number}")
            made = at_once([partial(store.run, act)] * 8)
            assert len({each.serial for each in made}) == 1
            assert sum(each.fresh for each in made) == 1
    assert store.read(lambda tx: points.house_balance(tx, points.EXCHANGE)) == 0
    books.check(store)


@pytest.mark.slow
def test_buying_selling_and_spending_at_once_loses_nothing(store: Store) -> None:
    with store.begin() as tx:
        who = books.rich(tx, {(CONSUMPTION, SOON): 250, (CONSUMPTION, LATER): 750})
        buy(tx, who, 50)

    def spend(tx: Tx, key: str) -> None:
        points.spend(tx, who, points=7, into=points.SPENT, cause=cause(key), now=NOON)

    def act(number: int) -> int:
        """One of three things, five times; returns how many points were spent."""
        for each in range(5):
            key = f"{number}:{each}"
            if number % 3 == 0:
                store.run(partial(buy, who=who, coins=2, key=key))
            elif number % 3 == 1:
                store.run(partial(sell, who=who, coins=2, key=key))
            else:
                store.run(partial(spend, key=key))
        return 35 if number % 3 == 2 else 0

    spent = sum(at_once([partial(act, number) for number in range(8)]))
    worth = sum(books.lots_of(store, who).values()) + RATE * sum(coins_of(store, who).values())
    assert worth == 1000 - spent
    books.check(store)


# -- nobody gains by going back and forth ------------------------------------------------------


def _value_from(store: Store, who: Subscriber) -> Mapping[tuple[str, date], int]:
    """For each day: what can be used on it and later, in points, of any kind and of the better."""
    worth: dict[tuple[str, date], int] = defaultdict(int)
    for unit, rate in ((points.POINTS, 1), (COINS, RATE)):
        for (kind, day), n in books.lots_of(store, who, unit=unit).items():
            for back in range((day - TODAY).days + 1):
                worth["any", TODAY + timedelta(days=back)] += n * rate
                if kind == CONSUMPTION:
                    worth[CONSUMPTION, TODAY + timedelta(days=back)] += n * rate
    return worth


lot = st.tuples(st.sampled_from([CONSUMPTION, PROMOTIONAL]), st.integers(0, 6))
act = st.tuples(st.sampled_from([buy, sell]), st.integers(1, 6))


@settings(
    max_examples=80, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    begin=st.dictionaries(lot, st.integers(1, 45), min_size=1, max_size=6),
    acts=st.lists(act, min_size=1, max_size=8),
)
def test_exchanging_back_and_forth_never_gains_points_days_or_a_better_kind(
    store: Store, begin: dict[tuple[str, int], int], acts: list[tuple[object, int]]
) -> None:
    example = next(_examples)
    with store.begin() as tx:
        lots = {(kind, TODAY + timedelta(days=days)): n for (kind, days), n in begin.items()}
        who = books.rich(tx, lots)
    before = _value_from(store, who)
    for number, (way, coins) in enumerate(acts):
        with store.begin() as tx:
            try:
                way(tx, who, coins, f"{example}:{number}")  # type: ignore[operator]
            except NotEnough:
                continue
        after = _value_from(store, who)
        assert after["any", TODAY] == before["any", TODAY]  # none is lost, either
        assert all(after[day] <= before[day] for day in after), (before, after)
        before = after
    books.check(store)


def test_nobody_else_is_touched(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        other = newcomer(tx)
        buy(tx, who, 5)
        with pytest.raises(NotEnough):
            sell(tx, other, 1)
    assert coins_of(store, other) == {}


# -- among other movements of the same person ---------------------------------------------------


def _meanwhile(store: Store, other: Callable[[], object], act: Callable[[Tx], object]) -> None:
    """Run `act` in a transaction of its own, which comes to wait; then `other` goes on.

    No second try: a deadlock would show.
    """

    def once() -> None:
        with store.begin() as tx:
            act(tx)

    def goes_on() -> None:
        while not _waiting(store):
            pass
        other()

    at_once([goes_on, once])


def _waiting(store: Store) -> bool:
    return rows(
        store,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    ) != [(0,)]


def test_a_gift_that_is_paying_lot_by_lot_and_a_sale_wait_for_each_other(store: Store) -> None:
    with store.begin() as tx:
        seller = books.rich(tx, {(CONSUMPTION, SOON): 20, (CONSUMPTION, LATER): 80})
        friend = books.rich(tx, {(CONSUMPTION, SOON): 5, (CONSUMPTION, LATER): 5})
        buy(tx, seller, 2)  # the soonest lot is empty now, and is paid into by both

    def give(tx: Tx, key: str) -> None:
        points.transfer(tx, payer=friend, payee=seller, points=5, cause=cause(key), now=NOON)

    with store.begin() as giving:
        give(giving, "first lot")

        def second() -> None:
            give(giving, "second lot")
            giving.commit()

        _meanwhile(store, second, partial(sell, who=seller, coins=2))
    assert books.lots_of(store, seller) == {(CONSUMPTION, SOON): 25, (CONSUMPTION, LATER): 85}
    books.check(store)


def test_a_sale_that_waits_for_a_lot_keeps_nobody_from_the_house(store: Store) -> None:
    with store.begin() as tx:
        seller, other = (books.rich(tx, {(CONSUMPTION, SOON): 40}) for _ in range(2))
        friend = books.rich(tx, {(CONSUMPTION, SOON): 5})
        for number, who in enumerate((seller, other)):
            buy(tx, who, 4, f"buy {number}")
    with store.begin() as giving:
        points.transfer(giving, payer=friend, payee=seller, points=5, cause=cause("gift"), now=NOON)

        def all_that_is_left() -> None:  # more than one stripe has: it waits for every one
            sell(giving, other, 4, "sell other")
            giving.commit()

        _meanwhile(store, all_that_is_left, partial(sell, who=seller, coins=4))
    assert books.lots_of(store, seller) == {(CONSUMPTION, SOON): 45}
    books.check(store)


@pytest.mark.parametrize("way", [buy, sell])
def test_whoever_merges_or_deletes_somebody_waits_for_an_exchange_or_the_other_way_round(
    store: Store, way: Callable[..., object]
) -> None:
    with store.begin() as tx:
        who = books.rich(tx, {(PROMOTIONAL, LATER): 20})
        points.issue(
            tx, who, kind=CONSUMPTION, points=2, expires_on=SOON, unit=COINS,
            cause=cause("coins"), now=NOON,
        )  # fmt: skip
    if way is sell:
        store.run(partial(buy, who=other_buyer(store), coins=2, key="into the house"))
    with store.begin() as deleting:
        subscribers.lock_wholly(deleting, who.id)

        def deletes() -> None:
            lots.lock(deleting, [who.id], KINDS, UNITS)
            deleting.commit()

        _meanwhile(store, deletes, partial(way, who=who, coins=2))
    books.check(store)


def other_buyer(store: Store) -> Subscriber:
    return store.run(lambda tx: books.rich(tx, {(CONSUMPTION, LATER): 20}))


def test_who_is_merged_meanwhile_exchanges_nothing(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        target = newcomer(tx)
        points.merge(tx, source=who, target=target, cause=cause("merge", "merge"), now=NOON)
        tx.exec_driver_sql(
            "UPDATE subscribers SET status = 'merged', merged_into = %s WHERE id = %s",
            (target.id, who.id),
        )
    for way in (buy, sell):
        with pytest.raises(points.Merged), store.begin() as tx:
            way(tx, who, 1)
