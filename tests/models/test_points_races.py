"""Many hands in the same lots at once, on a real PostgreSQL, with threads."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest

from models import points, subscribers
from models.base import Tx
from models.points import NotEnough
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, at_once, cause, newcomer, rows
from tests.models.test_points import check_books

pytestmark = pytest.mark.slow

THREADS = 8
DAY = date(2026, 12, 31)


def _give(tx: Tx, who: Subscriber, amounts: list[int]) -> None:
    for number, amount in enumerate(amounts):
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=amount, now=NOON,
            expires_on=DAY + timedelta(days=number), cause=cause(f"gift:{who.id}:{number}"),
        )  # fmt: skip


def _has(store: Store, who: Subscriber) -> int:
    return store.read(lambda tx: points.balance(tx, who, now=NOON, expiring_days=0)).total


def test_eight_spenders_of_the_same_lots_never_take_what_is_not_there(store: Store) -> None:
    for round_no in range(10):
        with store.begin() as tx:
            who = newcomer(tx)
            _give(tx, who, [30, 30, 40])

        def spend(number: int, who: Subscriber = who, round_no: int = round_no) -> int:
            key, amount = cause(f"spend:{round_no}:{number}"), 17
            try:
                store.run(
                    lambda tx: points.spend(
                        tx, who, points=amount, into=points.SPENT, cause=key, now=NOON
                    )
                )
            except NotEnough:
                return 0
            return amount

        taken = sum(at_once([partial(spend, number) for number in range(THREADS)]))
        assert taken == 5 * 17
        assert _has(store, who) == 100 - taken
    check_books(store)


def test_the_same_spending_eight_times_at_once_is_made_once(store: Store) -> None:
    for round_no in range(10):
        with store.begin() as tx:
            who = newcomer(tx)
            _give(tx, who, [20])

        key = cause(f"one:{round_no}")

        def spend(who: Subscriber = who, key: points.Cause = key) -> tuple[int, bool]:
            made = store.run(
                lambda tx: points.spend(tx, who, points=20, into=points.SPENT, cause=key, now=NOON)
            )
            return made.serial, made.fresh

        made = at_once([spend] * THREADS)
        assert len({serial for serial, _ in made}) == 1
        assert sum(fresh for _, fresh in made) == 1
        assert _has(store, who) == 0
    check_books(store)


def test_opposite_transfers_between_two_people_all_come_through(store: Store) -> None:
    with store.begin() as tx:
        one, two = newcomer(tx), newcomer(tx)
        _give(tx, one, [50])
        _give(tx, two, [50])

    def move(number: int) -> bool:
        payer, payee = (one, two) if number % 2 else (two, one)
        return store.run(
            lambda tx: points.transfer(
                tx, payer=payer, payee=payee, points=3, cause=cause(f"move:{number}"), now=NOON
            )
        ).fresh

    for round_no in range(5):
        works = [partial(move, round_no * THREADS + number) for number in range(THREADS)]
        assert at_once(works) == [True] * THREADS
    assert (_has(store, one), _has(store, two)) == (50, 50)
    assert rows(store, "SELECT count(*) FROM points_legs WHERE points = 3")[0][0] >= 40
    check_books(store)


def test_gifts_from_many_hands_at_once_are_all_there(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)

    def give(number: int) -> None:
        store.run(
            lambda tx: points.issue(
                tx,
                who,
                kind=points.PROMOTIONAL,
                points=7,
                expires_on=DAY,
                cause=cause(f"many:{number}"),
                now=NOON,
            )
        )

    at_once([partial(give, number) for number in range(THREADS)])
    assert _has(store, who) == 7 * THREADS
    check_books(store)


def test_a_gift_does_not_wait_for_a_message_of_its_receiver(store: Store) -> None:
    with store.begin() as tx:
        payer, payee = newcomer(tx), newcomer(tx)
        _give(tx, payer, [5])
    with store.begin() as handling:
        subscribers.lock(handling, "sms", payee.msisdn or "", NOON)
        with store.begin() as tx:
            tx.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            points.transfer(tx, payer=payer, payee=payee, points=5, cause=cause("gift"), now=NOON)
    assert _has(store, payee) == 5
