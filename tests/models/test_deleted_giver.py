"""Whoever gave a voucher is deleted: no point lies with nobody; the friend keeps the voucher."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial

import pytest

from models import points
from models.points.accounts import FORFEITED
from models.privacy import erasure
from models.store import Store
from models.subscribers import Subscriber
from models.vouchers import ending, having, verifying
from models.vouchers.vouchers import Voucher
from tests.models import books
from tests.models.conftest import NOON, at_once, cause
from tests.models.test_voucher_gifts import PRICE, TILL, _customer, _give, _has, _redeem, _refund


def _delete(store: Store, who: Subscriber) -> None:
    store.run(
        lambda tx: erasure.erase(
            tx, who.id, cause=cause(f"privacy:{who.id}", "forfeited"), grace_days=30,
            proposal_id=None, now=NOON,
        )
    )  # fmt: skip


def _forfeited(store: Store) -> int:
    return store.read(lambda tx: points.house_balance(tx, FORFEITED))


def test_what_a_deleted_person_gave_is_used_and_not_given_back(store: Store) -> None:
    owner, friend = _customer(store), _customer(store, 0)
    new = _give(store, owner, _redeem(store, owner), friend)
    _delete(store, owner)
    with pytest.raises(ending.NotRefundable) as refused:
        _refund(store, new)
    assert refused.value.state == ending.GIVER_GONE
    (held,) = store.read(lambda tx: having.usable(tx, friend, NOON, 9))
    assert held.giver_gone
    line = store.run(lambda tx: verifying.verify(tx, TILL, new.code, key="f", now=NOON))
    assert line.voucher_id == new.id
    assert _has(store, owner, friend) == [0, 0]


def test_what_comes_back_for_a_deleted_person_is_forfeited_as_all_that_they_had(
    store: Store,
) -> None:
    owner, friend = _customer(store), _customer(store, 0)
    new = _give(store, owner, _redeem(store, owner), friend)
    _delete(store, owner)
    before = _forfeited(store)
    assert store.run(lambda tx: ending.expire_due(tx, new.valid_until, 9, grace_days=30)) == 1
    assert _has(store, owner, friend) == [0, 0]
    assert _forfeited(store) == before + PRICE
    books.check(store)


def test_giving_back_while_the_giver_is_being_deleted_leaves_no_point_with_nobody(
    store: Store,
) -> None:
    for _ in range(4):
        owner, friend = _customer(store), _customer(store, 0)
        new = _give(store, owner, _redeem(store, owner, f"m{owner.id}"), friend)

        def give_back(new: Voucher = new) -> None:
            with contextlib.suppress(ending.NotRefundable):
                _refund(store, new)

        works: list[Callable[[], None]] = [give_back, partial(_delete, store, owner)]
        at_once(works)
        assert _has(store, owner, friend) == [0, 0]
    books.check(store)


def test_points_on_grace_are_forfeited_with_the_others(store: Store) -> None:
    soon = {(points.PROMOTIONAL, date(2026, 3, 20)): 50}
    who = store.run(lambda tx: books.rich(tx, soon))
    spend = partial(points.spend, points=50, into=points.SPENT, now=NOON)
    spent = store.run(lambda tx: spend(tx, who, cause=cause("spend", "redeem")))
    late = NOON + timedelta(days=30)
    store.run(
        lambda tx: points.refunds.refund(
            tx, serial=spent.serial, cause=cause("back"), now=late, grace_days=30
        )
    )
    _delete(store, who)
    assert books.lots_of(store, who) == {}
    books.check(store)
