"""History and statements against a plain list of what was booked, on the real database."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import points
from models.base import HOUSE, Tx
from models.points import COINS, POINTS, SHANGHAI, Account, Balance, Leg, NotEnough, history
from models.points import statements as statement
from models.points.history import Cursor, Filters, Line, Page
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows

TODAY = NOON.date()
PEOPLE, LAST_DAY = 2, 6
_examples = itertools.count(1)


@dataclass(frozen=True)
class Shown:
    """A line as the plain list has it."""

    serial: int
    points: int
    balance: int
    held: int
    show: str
    kinds: frozenset[str]
    at: datetime


@dataclass
class PlainHistory:
    """All transfers with their legs; everything else is added up from the beginning."""

    transfers: list[tuple[datetime, int, str, list[Leg]]] = field(default_factory=list)

    def lots(self, who: int, unit: str, until: datetime) -> dict[tuple[str, date], int]:
        found: dict[tuple[str, date], int] = defaultdict(int)
        for at, _, _, legs in self.transfers:
            for leg in legs:
                if leg.unit == unit and at <= until:
                    if leg.payee.owner == who:
                        found[leg.payee.kind, leg.payee.expires_on] += leg.points
                    if leg.payer.owner == who:
                        found[leg.payer.kind, leg.payer.expires_on] -= leg.points
        return found

    def balance(self, who: int, unit: str, at: datetime) -> Balance:
        today = at.astimezone(SHANGHAI).date()
        lots = {
            lot: left
            for lot, left in self.lots(who, unit, at).items()
            if left and (lot[1] >= today or lot[0].startswith("held"))
        }
        ends = {lot: n for lot, n in lots.items() if lot[0] in points.KINDS and lot[1] <= today}
        return Balance(
            consumption=sum(n for lot, n in lots.items() if lot[0].endswith("consumption")),
            promotional=sum(n for lot, n in lots.items() if lot[0].endswith("promotional")),
            held=sum(n for lot, n in lots.items() if lot[0].startswith("held")),
            expiring=sum(ends.values()),
            expiring_by=max((day for _, day in ends), default=None),
        )

    def shown(self, who: int, unit: str) -> list[Shown]:
        """Every transfer that touches this person, the newest first."""
        found, balance = [], 0
        for at, serial, _, legs in sorted(self.transfers, key=lambda each: each[:2]):
            net = held = 0
            kinds = set()
            others = set()
            for leg in legs:
                for side, other, sign in ((leg.payee, leg.payer, 1), (leg.payer, leg.payee, -1)):
                    if leg.unit == unit and side.owner == who:
                        net += sign * leg.points
                        held += sign * leg.points * side.kind.startswith("held")
                        kinds.add(side.kind.removeprefix("held_"))
                        if other.owner != who:
                            others.add(other.kind if other.owner == HOUSE else "person")
            balance += net
            show = "earned" if net > 0 else "spent"
            if net == 0:
                show = "held"
            elif "person" in others:
                show = "gift"
            elif "expired" in others:
                show = "expired"
            if kinds:
                found.append(Shown(serial, net, balance, held, show, frozenset(kinds), at))
        return found[::-1]


def passes(one: Shown, filters: Filters) -> bool:
    day = one.at.astimezone(SHANGHAI).date()
    if filters.since is not None and day < filters.since:
        return False
    if filters.until is not None and day > filters.until:
        return False
    if filters.kind is not None and filters.kind not in one.kinds:
        return False
    if filters.show == "held":
        return one.held != 0
    return one.points != 0 and filters.show in ("all", one.show)


def as_shown(line: Line) -> Shown:
    assert line.serial is not None
    assert line.consumption + line.promotional == line.points
    return Shown(line.serial, line.points, line.balance, line.held, line.show, line.kinds, line.at)


def leaf(
    tx: Tx, who: Subscriber, *, limit: int, now: datetime, unit: str = POINTS,
    filters: Filters = history.EVERYTHING,
) -> list[Line]:  # fmt: skip
    """All pages, one after the other."""
    lines: list[Line] = []
    before = None
    while True:
        page = history.page(
            tx, who, now=now, limit=limit, unit=unit, before=before, filters=filters
        )
        assert len(page.lines) <= limit + 1
        lines += page.lines
        before = page.older
        if before is None:
            return lines


person = st.integers(0, PEOPLE - 1)
amount = st.integers(1, 40)
unit = st.sampled_from([POINTS, POINTS, COINS])
minutes = st.integers(-90, 90)  # servers' clocks differ: what is booked later may be stamped before
operation = st.one_of(
    st.tuples(
        st.just("issue"), person, amount, minutes, unit, st.integers(0, LAST_DAY),
        st.sampled_from(points.KINDS),
    ),
    st.tuples(st.just("spend"), person, amount, minutes, unit),
    st.tuples(st.just("give"), person, amount, minutes),
    st.tuples(st.just("hold"), person, amount, minutes, unit),
    st.tuples(st.just("capture"), person, amount, minutes, unit),
    st.tuples(st.just("expire"), person, st.just(0), minutes, unit),
    st.tuples(st.just("pass"), st.integers(1, 20)),
)  # fmt: skip


@dataclass
class Both:
    """Books on the real ledger, and writes the legs down in the plain one."""

    store: Store
    people: list[Subscriber]
    name: str
    plain: PlainHistory = field(default_factory=PlainHistory)
    now: datetime = NOON
    done: int = 0

    def do(self, operation: tuple[object, ...]) -> None:
        what = str(operation[0])
        if what == "pass":
            self.now += timedelta(days=int(str(operation[1])))
            return
        who, n = int(str(operation[1])), int(str(operation[2]))
        at = self.now + timedelta(minutes=int(str(operation[3])))
        self.done += 1
        why = cause(f"{self.name}:{self.done}", reason=what)
        with self.store.begin() as tx:
            try:
                made = self._book(tx, operation, who, n, at, why)
            except NotEnough:
                return
            if made is not None:
                legs = points.legs_of(tx, made.serial)
                self.plain.transfers.append((at, made.serial, what, legs))

    def _book(
        self, tx: Tx, operation: tuple[object, ...], who: int, n: int, at: datetime,
        why: points.Cause,
    ) -> points.Transfer | None:  # fmt: skip
        me = self.people[who]
        unit = str(operation[4]) if len(operation) > 4 else POINTS
        match operation[0]:
            case "issue":
                day = self.now.date() + timedelta(days=int(str(operation[5])))
                return points.issue(
                    tx, me, kind=str(operation[6]), points=n, expires_on=day, cause=why, now=at,
                    unit=unit,
                )  # fmt: skip
            case "spend":
                return points.spend(
                    tx, me, points=n, into=points.SPENT, cause=why, now=at, unit=unit
                )
            case "give":
                return points.transfer(
                    tx, payer=me, payee=self.people[1 - who], points=n, cause=why, now=at
                )
            case "hold":
                return points.move(
                    tx, payer=me.id, payer_kinds=points.KINDS, payee=me.id, payee_kind="held",
                    payee_expires_on=None, points=n, unit=unit, cause=why, now=at,
                )  # fmt: skip
        legs = list(self._ends(operation[0] == "capture", me.id, unit, n))
        return points.post(tx, legs, request=why.key, cause=why, now=at) if legs else None

    def _ends(self, captures: bool, me: int, unit: str, n: int) -> list[Leg]:
        """Held lots used as far as `n` goes, and returned beyond; or lots whose day has passed."""
        lots = self.plain.lots(me, unit, history.END)
        legs = []
        for (kind, day), left in sorted(lots.items()):
            lot = Account(me, kind, day)
            if captures and kind.startswith("held") and left:
                used = min(n, left)
                n -= used
                back = Account(me, kind.removeprefix("held_"), day)
                spent = Account(HOUSE, points.SPENT, points.NEVER)
                legs += [Leg(used, lot, spent, unit)] if used else []
                legs += [Leg(left - used, lot, back, unit)] if left > used else []
            if not captures and kind in points.KINDS and left and day < self.now.date():
                legs.append(Leg(left, lot, Account(HOUSE, points.EXPIRED, points.NEVER), unit))
        return legs


def booked(store: Store, operations: list[tuple[object, ...]]) -> Both:
    with store.begin() as tx:
        people = [newcomer(tx) for _ in range(PEOPLE)]
    both = Both(store, people, f"history {next(_examples)}")
    for one in operations:
        both.do(one)
    return both


many = settings(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
operations = st.lists(operation, min_size=3, max_size=25)
some_filters = st.builds(
    Filters,
    show=st.sampled_from(history.SHOWS),
    kind=st.sampled_from([None, None, *points.KINDS]),
    since=st.none() | st.integers(0, 40).map(lambda days: TODAY + timedelta(days=days)),
    until=st.none() | st.integers(0, 60).map(lambda days: TODAY + timedelta(days=days)),
)


@pytest.mark.slow
@many
@given(operations=operations, filters=some_filters, limit=st.integers(1, 7), unit=unit)
def test_every_page_shows_what_a_plain_list_shows(
    store: Store, operations: list[tuple[object, ...]], filters: Filters, limit: int, unit: str
) -> None:
    both = booked(store, operations)
    for who in both.people:
        with store.reading() as tx:
            lines = leaf(tx, who, limit=limit, now=both.now, unit=unit, filters=filters)
            everything = leaf(tx, who, limit=limit, now=both.now, unit=unit)
            balance = points.balance(tx, who, now=both.now, expiring_days=0, unit=unit)
            top = history.page(tx, who, now=both.now, limit=1, unit=unit)
        expected = [one for one in both.plain.shown(who.id, unit) if passes(one, filters)]
        assert [as_shown(line) for line in lines if line.serial] == expected
        assert all(line.serial for line in lines[1:])
        assert top.balance == balance.total
        assert [line.balance for line in everything[:1]] == [balance.total][: len(everything)]


@pytest.mark.slow
@many
@given(
    operations=operations, days=st.integers(-1, 60), which=st.none() | st.integers(0, 24),
    microseconds=st.integers(-1, 1), unit=unit,
)  # fmt: skip
def test_a_past_balance_is_what_the_list_adds_up_to(
    store: Store, operations: list[tuple[object, ...]], days: int, which: int | None,
    microseconds: int, unit: str,
) -> None:  # fmt: skip
    both = booked(store, operations)
    at = NOON + timedelta(days=days)
    if which is not None and both.plain.transfers:  # a moment that matters, or just beside it
        at = both.plain.transfers[which % len(both.plain.transfers)][0]
        at += timedelta(microseconds=microseconds)
    for who in both.people:
        with store.reading() as tx:
            found = statement.balance_at(tx, who, at, unit=unit)
            now = statement.balance_at(tx, who, both.now + timedelta(hours=2), unit=unit)
            lots = statement.expiring_lots(tx, who, now=both.now, unit=unit)
            balance = points.balance(tx, who, now=both.now, expiring_days=0, unit=unit)
        assert found == both.plain.balance(who.id, unit, at)
        assert now == balance
        assert sum(lot.points for lot in lots) == balance.total
        assert sum(lot.held for lot in lots) == balance.held


@pytest.mark.slow
@many
@given(operations=operations, unit=unit)
def test_a_month_opens_with_what_the_last_one_closed_with_and_sums_up(
    store: Store, operations: list[tuple[object, ...]], unit: str
) -> None:
    both = booked(store, operations)
    for who in both.people:
        closed = 0
        for number in range(2, 12):
            with store.reading() as tx:
                month = statement.month(tx, who, 2026, number, now=both.now, unit=unit)
            ended = _midnight(month.last + timedelta(days=1)) - timedelta(microseconds=1)
            at_end = both.plain.lots(who.id, unit, ended)
            assert month.opening == closed
            assert month.closing == sum(at_end.values())
            assert month.opening + sum(s.brought + s.taken for s in month.sums) == month.closing
            assert month.lapsed == sum(
                n
                for (kind, day), n in at_end.items()
                if kind in points.KINDS and day <= month.last and day < both.now.date()
            )
            within = Filters(since=month.first, until=month.last)
            expected = [one for one in both.plain.shown(who.id, unit) if passes(one, within)]
            assert [as_shown(line) for line in month.lines] == expected
            assert sum(s.movements for s in month.sums) == len(expected)
            assert sum(line.points for line in month.lines) == month.closing - month.opening
            closed = month.closing


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


def issued(
    tx: Tx, who: Subscriber, n: int, *, at: datetime, key: str, day: date = TODAY
) -> points.Transfer:
    return points.issue(
        tx, who, kind=points.CONSUMPTION, points=n, expires_on=day, cause=cause(key, "earn"), now=at
    )


def test_what_is_booked_while_one_leafs_keeps_the_balances_right(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        for hour in range(6):
            issued(tx, who, 10, at=NOON + timedelta(hours=hour), key=f"h{hour}")
    with store.reading() as tx:
        first = history.page(tx, who, now=NOON, limit=2)
    assert [line.balance for line in first.lines] == [60, 50]
    with store.begin() as tx:  # stamped earlier than where the page ended, committed later
        issued(tx, who, 7, at=NOON + timedelta(minutes=90), key="late")
        issued(tx, who, 100, at=NOON + timedelta(hours=9), key="new")
    with store.reading() as tx:
        second = history.page(tx, who, now=NOON, limit=9, before=first.older)
    assert [(line.points, line.balance) for line in second.lines] == [
        (10, 47), (10, 37), (7, 27), (10, 20), (10, 10),
    ]  # fmt: skip


def test_a_balance_that_came_with_a_cursor_is_used_only_while_nothing_was_booked(
    store: Store,
) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        for hour in range(4):
            issued(tx, who, 10, at=NOON + timedelta(hours=hour), key=f"c{hour}")
    with store.reading() as tx:
        first = history.page(tx, who, now=NOON, limit=1)
        assert first.older == Cursor(first.lines[0].at, first.lines[0].serial or 0, 30, 4)
        trusted = Cursor(first.older.at, first.older.serial, 777, 4)
        stale = Cursor(first.older.at, first.older.serial, 777, 3)

        def top(before: Cursor) -> int:
            return history.page(tx, who, now=NOON, limit=1, before=before).lines[0].balance

        assert (top(trusted), top(stale)) == (777, 30)


def test_expired_points_leave_the_top_at_once_and_are_booked_out_once(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        first = issued(tx, who, 10, at=NOON, key="a", day=TODAY)
        issued(tx, who, 5, at=NOON, key="b", day=TODAY + timedelta(days=9))
    now = NOON + timedelta(days=2)
    with store.reading() as tx:
        lines = leaf(tx, who, limit=5, now=now)
        only = leaf(tx, who, limit=5, now=now, filters=Filters(show="expired"))
        spent = leaf(tx, who, limit=5, now=now, filters=Filters(show="spent"))
        older = leaf(tx, who, limit=5, now=now, filters=Filters(until=TODAY))
        other = leaf(tx, who, limit=5, now=now, filters=Filters(kind=points.PROMOTIONAL))
    assert [(line.serial, line.points, line.balance) for line in lines] == [
        (None, -10, 5), (first.serial + 1, 5, 15), (first.serial, 10, 10),
    ]  # fmt: skip
    assert lines[0].at == _midnight(TODAY + timedelta(days=1))
    assert only == lines[:1]
    assert (spent, other) == ([], [])
    assert older == lines[1:]
    with store.begin() as tx:
        lot = Account(who.id, points.CONSUMPTION, TODAY)
        gone = Account(HOUSE, points.EXPIRED, points.NEVER)
        points.post(tx, [Leg(10, lot, gone)], request="e", cause=cause("e", "expired"), now=now)
        swept = leaf(tx, who, limit=5, now=now)
    assert [(line.points, line.balance) for line in swept] == [(-10, 5), (5, 15), (10, 10)]
    assert swept[0].serial is not None


def test_lines_stand_in_the_order_of_their_time_whatever_was_booked_first(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        for n in range(30):  # the later it is booked, the earlier its time
            issued(tx, who, n + 1, at=NOON - timedelta(minutes=n), key=f"back{n}")
        lines = leaf(tx, who, limit=2, now=NOON)
    assert [line.points for line in lines] == list(range(1, 31))
    assert [line.balance for line in lines] == [sum(range(n, 31)) for n in range(1, 31)]


def test_a_day_and_a_month_begin_at_midnight_in_china(store: Store) -> None:
    april = _midnight(date(2026, 4, 1))
    with store.begin() as tx:
        who = newcomer(tx)
        issued(tx, who, 1, at=april - timedelta(microseconds=1), key="m", day=points.NEVER)
        issued(tx, who, 10, at=april, key="a", day=points.NEVER)
        late = leaf(tx, who, limit=5, now=april, filters=Filters(since=date(2026, 4, 1)))
        early = leaf(tx, who, limit=5, now=april, filters=Filters(until=date(2026, 3, 31)))
        march = statement.month(tx, who, 2026, 3, now=april)
        later = statement.month(tx, who, 2026, 4, now=april)
        then = statement.balance_at(tx, who, april - timedelta(microseconds=1))
        at_once = statement.balance_at(tx, who, april)
    assert ([line.points for line in late], [line.points for line in early]) == ([10], [1])
    assert (march.opening, march.closing) == (0, 1)
    assert (later.opening, later.closing) == (1, 11)
    assert (then.total, at_once.total) == (1, 11)


def test_a_gift_names_the_other_side_and_what_came_by_binding_is_none(store: Store) -> None:
    with store.begin() as tx:
        who, friend = newcomer(tx), newcomer(tx)
        issued(tx, who, 30, at=NOON, key="mine")
        points.transfer(tx, payer=who, payee=friend, points=10, cause=cause("g", "gift"), now=NOON)
        points.merge(tx, source=who, target=friend, cause=cause("m", "merge"), now=NOON)
        gave = leaf(tx, who, limit=9, now=NOON, filters=Filters(show="gift"))
        got = leaf(tx, friend, limit=9, now=NOON, filters=Filters(show="gift"))
        all_of = leaf(tx, friend, limit=9, now=NOON)
    assert [(line.points, line.party) for line in gave] == [(-10, friend.msisdn)]
    assert [(line.points, line.party) for line in got] == [(10, who.msisdn)]
    assert [(line.points, line.show, line.reason) for line in all_of] == [
        (20, "earned", "merge"), (10, "gift", "gift"),
    ]  # fmt: skip


def test_a_page_reads_a_bounded_stretch_and_says_where_to_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "SCAN_LEGS", 40)
    with store.begin() as tx:
        who, friend = newcomer(tx), newcomer(tx)
        issued(tx, friend, 5, at=NOON, key="f")
        points.transfer(tx, payer=friend, payee=who, points=5, cause=cause("g", "gift"), now=NOON)
        for n in range(150):
            issued(tx, who, 1, at=NOON + timedelta(seconds=n + 1), key=f"n{n}")
        pages: list[Page] = []
        before = None
        while not pages or before is not None:
            pages.append(
                history.page(
                    tx, who, now=NOON, limit=3, before=before, filters=Filters(show="gift")
                )
            )
            before = pages[-1].older
    assert 3 <= len(pages) <= 5
    assert [[line.balance for line in page.lines] for page in pages] == [[]] * (len(pages) - 1) + [
        [5]
    ]


def test_a_transfer_of_more_legs_than_a_page_reads_is_one_line(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        for n in range(60):
            issued(tx, who, 1, at=NOON, key=f"lot{n}", day=TODAY + timedelta(days=n))
        points.spend(tx, who, points=60, into=points.SPENT, cause=cause("all"), now=NOON)
        page = history.page(tx, who, now=NOON, limit=1)
    assert [(line.points, line.balance) for line in page.lines] == [(-60, 0)]
    assert page.older is not None


@pytest.mark.parametrize("wrong", [{"show": "stolen"}, {"kind": "held_consumption"}])
def test_a_filter_that_does_not_exist_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no such filter"):
        Filters(**wrong)  # type: ignore[arg-type]


def test_a_lot_is_shown_with_what_is_reserved_of_it(store: Store) -> None:
    with store.begin() as tx:
        who = newcomer(tx)
        issued(tx, who, 10, at=NOON, key="lot")
        points.move(
            tx, payer=who.id, payer_kinds=points.KINDS, payee=who.id, payee_kind="held",
            payee_expires_on=None, points=4, unit=POINTS, cause=cause("h", "hold"), now=NOON,
        )  # fmt: skip
        assert statement.expiring_lots(tx, who, now=NOON) == [
            statement.Lot(points.CONSUMPTION, TODAY, 10, 4)
        ]
        held = leaf(tx, who, limit=5, now=NOON, filters=Filters(show="held"))
        shown = leaf(tx, who, limit=5, now=NOON)
    assert [(line.points, line.held, line.balance) for line in held] == [(0, 4, 10)]
    assert [line.points for line in shown] == [10]
    assert rows(store, "SELECT sum(balance) FROM points_accounts") == [(0,)]
