"""Everything that moves points, in any order, against a plain ledger."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from models import merging, points
from models.base import Tx
from models.points import NotEnough, exchange, expiry, gifts, holds, refunds
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows
from tests.models.ledger_load import check_all
from tests.models.plain_ledger import GRACE_DAYS, RATE, Part, Plain, Short

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
        self.holders: dict[int, int] = {}  # a hold is asked for by who made it, though merged since
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
            lambda _: self.plain.put(who, "points", [Part(until, kind, False, n)]),
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
        name = self.both(
            lambda name: self.plain.hold(name, who, n),
            lambda tx, why: holds.hold(
                tx, self.people[who], points=n, lasts=timedelta(days=20), cause=why, now=self.now
            ),
        )
        if name is not None:
            self.holders[name] = self.people[who].id

    @precondition(lambda self: self.plain.held)
    @rule(data=st.data(), share=st.integers(0, 100))
    def end_hold(self, data: st.DataObject, share: int) -> None:
        held = data.draw(st.sampled_from(sorted(self.plain.held)))
        onward = share * self.plain.held[held].total // 100

        def plain(name: int) -> None:
            self.plain.end_hold(held, onward)
            if onward:
                self.plain.spent[name] = self.plain.spent.pop(held)

        def real(tx: Tx, why: points.Cause) -> holds.Hold:
            which: dict[str, Any] = {
                "subscriber_id": self.holders[held], "serial": self.serials[held],
                "cause": why, "now": self.now, "grace_days": GRACE_DAYS,
            }  # fmt: skip
            if onward:
                return holds.capture(tx, into=points.SPENT, points=onward, **which)
            return holds.release(tx, **which)

        self.both(plain, real)

    @precondition(lambda self: any(taken.total for taken in self.plain.spent.values()))
    @rule(data=st.data(), share=st.integers(1, 100))
    def refund(self, data: st.DataObject, share: int) -> None:
        left = {name: taken.total for name, taken in self.plain.spent.items()}
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

    @rule(source=person, other=st.integers(1, PEOPLE - 1))
    def merge(self, source: int, other: int) -> None:
        """Somebody new stands where the one stood who was merged."""
        target = (source + other) % PEOPLE
        self.plain.merge(source, target)
        with self.store.begin() as tx:
            merging.merge(
                tx, source=self.people[source], target=self.people[target], origin="test",
                now=self.now,
            )  # fmt: skip
            self.people[source] = newcomer(tx)

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
        over = {lot[2] for lot in self.plain.lots if lot[2] < self.plain.today}
        for day in over:
            _expire(self.store, day, self.now)

    @invariant()
    def people_have_the_same(self) -> None:
        assert _lots(self.store, self.people) == {
            (self.people[who].id, *lot): n for (who, *lot), n in self.plain.lots.items() if n
        }

    @invariant()
    def what_is_held_is_seen(self) -> None:
        with self.store.reading() as tx:
            for who, each in enumerate(self.people):
                seen = points.balance(tx, each, now=self.now, expiring_days=30)
                held = [taken for taken in self.plain.held.values() if taken.who == who]
                assert seen.held == sum(taken.total for taken in held)
                usable = self.plain.usable(who, points.POINTS)
                assert seen.usable == sum(part.n for part in usable)


def _expire(store: Store, day: date, now: datetime) -> None:
    store.run(lambda tx: expiry.begin_day(tx, day, now=now))
    while store.run(lambda tx: expiry.sweep(tx, now=now, day=day)) is not None:
        pass


def _lots(store: Store, people: list[Subscriber]) -> dict[tuple[object, ...], int]:
    found = rows(
        store,
        "SELECT subscriber_id, unit, expires_on, kind, stripe = 1, balance FROM points_accounts"
        " WHERE subscriber_id = ANY (%s) AND balance > 0 AND kind NOT LIKE 'held%%'",
        [each.id for each in people],
    )
    return {row[:5]: row[5] for row in found}


TRIPS = st.sampled_from(("hold", "spend", "gift", "coins", "wait", "back"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TRIPS, st.integers(1, 9)), max_size=40), st.integers(0, 9))
def test_no_trips_extend_the_use_of_points_beyond_one_grace(
    trips: list[tuple[str, int]], ends: int
) -> None:
    """In the plain ledger, which the real one does the same as."""
    first, plain = date(2026, 3, 2), Plain(date(2026, 3, 2))
    expiry = first + timedelta(days=ends)
    plain.put(0, "points", [Part(expiry, points.CONSUMPTION, False, RATE)])
    came_back: set[date] = set()  # after its own last day
    used: set[date] = set()
    for name, (trip, days) in enumerate(trips):
        try:
            if trip in ("hold", "spend"):
                (plain.hold if trip == "hold" else plain.spend)(name, 0, RATE)
            elif trip == "gift":
                plain.gift(0, 1, RATE)
                plain.gift(1, 0, RATE)
            elif trip == "coins":
                plain.buy(0, 1)
                plain.sell(0, 1)
        except Short:
            continue
        if trip == "wait":
            plain.today += timedelta(days=days)
        if trip == "back" and (plain.held or plain.spent):
            came_back |= {plain.today} if plain.today > expiry else set()
            for held in list(plain.held):
                plain.end_hold(held, 0)
            for spent in list(plain.spent):
                plain.give_back(plain.spent[spent], plain.spent.pop(spent).parts)
        for step in range(GRACE_DAYS * 4):
            there = Plain(plain.today + timedelta(days=step), lots=plain.lots)
            used |= {there.today} if there.usable(0, "points") else set()
    late = {day for day in used if day > expiry}
    assert len(late) <= GRACE_DAYS + 1  # the day on which they came back, and the grace
    if late:
        assert max(late) <= min(came_back) + timedelta(days=GRACE_DAYS)


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
