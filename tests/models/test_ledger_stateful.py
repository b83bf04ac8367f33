"""Everything that moves points, in any order, against a plain ledger."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from models import points
from models.base import Tx
from models.points import NotEnough, exchange, expiry, gifts, holds, refunds
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows
from tests.models.ledger_load import check_all
from tests.models.plain_ledger import GRACE_DAYS, RATE, Plain, Short

PEOPLE, LAST_DAY = 2, 8
UNLIMITED = gifts.GiftLimits(gifts_a_day=1000, points_a_day=100_000)
_examples = itertools.count(1)

person = st.integers(0, PEOPLE - 1)
amount = st.integers(1, 20)
kinds = st.sampled_from(points.KINDS)
days = st.integers(0, LAST_DAY)


class Ledgers(RuleBasedStateMachine):
    """Does everything in PostgreSQL and in Python; every step is tried twice under one key."""

    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.name = f"example {next(_examples)}"
        self.number = itertools.count(1)
        self.now = NOON
        self.plain = Plain(points.day_of(NOON))
        self.serials: dict[int, int] = {}
        with self.store.begin() as tx:
            self.people = [newcomer(tx) for _ in range(PEOPLE)]

    def both(
        self, plain: Callable[[int], None], real: Callable[[Tx, points.Cause], Any]
    ) -> int | None:
        """Do it in both, and again in the real one; the name of what was done, None if refused."""
        name = next(self.number)
        why = cause(f"{self.name}:{name}")
        try:
            plain(name)
        except Short:
            for _ in range(2):
                with pytest.raises(NotEnough), self.store.begin() as tx:
                    real(tx, why)
            return None
        first, again = (self.store.run(lambda tx: real(tx, why)) for _ in range(2))
        assert first.serial == again.serial
        self.serials[name] = getattr(first, "end_serial", None) or first.serial
        return name

    @rule(who=person, kind=kinds, day=days, n=amount)
    def issue(self, who: int, kind: str, day: int, n: int) -> None:
        until = self.plain.today + timedelta(days=day)
        self.both(
            lambda _: self.plain.put(who, "points", [(kind, until, n)]),
            lambda tx, why: points.issue(
                tx, self.people[who], kind=kind, points=n, expires_on=until, cause=why,
                now=self.now,
            ),
        )  # fmt: skip

    @rule(who=person, n=amount)
    def spend(self, who: int, n: int) -> None:
        self.both(
            lambda name: self.plain.spend(name, who, n),
            lambda tx, why: points.spend(
                tx, self.people[who], points=n, into=points.SPENT, cause=why, now=self.now
            ),
        )

    @rule(who=person, n=amount)
    def hold(self, who: int, n: int) -> None:
        self.both(
            lambda name: self.plain.hold(name, who, n),
            lambda tx, why: holds.hold(
                tx, self.people[who], points=n, lasts=timedelta(days=20), cause=why, now=self.now
            ),
        )

    @precondition(lambda self: self.plain.held)
    @rule(data=st.data(), share=st.integers(0, 100))
    def end_hold(self, data: st.DataObject, share: int) -> None:
        held = data.draw(st.sampled_from(sorted(self.plain.held)))
        who, parts = self.plain.held[held]
        onward = share * sum(n for _, _, n in parts) // 100

        def plain(name: int) -> None:
            self.plain.end_hold(held, onward)
            if onward:
                self.plain.spent[name] = self.plain.spent.pop(held)

        def real(tx: Tx, why: points.Cause) -> holds.Hold:
            which: dict[str, Any] = {
                "subscriber_id": self.people[who].id, "serial": self.serials[held],
                "cause": why, "now": self.now, "grace_days": GRACE_DAYS,
            }  # fmt: skip
            if onward:
                return holds.capture(tx, into=points.SPENT, points=onward, **which)
            return holds.release(tx, **which)

        self.both(plain, real)

    @precondition(lambda self: any(parts for _, parts in self.plain.spent.values()))
    @rule(data=st.data(), share=st.integers(1, 100))
    def refund(self, data: st.DataObject, share: int) -> None:
        left = {name: sum(n for _, _, n in parts) for name, (_, parts) in self.plain.spent.items()}
        spent = data.draw(st.sampled_from(sorted(name for name, n in left.items() if n)))
        n = max(1, share * left[spent] // 100)
        self.both(
            lambda _: self.plain.refund(spent, n),
            lambda tx, why: refunds.refund(
                tx, serial=self.serials[spent], points=n, cause=why, now=self.now,
                grace_days=GRACE_DAYS,
            ),
        )  # fmt: skip

    @rule(payer=person, other=st.integers(1, PEOPLE - 1), n=amount)
    def gift(self, payer: int, other: int, n: int) -> None:
        payee = (payer + other) % PEOPLE
        self.both(
            lambda _: self.plain.gift(payer, payee, n),
            lambda tx, why: gifts.give(
                tx, payer=self.people[payer], payee=self.people[payee], points=n,
                limits=UNLIMITED, cause=why, now=self.now,
            ),
        )  # fmt: skip

    @rule(who=person, coins=st.integers(1, 3), buying=st.booleans())
    def exchange(self, who: int, coins: int, buying: bool) -> None:
        plain = self.plain.buy if buying else self.plain.sell
        real = exchange.buy_coins if buying else exchange.sell_coins
        self.both(
            lambda _: plain(who, coins),
            lambda tx, why: real(
                tx, self.people[who], coins=coins, points_per_coin=RATE, cause=why, now=self.now
            ),
        )

    @rule(n=st.integers(1, 4))
    def days_pass(self, n: int) -> None:
        self.now += timedelta(days=n)
        self.plain.today += timedelta(days=n)

    @rule()
    def expire(self) -> None:
        self.plain.expire()
        over = {day for *_, day in self.plain.lots if day < self.plain.today}
        for day in over:
            _expire(self.store, day, self.now)

    @invariant()
    def people_have_the_same(self) -> None:
        assert _lots(self.store, self.people) == {
            (self.people[who].id, unit, kind, day): n
            for (who, unit, kind, day), n in self.plain.lots.items()
            if n
        }

    @invariant()
    def what_is_held_is_seen(self) -> None:
        with self.store.reading() as tx:
            for who, each in enumerate(self.people):
                seen = points.balance(tx, each, now=self.now, expiring_days=30)
                held = [parts for whose, parts in self.plain.held.values() if whose == who]
                assert seen.held == sum(n for parts in held for _, _, n in parts)
                usable = self.plain.usable(who, points.POINTS)
                assert seen.usable == sum(n for _, _, n in usable)


def _expire(store: Store, day: date, now: datetime) -> None:
    store.run(lambda tx: expiry.begin_day(tx, day, now=now))
    while store.run(lambda tx: expiry.sweep(tx, now=now, day=day)) is not None:
        pass


def _lots(store: Store, people: list[Subscriber]) -> dict[tuple[int, str, str, date], int]:
    found = rows(
        store,
        "SELECT subscriber_id, unit, kind, expires_on, balance FROM points_accounts"
        " WHERE subscriber_id = ANY (%s) AND balance > 0 AND kind NOT LIKE 'held%%'",
        [each.id for each in people],
    )
    return {(row[0], row[1], row[2], row[3]): row[4] for row in found}


@pytest.mark.slow
def test_the_ledger_does_what_a_plain_one_does_in_any_order(store: Store) -> None:
    class Here(Ledgers):
        pass

    Here.store = store
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=50, stateful_step_count=30, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    check_all(store)
