"""Compensation: points back to the lots they came from, once, settled or not; and goodwill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import approvals, compensations, complaints, points, sql
from models.approvals import Proposal
from models.audit import By
from models.base import Tx
from models.compensations import Compensation, Limits, NotPayable
from models.complaints import Complaint
from models.merchants import credit, rating
from models.points import verify
from models.settlement import statements
from models.settlement.statements import Statement
from models.store import Store
from models.subscribers import Subscriber
from models.vouchers import verifying
from models.vouchers.vouchers import Voucher
from tests.models import operators
from tests.models.conftest import NOON, at_once, cause, newcomer, rows
from tests.models.test_vouchers import TILL, _redeem, _verify

LIMITS = Limits(
    goodwill_most=500, goodwill_lasts=timedelta(days=180), grace_days=30, upheld_costs=10
)
LATER = NOON + timedelta(hours=1)
PRICE, FACE_CENTS = 900, 340_000
LOTS = {date(2026, 9, 1): 300, date(2027, 3, 1): 400, date(2027, 9, 1): 800}
MARCH = date(2026, 3, 1), date(2026, 3, 31)
APRIL = date(2026, 4, 1), date(2026, 4, 30)
MAY = datetime(2026, 5, 1, 4, 0, tzinfo=NOON.tzinfo)


class Case:
    """Somebody who has used a haircut and complains, and two people who decide."""

    def __init__(self, store: Store) -> None:
        self.store, self.day, self.limits = store, NOON, LIMITS
        self.days = (NOON + timedelta(days=17 * n) for n in count(1))
        self.who = store.run(self._customer)
        store.run(lambda tx: sql.run(tx, "UPDATE offers SET face_fen = 4000, pays_bp = 8500"
                                     " WHERE code = 'haircut'"))  # fmt: skip
        self.service, self.approver = store.run(
            lambda tx: (_by(tx, "service"), _by(tx, "approver"))
        )

    def _customer(self, tx: Tx) -> Subscriber:
        who = newcomer(tx)
        for day, has in LOTS.items():
            points.issue(
                tx, who, kind=points.CONSUMPTION, points=has, cause=cause(f"{who.id} {day}"),
                now=NOON, expires_on=day,
            )  # fmt: skip
        return who

    def used(self, key: str = "m1") -> Voucher:
        voucher = _redeem(self.store, self.who, key, now=self.day)
        _verify(self.store, voucher.code, key, now=self.day)
        return voucher

    def complains(self, voucher: Voucher | None) -> Complaint:
        return self.store.run(
            lambda tx: complaints.open_one(
                tx, person=self.who.id, category="merchant", words="不给洗", by="subscriber",
                channel="sms", lasts=timedelta(hours=72), now=LATER,
                serial=voucher.serial if voucher else None,
            )
        )  # fmt: skip

    def proposes(
        self, about: Complaint, *, goodwill: int = 0, refund: bool = True, now: datetime = LATER
    ) -> Proposal:
        return self.store.run(
            lambda tx: compensations.propose(
                tx, about.number, refund=refund, goodwill=goodwill, reason="属实",
                by=self.service, limits=LIMITS, now=now,
            )
        )  # fmt: skip

    def approves(self, proposal: Proposal, now: datetime = LATER) -> Compensation:
        def work(tx: Tx) -> Compensation:
            approved = approvals.approve(tx, proposal.id, by=self.approver, now=now)
            return compensations.apply(tx, approved, by=self.approver, limits=self.limits, now=now)[
                1
            ]

        return self.store.run(work)

    def lots(self) -> dict[date, int]:
        found = rows(
            self.store,
            "SELECT expires_on, balance FROM points_accounts WHERE subscriber_id = %s"
            " AND kind = 'consumption' AND balance > 0", self.who.id,
        )  # fmt: skip
        return dict(found)

    def states(self, period: tuple[date, date], now: datetime = MAY) -> Statement:
        return self.store.run(lambda tx: statements.make(tx, "jinxiu", *period, now=now))

    def house(self, kind: str) -> int:
        return self.store.read(lambda tx: points.house_balance(tx, kind))


def _by(tx: Tx, role: str) -> By:
    who = operators.operator(tx, role, now=NOON)
    return By(who.id, who.login, role, "r", "127.0.0.1")


@pytest.fixture
def case(store: Store) -> Case:
    return Case(store)


def _sound(store: Store) -> None:
    with store.begin() as tx:
        found = verify.verify(tx)
    assert found.ok, [check for check in found.checks if check.wrong]


def test_points_go_back_to_their_lots_and_their_worth_comes_off_the_statement_of_the_voucher(
    case: Case,
) -> None:
    voucher = case.used()
    assert case.lots() == {date(2027, 9, 1): 600}
    about = case.complains(voucher)
    paid = case.approves(case.proposes(about))
    assert (paid.refund_points, paid.goodwill_points) == (PRICE, 0)
    assert case.lots() == LOTS
    assert case.house("merchant:jinxiu") == 0
    assert case.states(MARCH).cents == 0
    assert case.house("settled") == 0
    with case.store.begin() as tx:
        assert complaints.get(tx, about.number).state == "upheld"
        assert credit.of(tx, "jinxiu", LATER) == 90
        assert rating.history(tx, "jinxiu")[0].why == "complaint TS10001 upheld"


def test_after_the_settlement_they_come_out_of_it_and_the_next_statement_is_less(
    case: Case,
) -> None:
    first = case.used()
    assert case.states(MARCH).fen == 3400
    assert (case.house("merchant:jinxiu"), case.house("settled")) == (0, PRICE)
    case.approves(case.proposes(case.complains(first), now=MAY), now=MAY)
    assert case.lots() == LOTS
    assert (case.house("merchant:jinxiu"), case.house("settled")) == (0, 0)
    april = case.states(APRIL, now=MAY + timedelta(days=1))
    may = case.states((date(2026, 5, 1), date(2026, 5, 31)), now=MAY + timedelta(days=40))
    assert april.cents + may.cents == -FACE_CENTS


def test_goodwill_is_promotional_and_has_a_limit(case: Case) -> None:
    about = case.complains(None)
    for too_much, refund in ((501, False), (-1, False), (10, True), (0, False)):
        with pytest.raises(NotPayable):
            case.proposes(about, goodwill=too_much, refund=refund)
    paid = case.approves(case.proposes(about, goodwill=500, refund=False))
    assert (paid.points, paid.refund_serial) == (500, None)
    assert rows(
        case.store, "SELECT kind, expires_on, balance FROM points_accounts"
        " WHERE subscriber_id = %s AND kind = 'promotional'", case.who.id,
    ) == [("promotional", points.day_of(LATER) + timedelta(days=180), 500)]  # fmt: skip


def _why(case: Case, about: Complaint, **how: Any) -> str:
    with pytest.raises(NotPayable) as refused:
        case.proposes(about, **how)
    return refused.value.why


def test_what_is_paid_once_is_not_paid_twice_by_whatever_way(case: Case) -> None:
    voucher = case.used()
    first, second = case.complains(voucher), case.complains(voucher)
    waiting = case.proposes(second)
    with pytest.raises(approvals.AlreadyProposed):
        case.proposes(second)
    case.approves(case.proposes(first))
    assert _why(case, first) == "paid"
    with pytest.raises(NotPayable, match="refunded"):
        case.approves(waiting)
    assert case.lots() == LOTS
    # Nor behind the functions' back.
    for change in ("UPDATE compensations SET refund_points = 1", "DELETE FROM compensations"):
        with pytest.raises(psycopg.errors.RestrictViolation), case.store.begin() as tx:
            sql.run(tx, change)
    assert case.store.read(lambda tx: credit.of(tx, "jinxiu", LATER)) == 90


def test_what_a_till_can_still_take_back_waits(case: Case) -> None:
    voucher = _redeem(case.store, case.who)
    unused = case.complains(voucher)
    assert _why(case, unused) == "not_verified"
    _verify(case.store, voucher.code, now=LATER - timedelta(minutes=9))
    assert _why(case, unused) == "too_early"
    case.store.run(
        lambda tx: verifying.undo(
            tx, TILL, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id, why="按错",
            now=LATER,
        )
    )  # fmt: skip
    assert _why(case, unused) == "not_verified"


def test_what_is_paid_back_is_not_taken_back_by_a_till_whose_request_came_slowly(
    case: Case,
) -> None:
    voucher = case.used()
    case.approves(case.proposes(case.complains(voucher)))
    begun = case.day + timedelta(minutes=9)  # what that request says, whenever it arrives
    with pytest.raises(verifying.TooLate):
        case.store.run(
            lambda tx: verifying.undo(
                tx, TILL, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id, why="按错",
                now=begun,
            )
        )  # fmt: skip
    ((state,),) = rows(case.store, "SELECT state FROM vouchers WHERE id = %s", voucher.id)
    assert state == "verified"
    assert case.states(MARCH).cents == 0
    _sound(case.store)


def _more(tx: Tx, who: Subscriber, key: str) -> None:
    points.issue(
        tx, who, kind=points.CONSUMPTION, points=PRICE, cause=cause(key), now=NOON,
        expires_on=date(2027, 9, 1),
    )  # fmt: skip


def test_a_till_and_an_approver_at_once_agree_whether_it_is_used(case: Case) -> None:
    for number in range(4):
        voucher = case.used(f"m{number}")
        proposal = case.proposes(case.complains(voucher))
        case.store.run(partial(_more, who=case.who, key=f"more {number}"))

        def undo(voucher: Voucher = voucher) -> str:
            try:
                case.store.run(lambda tx: verifying.undo(
                    tx, TILL, subscriber_id=voucher.subscriber_id, voucher_id=voucher.id,
                    why="按错", now=case.day + timedelta(minutes=9),
                ))  # fmt: skip
            except verifying.TooLate:
                return ""
            return "issued"

        def approve(proposal: Proposal = proposal) -> str:
            try:
                case.approves(proposal)
            except NotPayable:
                return ""
            return "verified"

        works: list[Callable[[], str]] = [undo, approve]
        (won,) = [one for one in at_once(works) if one]
        ((state, back),) = rows(
            case.store, "SELECT state, (SELECT count(*) FROM settlement_deductions d"
            " WHERE d.voucher_id = v.id) FROM vouchers v WHERE id = %s", voucher.id,
        )  # fmt: skip
        assert (state, back) == (won, won == "verified")


def test_who_proposes_does_not_approve(case: Case) -> None:
    proposal = case.proposes(case.complains(case.used()))
    case.approver = case.service
    with pytest.raises(approvals.SamePerson):
        case.approves(proposal)
    assert case.lots() == {date(2027, 9, 1): 600}


def test_of_two_who_approve_at_once_one_does(case: Case) -> None:
    voucher = case.used()
    proposals = [case.proposes(case.complains(voucher)) for _ in range(2)]
    others = [replace(case.approver), case.store.run(lambda tx: _by(tx, "approver"))]

    def approve(n: int) -> str:
        mine = Case.__new__(Case)
        mine.store, mine.approver, mine.limits = case.store, others[n % 2], LIMITS
        try:
            mine.approves(proposals[n // 2])
        except (approvals.AlreadyDecided, NotPayable) as refused:
            return type(refused).__name__
        return "paid"

    done = Counter(at_once([partial(approve, n) for n in range(4)]))
    assert done["paid"] == 1
    assert case.lots() == LOTS
    assert rows(case.store, "SELECT count(*) FROM compensations") == [(1,)]
    _sound(case.store)


def test_a_compensation_and_a_statement_at_once_agree(case: Case) -> None:
    proposal = case.proposes(case.complains(case.used()), now=MAY)
    at_once([lambda: case.approves(proposal, now=MAY), lambda: case.states(MARCH)])
    assert case.lots() == LOTS
    assert case.house("merchant:jinxiu") == case.house("settled") == 0
    case.states(MARCH)
    _sound(case.store)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    acts=st.lists(st.tuples(st.booleans(), st.integers(0, 500)), min_size=1, max_size=3),
    settled=st.booleans(),
)
@pytest.mark.slow
def test_whatever_is_settled_and_paid_no_point_is_lost_or_made(
    case: Case, acts: list[tuple[bool, int]], settled: bool
) -> None:
    """(points back, goodwill) of some haircuts: people, house and merchant agree."""
    store, who = case.store, case.store.run(case._customer)
    case.who, more = who, date(2029, 1, 1)
    store.run(
        lambda tx: points.issue(
            tx, who, kind=points.CONSUMPTION, points=3000, cause=cause(f"more {who.id}"), now=NOON,
            expires_on=more,
        )
    )  # fmt: skip
    case.day, case.limits = next(case.days), replace(LIMITS, upheld_costs=1)
    before, lots = _had(store, who), case.lots()
    held = case.house("merchant:jinxiu") + case.house("settled")
    used = [case.used(f"{who.id} {n}") for n in range(len(acts))]
    later = case.day + timedelta(days=20)
    if settled:
        last = store.read(lambda tx: statements.history(tx, "jinxiu", limit=1))
        first = last[0].last + timedelta(days=1) if last else MARCH[0]
        case.states((first, points.day_of(later) - timedelta(days=1)), now=later)
    kept = given_away = 0
    for voucher, (refund, goodwill) in zip(used, acts, strict=True):
        if refund or goodwill:
            about = case.complains(voucher)
            proposal = case.proposes(about, refund=refund, goodwill=goodwill, now=later)
            case.approves(proposal, now=later)
        kept += 0 if refund else PRICE
        given_away += goodwill
    assert _had(store, who) == before - kept + given_away
    assert case.house("merchant:jinxiu") + case.house("settled") - held == kept
    if not kept:
        assert case.lots() == lots
    _sound(store)


def _had(store: Store, who: Subscriber) -> int:
    return store.read(lambda tx: points.balance(tx, who, now=LATER, expiring_days=30)).total
