"""The ledger against a tiny one in plain Python, on the real database."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import points
from models.points import Balance, KeyReused, NotEnough
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows

TODAY = NOON.date()
PEOPLE, LAST_DAY = 3, 6
_examples = itertools.count(1)


@dataclass
class Plain:
    """What the ledger should do, in as few words as possible."""

    lots: dict[tuple[int, date, str], int] = field(default_factory=lambda: defaultdict(int))
    done: dict[int, tuple[object, ...]] = field(default_factory=dict)

    def usable(self, who: int, today: date) -> list[tuple[int, date, str]]:
        mine = [lot for lot in self.lots if lot[0] == who and lot[1] >= today and self.lots[lot]]
        return sorted(mine)

    def has(self, who: int, today: date) -> int:
        return sum(self.lots[lot] for lot in self.usable(who, today))

    def take(self, who: int, amount: int, to: int | None, today: date) -> None:
        for lot in self.usable(who, today):
            part = min(amount, self.lots[lot])
            self.lots[lot] -= part
            amount -= part
            if to is not None:
                self.lots[to, lot[1], lot[2]] += part

    def merge(self, source: int, target: int) -> None:
        for lot in [lot for lot in self.lots if lot[0] == source]:
            self.lots[target, lot[1], lot[2]] += self.lots.pop(lot)


person = st.integers(0, PEOPLE - 1)
amount = st.integers(1, 40)
two_people = st.tuples(person, person).filter(lambda pair: pair[0] != pair[1])
key = st.integers(0, 11)
operation = st.one_of(
    st.tuples(
        st.just("issue"), key, person, amount, st.integers(0, LAST_DAY),
        st.sampled_from([points.CONSUMPTION, points.PROMOTIONAL]),
    ),
    st.tuples(st.just("spend"), key, person, amount),
    st.tuples(st.just("transfer"), key, two_people, amount),
    st.tuples(st.just("merge"), key, two_people),
    st.tuples(st.just("pass"), st.integers(1, 3)),
)  # fmt: skip


@dataclass
class Both:
    """Does everything twice, in PostgreSQL and in Python, and compares."""

    store: Store
    people: list[Subscriber]
    name: str
    plain: Plain = field(default_factory=Plain)
    days: int = 0

    @property
    def today(self) -> date:
        return TODAY + timedelta(days=self.days)

    def do(self, operation: tuple[object, ...]) -> None:
        if operation[0] == "pass":
            self.days += int(str(operation[1]))
            return
        number, request = int(str(operation[1])), operation[0:1] + operation[2:]
        first = self.plain.done.get(number)
        if first is not None and first != request:
            with pytest.raises(KeyReused):
                self._really(operation)
        elif first == request:
            assert self._really(operation) is False
        elif self._is_short(operation):
            with pytest.raises(NotEnough) as short:
                self._really(operation)
            assert short.value.have == self.plain.has(self._payer(operation), self.today)
        else:
            assert self._really(operation) is not False
            self.plain.done[number] = request
            self._plainly(operation)

    def compare(self) -> None:
        now = NOON + timedelta(days=self.days)
        for number, who in enumerate(self.people):
            with self.store.reading() as tx:
                found = points.balance(tx, who, now=now, expiring_days=2)
            mine = [(lot, self.plain.lots[lot]) for lot in self.plain.usable(number, self.today)]
            soon = [(lot[1], n) for lot, n in mine if lot[1] <= self.today + timedelta(days=2)]
            assert found == Balance(
                consumption=sum(n for lot, n in mine if lot[2] == points.CONSUMPTION),
                promotional=sum(n for lot, n in mine if lot[2] == points.PROMOTIONAL),
                expiring=sum(n for _, n in soon),
                expiring_by=max((day for day, _ in soon), default=None),
            )

    def _payer(self, operation: tuple[object, ...]) -> int:
        who = operation[2]
        return int(who[0]) if isinstance(who, tuple) else int(str(who))

    def _is_short(self, operation: tuple[object, ...]) -> bool:
        if operation[0] not in ("spend", "transfer"):
            return False
        return self.plain.has(self._payer(operation), self.today) < int(str(operation[3]))

    def _plainly(self, operation: tuple[object, ...]) -> None:
        match operation:
            case ("issue", _, int(who), int(n), int(day), str(kind)):
                self.plain.lots[who, TODAY + timedelta(days=day), kind] += n
            case ("spend", _, int(who), int(n)):
                self.plain.take(who, n, None, self.today)
            case ("transfer", _, (int(payer), int(payee)), int(n)):
                self.plain.take(payer, n, payee, self.today)
            case ("merge", _, (int(source), int(target))):
                self.plain.merge(source, target)

    def _really(self, operation: tuple[object, ...]) -> bool | None:
        """Whether the ledger says that it was done now; a merge does not say."""
        now, why = NOON + timedelta(days=self.days), cause(f"{self.name}:{operation[1]}")
        with self.store.begin() as tx:
            match operation:
                case ("issue", _, int(who), int(n), int(day), str(kind)):
                    return points.issue(
                        tx, self.people[who], kind=kind, points=n,
                        expires_on=TODAY + timedelta(days=day), cause=why, now=now,
                    ).fresh  # fmt: skip
                case ("spend", _, int(who), int(n)):
                    return points.spend(
                        tx, self.people[who], points=n, into=points.SPENT, cause=why, now=now
                    ).fresh
                case ("transfer", _, (int(payer), int(payee)), int(n)):
                    return points.transfer(
                        tx, payer=self.people[payer], payee=self.people[payee], points=n,
                        cause=why, now=now,
                    ).fresh  # fmt: skip
                case ("merge", _, (int(source), int(target))):
                    points.merge(
                        tx, source=self.people[source], target=self.people[target], now=now,
                        cause=replace(why, reason="merge"),
                    )  # fmt: skip
                    return None
        raise AssertionError(operation)


@settings(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(operations=st.lists(operation, min_size=3, max_size=25))
def test_the_ledger_does_what_a_plain_one_does(
    store: Store, operations: list[tuple[object, ...]]
) -> None:
    with store.begin() as tx:
        people = [newcomer(tx) for _ in range(PEOPLE)]
    both = Both(store, people, f"example {next(_examples)}")
    for one in operations:
        both.do(one)
        both.compare()
    check_books(store)


def check_books(store: Store) -> None:
    """Nothing came from nowhere; each account is what its legs made it."""
    assert rows(store, "SELECT unit FROM points_accounts GROUP BY 1 HAVING sum(balance) <> 0") == []
    wrong = rows(
        store,
        "WITH sides AS ("
        " SELECT payer_id id, unit, payer_kind kind, payer_expires_on on_day, payer_stripe stripe,"
        "        payer_leg leg, payer_balance balance, -points points FROM points_legs UNION ALL"
        " SELECT payee_id, unit, payee_kind, payee_expires_on, payee_stripe, payee_leg,"
        "        payee_balance, points FROM points_legs)"
        " SELECT a.subscriber_id, a.unit, a.kind, a.expires_on, a.stripe FROM points_accounts a"
        " LEFT JOIN sides s ON (s.id, s.unit, s.kind, s.on_day, s.stripe)"
        "              = (a.subscriber_id, a.unit, a.kind, a.expires_on, a.stripe)"
        " GROUP BY a.subscriber_id, a.unit, a.kind, a.expires_on, a.stripe"
        " HAVING a.balance <> coalesce(sum(s.points), 0) OR a.legs <> count(s.leg)"
        "     OR a.legs <> count(DISTINCT s.leg) OR a.legs <> coalesce(max(s.leg), 0)"
        "     OR a.balance <> coalesce((array_agg(s.balance ORDER BY s.leg DESC))[1], 0)",
    )
    assert wrong == []


def test_a_refused_transfer_does_not_use_its_key_up(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        with pytest.raises(NotEnough):
            points.spend(tx, who, points=5, into=points.SPENT, cause=cause("k"), now=NOON)
    with store.begin() as tx:
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=5, expires_on=TODAY, cause=cause("gift"),
            now=NOON,
        )  # fmt: skip
        again = points.spend(tx, who, points=5, into=points.SPENT, cause=cause("k"), now=NOON)
    assert again.fresh
    assert rows(store, "SELECT points FROM points_legs WHERE payer_id = %s", who.id) == [(5,)]


def test_a_repeat_returns_the_first_transfer_though_the_points_are_gone(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=5, expires_on=TODAY, cause=cause("gift"),
            now=NOON,
        )  # fmt: skip
        first = points.spend(tx, who, points=5, into=points.SPENT, cause=cause("k"), now=NOON)
        again = points.spend(tx, who, points=5, into=points.SPENT, cause=cause("k"), now=NOON)
    assert (first.fresh, again.fresh) == (True, False)
    assert first.serial == again.serial


def test_the_key_of_another_reason_is_not_taken_for_a_repeat(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        gift = {"kind": points.PROMOTIONAL, "points": 5, "expires_on": TODAY, "now": NOON}
        points.issue(tx, who, cause=cause("k", "birthday"), **gift)  # type: ignore[arg-type]
        with pytest.raises(KeyReused):
            points.issue(tx, who, cause=cause("k", "draw"), **gift)  # type: ignore[arg-type]


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_less_than_a_point_moves(store: Store, amount: int) -> None:
    with store.begin() as tx:
        who, other = newcomer(tx), newcomer(tx)
        with pytest.raises(ValueError, match="at least one point"):
            points.spend(tx, who, points=amount, into=points.SPENT, cause=cause("a"), now=NOON)
        with pytest.raises(ValueError, match="at least one point"):
            points.transfer(tx, payer=who, payee=other, points=amount, cause=cause("b"), now=NOON)
        with pytest.raises(ValueError, match="at least one point"):
            points.issue(
                tx, who, kind=points.PROMOTIONAL, points=amount, expires_on=TODAY,
                cause=cause("c"), now=NOON,
            )  # fmt: skip
        with pytest.raises(ValueError, match="two people"):
            points.transfer(tx, payer=who, payee=who, points=1, cause=cause("d"), now=NOON)
    assert rows(store, "SELECT count(*) FROM points_transfers WHERE key IN ('a','b','c','d')") == [
        (0,)
    ]


def test_held_points_count_but_cannot_be_spent(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=10, expires_on=TODAY, cause=cause("gift"),
            now=NOON,
        )  # fmt: skip
        points.move(
            tx, payer=who.id, payer_kinds=points.KINDS, payee=who.id, payee_kind="held",
            payee_expires_on=None, points=4, unit=points.POINTS, cause=cause("hold"), now=NOON,
        )  # fmt: skip
        found = points.balance(tx, who, now=NOON, expiring_days=0)
        assert (found.total, found.held, found.usable, found.expiring) == (10, 4, 6, 6)
        with pytest.raises(NotEnough) as short:
            points.spend(tx, who, points=7, into=points.SPENT, cause=cause("k"), now=NOON)
        assert short.value.have == 6


def test_a_lot_lasts_until_the_end_of_its_day_in_china(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=10, expires_on=TODAY, cause=cause("gift"),
            now=NOON,
        )  # fmt: skip
        last_second = NOON.replace(hour=15, minute=59, second=59)
        assert points.balance(tx, who, now=last_second, expiring_days=0).usable == 10
        midnight = last_second + timedelta(seconds=1)
        assert points.balance(tx, who, now=midnight, expiring_days=0).usable == 0
        with pytest.raises(NotEnough):
            points.spend(tx, who, points=1, into=points.SPENT, cause=cause("k"), now=midnight)
