"""Periods, payments, points given back, and the proof that finds whoever alters a row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial

import psycopg
import pytest

from models import approvals, points, sql
from models.audit import By
from models.base import Tx
from models.operators.vault import Unsealable, Vault
from models.points import reversals
from models.settlement import deductions, ledger, payees, payments, periods, proof, statements
from models.settlement.ledger import Asked
from models.settlement.periods import HALF_MONTH, MONTH, Due
from models.settlement.proof import Report
from models.settlement.statements import Statement
from models.store import Store
from models.vouchers.vouchers import Voucher
from tests.models import operators
from tests.models.conftest import NOON, at_once, rows
from tests.models.test_settlement import APRIL, MARCH, MAY, _make, sold
from tests.models.test_vouchers import Setting, _customer, _has, _redeem, terms

__all__ = ["sold", "terms"]
VAULT = Vault("s" * 40)
BANK = payees.tidy("成都锦绣理发店", "中国银行成都分行", "6217 0000 1234 5678")


def _verified(store: Store, *, now: datetime = MAY) -> Report:
    with store.begin() as tx:
        return proof.verify(tx, kind=MONTH, now=now)


def _wrong(report: Report) -> dict[str, dict[str, object] | None]:
    return {check.name: check.first for check in report.checks if check.wrong}


def _give_back(store: Store, voucher: Voucher, now: datetime) -> int | None:
    return store.run(
        lambda tx: deductions.take_back(
            tx, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id, why="upheld",
            channel="console", by="service", now=now, grace_days=30,
        )
    )  # fmt: skip


# -- periods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "kind", "first", "last"),
    [
        ("2026-02-15", HALF_MONTH, "2026-02-01", "2026-02-15"),
        ("2026-02-16", HALF_MONTH, "2026-02-16", "2026-02-28"),
        ("2028-02-29", HALF_MONTH, "2028-02-16", "2028-02-29"),
        ("2026-12-31", MONTH, "2026-12-01", "2026-12-31"),
    ],
)
def test_periods_are_the_calendars(day: str, kind: str, first: str, last: str) -> None:
    one = date.fromisoformat(day)
    found = periods.first_of(one, kind), periods.last_of(one, kind)
    assert found == (date.fromisoformat(first), date.fromisoformat(last))


def _due(store: Store, now: datetime, kind: str = HALF_MONTH) -> list[Due]:
    return store.read(lambda tx: periods.due(tx, kind=kind, now=now, limit=10))


def test_a_period_is_due_half_an_hour_after_midnight_in_china_and_once(
    store: Store, sold: list[Voucher]
) -> None:
    midnight = datetime(2026, 3, 31, 16, 0, tzinfo=NOON.tzinfo)
    assert _due(store, midnight + timedelta(minutes=29)) == []
    (one,) = _due(store, midnight + timedelta(minutes=30))
    assert one == Due("jinxiu", date(2026, 3, 16), date(2026, 3, 31))
    _make(store, (one.first, one.last))
    assert _due(store, midnight + timedelta(minutes=30)) == []
    # From then on every period has one, and another setting goes on where this one ended.
    later = midnight + timedelta(days=15, hours=1)
    assert _due(store, later) == [Due("jinxiu", date(2026, 4, 1), date(2026, 4, 15))]
    _make(store, (date(2026, 4, 1), date(2026, 4, 15)))
    assert _due(store, later + timedelta(days=5), MONTH) == []
    assert _due(store, MAY, MONTH) == [Due("jinxiu", date(2026, 4, 16), date(2026, 4, 30))]


# -- points given back -----------------------------------------------------------------------------


def _balances(store: Store) -> tuple[int, int]:
    with store.reading() as tx:
        of = partial(points.house_balance, tx)
        return of("merchant:jinxiu"), of(deductions.SETTLED)


def test_what_goes_back_before_its_statement_moves_no_points_with_it(
    store: Store, sold: list[Voucher]
) -> None:
    serial = _give_back(store, sold[0], NOON + timedelta(days=1))
    assert serial is not None
    assert _give_back(store, sold[0], NOON + timedelta(days=1)) is None
    assert _balances(store) == (1800, 0)
    made = _make(store)
    assert (made.lines, made.points, made.cents) == (4, 1800, 2 * 340_085)
    assert _balances(store) == (0, 1800)
    assert _verified(store).ok


def test_what_goes_back_after_its_statement_comes_out_of_the_settled_points(
    store: Store, sold: list[Voucher]
) -> None:
    _make(store)
    _give_back(store, sold[0], MAY)
    assert _balances(store) == (0, 1800)
    who = rows(store, "SELECT sum(balance) FROM points_accounts WHERE subscriber_id = %s",
               sold[0].subscriber_id)  # fmt: skip
    assert who == [(2000,)]
    april = _make(store, APRIL)
    assert (april.lines, april.fen) == (0, 0)
    may = _make(store, (date(2026, 5, 1), date(2026, 5, 31)), now=MAY + timedelta(days=40))
    assert (may.lines, may.points, may.cents) == (1, 0, -340_085)
    assert _verified(store, now=MAY + timedelta(days=40)).ok


def test_a_deduction_and_a_statement_at_once_leave_every_line_stated(
    store: Store, sold: list[Voucher]
) -> None:
    """Whichever comes first, the deduction is in a statement, and the points where they belong."""
    works: list[Callable[[], object]] = [
        partial(_make, store), partial(_give_back, store, sold[0], MAY)
    ]  # fmt: skip
    at_once(works)
    _make(store, APRIL)
    _make(store, (date(2026, 5, 1), date(2026, 5, 31)), now=MAY + timedelta(days=40))
    assert _verified(store, now=MAY + timedelta(days=40)).ok
    stated = rows(store, "SELECT sum(lines), sum(cents) FROM settlement_statements")
    assert stated == [(4, 2 * 340_085)]


def test_nothing_is_deducted_for_what_was_never_verified(store: Store, terms: Setting) -> None:
    voucher = _redeem(store, _customer(store))
    with pytest.raises(deductions.NotVerified):
        _give_back(store, voucher, MAY)
    assert _has(store, _customer(store)) == 2000


def test_what_paid_a_voucher_is_not_reversed_past_the_voucher(
    store: Store, sold: list[Voucher]
) -> None:
    """Its points would be back while it stays good, and its merchant would be owed for nothing."""
    with pytest.raises(reversals.NotReversible, match="paid voucher"):
        store.run(
            lambda tx: reversals.propose(
                tx, serial=sold[0].serial, by="service", reason="asked for", now=NOON
            )
        )


# -- payments --------------------------------------------------------------------------------------


def _account(store: Store, account: payees.BankAccount = BANK) -> None:
    store.run(lambda tx: payees.enter(tx, VAULT, "jinxiu", account, by="op", now=MAY))


def _proposal(store: Store) -> int:
    """An approved one, as the console makes it."""

    def by(tx: Tx, role: str) -> By:
        who = operators.operator(tx, role, now=MAY, vault=VAULT)
        return By(who.id, who.login, who.role, "request", "")

    def work(tx: Tx) -> int:
        made = approvals.propose(
            tx, kind="payment", subject="payment:2026-03-31", payload={}, reason="March",
            by=by(tx, "operations"), now=MAY,
        )  # fmt: skip
        return approvals.approve(tx, made.id, by=by(tx, "approver"), because="", now=MAY).id

    return store.run(work)


def _pay(store: Store, what: payments.Ready, proposal: int) -> payments.Payment:
    return store.run(
        lambda tx: payments.make(
            tx, MARCH[1], digest=what.digest(), proposal_id=proposal, proposed_by="op",
            approved_by="approver", now=MAY,
        )
    )  # fmt: skip


def _ready(store: Store) -> payments.Ready:
    return store.read(lambda tx: payments.ready(tx, MARCH[1]))


def test_only_merchants_with_an_account_are_paid_and_each_statement_once(
    store: Store, sold: list[Voucher]
) -> None:
    made = _make(store)
    assert [part.fen for part in _ready(store).without_account] == [made.fen]
    _account(store)
    what = _ready(store)
    assert (what.fen, what.statements, what.parts[0].tail) == (made.fen, 1, "5678")
    assert what.parts[0].changed  # nobody was paid into it before
    paid = _pay(store, what, _proposal(store))
    assert (paid.fen, paid.statements, paid.merchants) == (made.fen, 1, 1)
    assert _ready(store).parts == ()
    with pytest.raises(payments.ChangedSince):
        _pay(store, what, paid.proposal_id)
    assert store.run(lambda tx: payments.mark_paid(tx, paid.id, note="B1", by="op", now=MAY))
    assert not store.run(lambda tx: payments.mark_paid(tx, paid.id, note="B2", by="op", now=MAY))
    assert _verified(store).ok


def test_an_account_that_changed_since_the_proposal_stops_the_payment(
    store: Store, sold: list[Voucher]
) -> None:
    _make(store)
    _account(store)
    what = _ready(store)
    _account(store, payees.tidy("李四", "某银行", "9999000011112222"))
    with pytest.raises(payments.ChangedSince):
        _pay(store, what, _proposal(store))
    assert _ready(store).parts[0].changed


def test_an_account_is_sealed_for_its_merchant_alone(store: Store, sold: list[Voucher]) -> None:
    _account(store)
    ((sealed,),) = rows(store, "SELECT sealed FROM merchant_payees")
    assert b"6217" not in bytes(sealed)
    assert payees.unseal(VAULT, "jinxiu", sealed) == BANK
    with pytest.raises(Unsealable):
        payees.unseal(VAULT, "chaye", sealed)
    for bad in (("", "b", "12345678"), ("h", "b\0c", "12345678"), ("h", "b", "1234567a")):
        with pytest.raises(ValueError, match=r"holder|bank|number"):
            payees.tidy(*bad)


def test_a_payment_stands_as_it_was_made(store: Store, sold: list[Voucher]) -> None:
    _make(store)
    _account(store)
    _pay(store, _ready(store), _proposal(store))
    for change in (
        "UPDATE settlement_payments SET fen = 1", "DELETE FROM settlement_payments",
        "UPDATE settlement_payment_payees SET fen = 1", "UPDATE merchant_payees SET tail = '0000'",
        "DELETE FROM settlement_payment_statements",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.RestrictViolation):
            store.run(partial(sql.run, statement=change))


# -- the ledger ------------------------------------------------------------------------------------


def test_the_ledger_says_what_became_of_each_line_by_day(store: Store, sold: list[Voucher]) -> None:
    asked = partial(Asked, "jinxiu", *MARCH)
    week = NOON + timedelta(days=7)

    def seen(now: datetime, state: str | None = None) -> list[tuple[date | None, int, int]]:
        found = store.read(lambda tx: ledger.totals(tx, asked(state=state), now=now))
        return [(total.day, total.lines, total.cents) for total in found]

    assert seen(week) == [(NOON.date(), 3, 3 * 340_085), (None, 3, 3 * 340_085)]
    assert seen(week, "due") == [(None, 0, 0)]
    assert seen(MAY, "due")[-1] == (None, 3, 3 * 340_085)
    made = _make(store)
    first = store.read(lambda tx: ledger.entries(tx, asked(), now=MAY, limit=2))
    rest = store.read(
        lambda tx: ledger.entries(tx, asked(), now=MAY, limit=2, before=first[-1].key)
    )
    assert (len(first), len(rest)) == (2, 1)
    assert {entry.statement for entry in first + rest} == {made.id}
    assert store.read(
        lambda tx: ledger.entries(tx, asked(store_no=2), now=MAY, limit=2)
    ) == []  # fmt: skip


def test_what_waits_for_a_statement_is_less_what_will_be_taken_off_it(
    store: Store, sold: list[Voucher]
) -> None:
    def waiting() -> tuple[int, int]:
        found = store.read(lambda tx: ledger.unstated(tx, "jinxiu"))
        return found.lines, found.cents

    def deduct(voucher: Voucher) -> None:
        store.run(partial(deductions.deduct, subscriber_id=voucher.subscriber_id,
                          voucher_id=voucher.id, why="upheld", now=MAY))  # fmt: skip

    assert waiting() == (3, 3 * 340_085)
    deduct(sold[0])
    assert waiting() == (3, 2 * 340_085)
    _make(store)
    assert waiting() == (0, 0)
    deduct(sold[1])  # after its statement: off the next one
    assert waiting() == (0, -340_085)


# -- the proof -------------------------------------------------------------------------------------

ALTERED = (
    ("UPDATE verifications SET cents = cents + 1 WHERE voucher_id = {voucher}", "digests vouchers"),
    ("UPDATE settlement_statements SET points = points + 1", "digests moved"),
    ("UPDATE vouchers SET state = 'refunded' WHERE id = {voucher}", "vouchers"),
    ("UPDATE vouchers SET serial = 1 WHERE id = {voucher}", "digests transfers"),
    ("UPDATE settlement_statements SET carried_cents = -100, fen = fen - 1", "carried"),
    ("UPDATE settlement_statements SET first = '2026-03-18'", "stated digests"),
    ("UPDATE settlement_statements SET serial = 1", "settled moved"),
    ("UPDATE settlement_payment_statements SET fen = fen + 1", "payments"),
    ("UPDATE approval_proposals SET state = 'rejected', decided_because = 'x'", "payments"),
    ("UPDATE verifications SET due_on = '2026-02-28' WHERE voucher_id = {voucher}", "stated"),
    ("DELETE FROM vouchers WHERE id = {voucher}", "vouchers digests"),
)


def test_one_altered_row_is_found_and_named(store: Store, sold: list[Voucher]) -> None:
    _make(store)
    _account(store)
    _pay(store, _ready(store), _proposal(store))
    assert _wrong(_verified(store)) == {}
    for change, checks in ALTERED:
        with store.begin() as tx:
            sql.run(tx, "SET LOCAL session_replication_role = replica")  # as the database's owner
            sql.run(tx, change.format(voucher=sold[1].id))
            wrong = _wrong(proof.verify(tx, kind=MONTH, now=MAY))
            tx.rollback()
        for check in checks.split():
            first = wrong.get(check)
            assert first is not None, (change, check, list(wrong))
            if "{voucher}" in change and check != "digests":
                assert first["voucher"] in (sold[1].id, None)


def test_points_that_went_back_without_a_deduction_are_found(
    store: Store, sold: list[Voucher]
) -> None:
    cause = points.Cause("x", "reversal", "console", "x")
    store.run(
        lambda tx: points.refunds.refund(
            tx, serial=sold[0].serial, cause=cause, now=NOON, grace_days=0
        )
    )
    with pytest.raises(statements.Short):
        _make(store)
    first = _wrong(_verified(store))["refunds"]
    assert first is not None
    assert first["voucher"] == sold[0].id


def test_a_statement_without_lines_is_proved_too(store: Store, sold: list[Voucher]) -> None:
    _make(store)
    empty: Statement = _make(store, APRIL)
    assert (empty.lines, empty.fen, empty.serial) == (0, 0, None)
    report = _verified(store)
    assert (report.ok, report.statements, report.lines) == (True, 2, 3)
