"""Settlement: what is owed to a merchant, however often asked; and their file against it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import partial

import psycopg
import pytest

from models import points, sql
from models.settlement import deductions, lines, reconciling, statements
from models.settlement.reconciling import Theirs
from models.settlement.statements import Changed, NotFirst, NotNext, NotOver, Statement
from models.store import Store
from models.vouchers import verifying
from models.vouchers.vouchers import Voucher
from tests.models.conftest import NOON, at_once, rows
from tests.models.test_vouchers import TILL, Setting, _customer, _redeem, _verify, terms

__all__ = ["terms"]
MARCH = date(2026, 3, 1), date(2026, 3, 31)
APRIL = date(2026, 4, 1), date(2026, 4, 30)
MAY = datetime(2026, 5, 1, 4, 0, tzinfo=NOON.tzinfo)


@pytest.fixture
def sold(store: Store, terms: Setting) -> list[Voucher]:
    """Three vouchers worth 34.005 yuan each to the barber, verified on the 2nd of March."""
    terms(face_fen=4001, pays_bp=8500)
    found = []
    for _ in range(3):
        found.append(_redeem(store, _customer(store)))
        _verify(store, found[-1].code)
    return found


def _make(store: Store, period: tuple[date, date] = MARCH, *, now: datetime = MAY) -> Statement:
    return store.run(lambda tx: statements.make(tx, "jinxiu", *period, now=now))


def _deduct(store: Store, voucher: Voucher, *, now: datetime) -> bool:
    return store.run(
        lambda tx: deductions.deduct(
            tx, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id, why="upheld", now=now
        )
    )


def test_a_period_sums_hundredths_of_a_fen_and_rounds_once(
    store: Store, sold: list[Voucher]
) -> None:
    made = _make(store)
    assert (made.lines, made.points) == (3, 3 * 900)
    assert made.cents == 3 * 340_085
    assert made.fen == 10_203  # 10,202.55: three lines rounded one by one would be 10,203 by luck
    assert statements.to_fen(3 * 340_049) == 10_201


def test_it_falls_due_fifteen_days_after_the_till(store: Store, sold: list[Voucher]) -> None:
    until_16th, from_17th = (date(2026, 3, 1), date(2026, 3, 16)), (date(2026, 3, 17), MARCH[1])
    assert _make(store, until_16th).lines == 0
    assert _make(store, from_17th).lines == 3


def test_made_again_it_is_the_same_and_moves_points_once(store: Store, sold: list[Voucher]) -> None:
    assert _make(store) == _make(store, now=MAY + timedelta(days=40))
    with store.reading() as tx:
        assert points.house_balance(tx, deductions.SETTLED) == 2700
        assert points.house_balance(tx, "merchant:jinxiu") == 0


def test_two_at_once_make_one(store: Store, sold: list[Voucher]) -> None:
    first, second = at_once([partial(_make, store), partial(_make, store)])
    assert first == second
    assert rows(store, "SELECT count(*) FROM settlement_statements") == [(1,)]


def test_a_period_that_is_not_over_or_leaves_days_out_is_refused(
    store: Store, sold: list[Voucher]
) -> None:
    with pytest.raises(NotOver):
        _make(store, now=datetime(2026, 3, 31, 15, 59, tzinfo=NOON.tzinfo))
    _make(store)
    for first in (date(2026, 3, 31), date(2026, 4, 2)):
        with pytest.raises(NotNext) as refusal:
            _make(store, (first, APRIL[1]))
        assert refusal.value.begins == APRIL[0]


def test_what_was_undone_is_not_owed(store: Store, sold: list[Voucher]) -> None:
    last = sold[-1]
    store.run(
        lambda tx: verifying.undo(
            tx, TILL, subscriber_id=last.subscriber_id, voucher_id=last.id, why="wrong",
            now=NOON + timedelta(minutes=1),
        )
    )  # fmt: skip
    assert _make(store).lines == 2


def test_a_deduction_comes_off_the_next_statement_and_what_is_missing_is_carried(
    store: Store, sold: list[Voucher]
) -> None:
    _make(store)
    now = datetime(2026, 4, 20, 4, 0, tzinfo=NOON.tzinfo)
    assert [_deduct(store, sold[0], now=now) for _ in range(2)] == [True, False]
    april = _make(store, APRIL)
    assert (april.lines, april.cents, april.fen) == (1, -340_085, 0)
    later = _redeem(store, _customer(store), now=now)
    _verify(store, later.code, now=now)
    may = _make(store, (date(2026, 5, 1), date(2026, 5, 31)), now=MAY + timedelta(days=60))
    assert (may.cents, may.carried_cents, may.fen) == (340_085, -340_085, 0)


def test_somebody_who_alters_a_line_is_found_out(store: Store, sold: list[Voucher]) -> None:
    _make(store)
    for change in (
        "UPDATE verifications SET cents = cents + 1", "UPDATE vouchers SET price_points = 901",
        "UPDATE vouchers SET serial = serial + 1",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.RestrictViolation):
            store.run(partial(sql.run, statement=change))
        with store.begin() as tx:
            sql.run(tx, "SET LOCAL session_replication_role = replica")  # past the triggers
            sql.run(tx, change)
            with pytest.raises(Changed):
                statements.make(tx, "jinxiu", *MARCH, now=MAY)
            tx.rollback()


def test_no_line_comes_into_a_stated_period_or_leaves_it(store: Store, sold: list[Voucher]) -> None:
    _make(store)
    for change in (
        "DELETE FROM verifications",
        "UPDATE verifications SET undone_at = now(), undone_by = 'x', undone_why = 'x'",
        "INSERT INTO verifications SELECT subscriber_id, voucher_id, 2, 'k', merchant_code,"
        " store_no, by, at, due_on, cents, now(), 'x', 'x' FROM verifications",
        "INSERT INTO settlement_deductions (subscriber_id, voucher_id, merchant_code, on_day,"
        " cents, why, at) SELECT subscriber_id, voucher_id, merchant_code, '2026-03-31', cents,"
        " 'x', at FROM verifications",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.RestrictViolation, match="stand still"):
            store.run(partial(sql.run, statement=change))


def test_the_first_statement_leaves_no_line_before_it(store: Store, sold: list[Voucher]) -> None:
    with pytest.raises(NotFirst) as refusal:
        _make(store, (date(2026, 3, 18), MARCH[1]))
    assert refusal.value.since == date(2026, 3, 17)
    with pytest.raises(LookupError):
        store.run(lambda tx: statements.make(tx, "nobody", *MARCH, now=MAY))


def test_lines_come_in_pages_and_in_the_order_of_the_whole(
    store: Store, sold: list[Voucher]
) -> None:
    _deduct(store, sold[1], now=NOON)
    whole = store.read(lambda tx: list(lines.of(tx, "jinxiu", *MARCH)))
    paged, after = [], None
    while found := store.read(
        partial(lines.page, merchant="jinxiu", first=MARCH[0], last=MARCH[1], limit=1,
                after=after)
    ):  # fmt: skip
        paged += found
        after = found[-1].key
    assert paged == whole
    assert [line.cents for line in paged] == [340_085] * 3 + [-340_085]


def test_a_statement_cannot_be_changed_or_overlap_another(
    store: Store, sold: list[Voucher]
) -> None:
    _make(store)
    for statement in (
        "UPDATE settlement_statements SET fen = fen + 1", "DELETE FROM settlement_statements",
        "DELETE FROM settlement_deductions",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.RestrictViolation):
            store.run(partial(sql.run, statement=statement))
    copy = (
        "INSERT INTO settlement_statements (merchant_code, first, last, previous_last, lines,"
        " points, cents, carried_cents, fen, digest, serial, made_at) SELECT merchant_code,"
        " {first}, {last}, {previous}, lines, points, cents, 0, fen, digest, serial, made_at"
        " FROM settlement_statements"
    )
    for first, last, previous, error in (
        ("first + 5", "last + 5", "NULL", psycopg.errors.UniqueViolation),
        ("last", "last + 5", "last", psycopg.errors.CheckViolation),
        ("last + 3", "last + 5", "last + 2", psycopg.errors.ForeignKeyViolation),
    ):
        with pytest.raises(error):
            store.run(
                partial(sql.run, statement=copy.format(first=first, last=last, previous=previous))
            )


def test_a_file_is_reconciled_line_by_line_into_a_work_list(
    store: Store, sold: list[Voucher]
) -> None:
    one, two, three = sold
    theirs = [
        Theirs(2, one.serial, 340_085), Theirs(3, two.serial, 400_100), Theirs(4, 999, 100),
        Theirs(5, one.serial, 340_085),  # the first one twice
    ]  # fmt: skip
    found = store.run(
        lambda tx: reconciling.reconcile(
            tx, merchant="jinxiu", first=MARCH[0], last=MARCH[1], theirs=theirs, now=MAY,
            file_name="march.csv", by="op",
        )
    )  # fmt: skip
    assert (found.matched, found.only_ours, found.only_theirs, found.differs) == (1, 1, 2, 1)
    listed = store.read(lambda tx: reconciling.work_list(tx, found.id, limit=10))
    seen = {(each.outcome, each.serial, each.our_cents, each.their_cents) for each in listed}
    assert seen == {
        ("only_ours", three.serial, 340_085, None), ("differs", two.serial, 340_085, 400_100),
        ("only_theirs", 999, None, 100), ("only_theirs", one.serial, None, 340_085),
    }  # fmt: skip
    settle = partial(reconciling.settle, reconciliation_id=found.id, no=1, by="op", now=MAY)
    assert store.run(lambda tx: settle(tx, why="called them"))
    assert not store.run(lambda tx: settle(tx, why="again"))
    assert len(store.read(lambda tx: reconciling.work_list(tx, found.id, limit=10))) == 3
