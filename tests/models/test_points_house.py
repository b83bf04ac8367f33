"""The house's accounts: budgets that hold, and stripes that nobody notices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from models import points
from models.base import Tx
from models.points import Account, KeyReused, Leg, NotEnough, lots
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

DAY = date(2027, 12, 31)
SPRING = "campaign:spring"


def fund(tx: Tx, amount: int, key: str = "fund") -> points.Transfer:
    points.open_house_account(tx, SPRING)
    return points.fund(tx, SPRING, points=amount, cause=cause(key), now=NOON)


def award(tx: Tx, who: Subscriber, amount: int, key: str) -> points.Transfer:
    return points.issue(
        tx, who, kind=points.PROMOTIONAL, points=amount, expires_on=DAY, source=SPRING,
        cause=cause(key), now=NOON,
    )  # fmt: skip


def stripes(store: Store) -> list[int]:
    return [
        row[0]
        for row in rows(
            store, "SELECT balance FROM points_accounts WHERE kind = %s ORDER BY stripe", SPRING
        )
    ]


def test_a_budget_is_spread_evenly_over_its_stripes(store: Store) -> None:
    with store.begin() as tx:
        assert fund(tx, 100).fresh
        assert not fund(tx, 100).fresh  # the same key: paid in once
        assert points.house_balance(tx, SPRING) == 100
    assert stripes(store) == [7] * 4 + [6] * 12


def test_a_small_budget_is_paid_in_and_one_of_nobody_is_refused(store: Store) -> None:
    with store.begin() as tx:
        fund(tx, 3)
        assert points.house_balance(tx, SPRING) == 3
        with pytest.raises(LookupError, match="no account"):
            points.fund(tx, "campaign:unknown", points=100, cause=cause("x"), now=NOON)


def test_an_award_larger_than_any_stripe_takes_from_several(store: Store) -> None:
    with store.begin() as tx:
        fund(tx, 100)
        who = newcomer(tx)
        award(tx, who, 90, "big")
        assert points.balance(tx, who, now=NOON, expiring_days=30).promotional == 90
        assert points.house_balance(tx, SPRING) == 10
    assert min(stripes(store)) == 0


def test_a_budget_never_goes_below_nothing_and_a_refusal_leaves_the_key_unused(
    store: Store,
) -> None:
    with store.begin() as tx:
        fund(tx, 100)
        who = newcomer(tx)
        with pytest.raises(NotEnough) as short:
            award(tx, who, 101, "key")
        assert short.value.have == 100
        assert award(tx, who, 100, "key").fresh
        with pytest.raises(KeyReused):
            award(tx, who, 99, "key")


def test_eight_at_once_empty_a_budget_to_the_last_point(store: Store) -> None:
    with store.begin() as tx:
        fund(tx, 100)
        people = [newcomer(tx) for _ in range(8)]

    def take(number: int) -> int:
        taken = 0
        for turn in range(20):
            try:
                store.run(lambda tx: award(tx, people[number], 1, f"{number}:{turn}"))  # noqa: B023
                taken += 1
            except NotEnough:
                break
        return taken

    assert sum(at_once([lambda n=n: take(n) for n in range(8)])) == 100  # type: ignore[misc]
    assert set(stripes(store)) == {0}


def test_payments_into_one_account_do_not_wait_for_each_other(store: Store) -> None:
    with store.begin() as tx:
        points.open_house_account(tx, "merchant:m")
        people = [newcomer(tx) for _ in range(2)]
        for who in people:
            points.issue(
                tx, who, kind=points.CONSUMPTION, points=10, expires_on=DAY,
                cause=cause(f"give:{who.id}"), now=NOON,
            )  # fmt: skip

    def pay(tx: Tx, who: Subscriber) -> None:
        points.spend(tx, who, points=3, into="merchant:m", cause=cause(f"pay:{who.id}"), now=NOON)

    with store.begin() as first, store.begin() as second:  # both open at the same time
        pay(first, people[0])
        pay(second, people[1])
    assert rows(store, "SELECT sum(balance), count(*) FILTER (WHERE balance > 0)"
                " FROM points_accounts WHERE kind = 'merchant:m'") == [(6, 2)]  # fmt: skip


def _waiting(store: Store) -> bool:
    """Whether somebody waits for a lock in this database."""
    return rows(
        store,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    ) != [(0,)]


def _by_move(tx: Tx, who: Subscriber) -> None:
    award(tx, who, 30, "late")


def _by_legs(tx: Tx, who: Subscriber) -> None:
    """As a refund or a reversal takes points out of the house."""
    leg = Leg(30, Account(0, SPRING, points.NEVER), Account(who.id, points.PROMOTIONAL, DAY))
    legs = lots.out_of_house(tx, [leg])
    points.post(tx, legs, request="late", cause=cause("late"), now=NOON)


@pytest.mark.parametrize("take", [_by_move, _by_legs])
def test_what_is_paid_into_an_empty_stripe_while_another_is_waited_for_is_seen(
    store: Store, take: Callable[[Tx, Subscriber], None]
) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        points.open_house_account(tx, SPRING)
        _pay_stripe(tx, 3, 20)

    def meanwhile() -> None:
        while not _waiting(store):
            pass
        store.run(lambda tx: _pay_stripe(tx, 11, 30))  # empty when the other began to look
        holding.commit()

    with store.begin() as holding:
        holding.exec_driver_sql(
            "SELECT 1 FROM points_accounts WHERE kind = %s AND stripe = 3 FOR NO KEY UPDATE",
            (SPRING,),
        )
        at_once([meanwhile, lambda: store.run(lambda tx: take(tx, who))])
    assert sum(stripes(store)) == 20
    assert store.read(lambda tx: points.balance(tx, who, now=NOON, expiring_days=0)).total == 30


def _pay_stripe(tx: Tx, stripe: int, n: int) -> None:
    issuing = Account(0, points.ISSUING, points.NEVER)
    leg = Leg(n, issuing, Account(0, SPRING, points.NEVER, stripe))
    points.post(tx, [leg], request="pay", cause=cause(f"pay:{stripe}"), now=NOON)
