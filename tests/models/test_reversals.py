"""Reversals: one person proposes, another decides, and the points are back in their very lots."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from models import points
from models.base import Tx
from models.points import CONSUMPTION, PROMOTIONAL, holds, refunds, reversals
from models.points.lots import HouseShort
from models.points.nature import NoSuchTransfer
from models.points.refunds import NotRefundable
from models.points.reversals import (
    AlreadyDecided,
    AlreadyProposed,
    AlreadyUsed,
    NoSuchReversal,
    NotReversible,
    Reversal,
    SamePerson,
)
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows
from tests.models.test_points_database import refused

SOON, LATER = date(2026, 3, 10), date(2027, 12, 31)
MERCHANT, CAMPAIGN = "merchant:m001", "campaign:spring"
START = {(CONSUMPTION, SOON): 30, (PROMOTIONAL, LATER): 70}
TWO = tuple[Subscriber, Subscriber]


@pytest.fixture
def two(store: Store) -> TWO:
    """Somebody with 100 points, and somebody with nothing."""
    with store.begin() as tx:
        points.open_house_account(tx, MERCHANT)
        points.open_house_account(tx, CAMPAIGN)
        return books.rich(tx, START), newcomer(tx)


def gift(tx: Tx, two: TWO, amount: int = 40, key: str = "gift") -> int:
    return points.transfer(
        tx, payer=two[0], payee=two[1], points=amount, cause=cause(key, "gift"), now=NOON
    ).serial


def spend(tx: Tx, who: Subscriber, amount: int, into: str = MERCHANT, key: str = "spend") -> int:
    return points.spend(tx, who, points=amount, into=into, cause=cause(key), now=NOON).serial


def propose(
    tx: Tx, serial: int, *, by: str = "Li", partial: bool = False, reason: str = "wrong number"
) -> Reversal:
    return reversals.propose(tx, serial=serial, by=by, reason=reason, now=NOON, partial=partial)


def approve(tx: Tx, number: int, *, by: str = "Chen", days: int = 0) -> Reversal:
    now = NOON + timedelta(days=days)
    return reversals.approve(tx, number, by=by, now=now, grace_days=30)


def reject(tx: Tx, number: int, *, by: str = "Chen") -> Reversal:
    return reversals.reject(tx, number, by=by, reason="no proof", now=NOON)


def test_a_gift_goes_back_to_the_givers_lots(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        serial = gift(tx, two)
        proposed = propose(tx, serial)
        assert (proposed.state, proposed.of_serial, proposed.points) == ("proposed", serial, None)
        assert reversals.pending(tx, 10) == [proposed]
        done = approve(tx, proposed.id)
        assert (done.state, done.points, done.decided_by) == ("approved", 40, "Chen")
        assert reversals.pending(tx, 10) == []
        assert reversals.get(tx, proposed.id) == done == reversals.of(tx, serial)[0]
    assert books.lots_of(store, two[0]) == START
    assert books.lots_of(store, two[1]) == {}
    booked = "SELECT reason, channel, operator FROM points_transfers WHERE serial = %s"
    assert rows(store, booked, done.serial) == [("reversal", "console", "Chen")]
    books.check(store)


@pytest.mark.parametrize("source", [points.ISSUING, CAMPAIGN])
def test_an_issue_goes_back_to_where_it_came_from(store: Store, two: TWO, source: str) -> None:
    who = two[1]
    with store.begin() as tx:
        if source == CAMPAIGN:
            points.fund(tx, CAMPAIGN, points=160, cause=cause("budget"), now=NOON)
        before = points.house_balance(tx, source)
        serial = points.issue(
            tx, who, kind=PROMOTIONAL, points=7, expires_on=LATER, cause=cause("issue"), now=NOON,
            source=source,
        ).serial  # fmt: skip
        assert points.house_balance(tx, source) == before - 7
        assert approve(tx, propose(tx, serial).id).points == 7
        assert points.house_balance(tx, source) == before
    assert books.lots_of(store, who) == {}
    books.check(store)


def test_a_spending_is_refunded(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        serial = spend(tx, two[0], 60)
        assert approve(tx, propose(tx, serial).id).points == 60
        with pytest.raises(refunds.MoreThanTaken):
            refunds.refund(tx, serial=serial, cause=cause("refund"), now=NOON, grace_days=30)
    assert books.lots_of(store, two[0]) == START
    books.check(store)


def test_of_a_spending_with_refunds_the_rest_comes_back_if_the_proposal_allows_it(
    store: Store, two: TWO
) -> None:
    with store.begin() as tx:
        serial = spend(tx, two[0], 60)
        refunds.refund(tx, serial=serial, points=20, cause=cause("refund"), now=NOON, grace_days=30)
        whole = propose(tx, serial)
        with pytest.raises(AlreadyUsed) as used:
            approve(tx, whole.id)
        assert (used.value.left, used.value.points) == (40, 60)
        reject(tx, whole.id)
        assert approve(tx, propose(tx, serial, partial=True).id).points == 40
    assert books.lots_of(store, two[0]) == START
    books.check(store)


def test_a_captured_hold_can_be_reversed_but_not_a_reservation(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        held = holds.hold(
            tx, two[0], points=60, lasts=timedelta(minutes=15), cause=cause("hold"), now=NOON
        )
        with pytest.raises(NotReversible, match="hold"):
            propose(tx, held.serial)
        end = holds.capture(
            tx, subscriber_id=two[0].id, serial=held.serial, points=50, into=MERCHANT,
            cause=cause("capture"), now=NOON, grace_days=30,
        ).end_serial  # fmt: skip
        assert approve(tx, propose(tx, end or 0).id).points == 50
    assert books.lots_of(store, two[0]) == START
    books.check(store)


def test_what_the_receiver_has_used_is_not_taken_from_other_points(store: Store, two: TWO) -> None:
    giver, receiver = two
    with store.begin() as tx:
        serial = gift(tx, two)  # 30 until soon, 10 until later
        points.issue(
            tx, receiver, kind=CONSUMPTION, points=500, expires_on=LATER, cause=cause("own"),
            now=NOON,
        )  # fmt: skip
        spend(tx, receiver, 25)
        number = propose(tx, serial).id
        with pytest.raises(AlreadyUsed) as used:
            approve(tx, number)
        assert (used.value.left, used.value.points) == (15, 40)
        assert reversals.get(tx, number).state == "proposed"
    assert sum(books.lots_of(store, receiver).values()) == 515
    with store.begin() as tx:
        reject(tx, number)
        assert approve(tx, propose(tx, serial, partial=True).id).points == 15
    assert books.lots_of(store, giver) == {(CONSUMPTION, SOON): 5, (PROMOTIONAL, LATER): 70}
    assert books.lots_of(store, receiver) == {(CONSUMPTION, LATER): 500}
    books.check(store)


def test_where_nothing_is_left_even_a_partial_reversal_is_refused(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        serial = gift(tx, two, 30)
        spend(tx, two[1], 30)
        number = propose(tx, serial, partial=True).id
        with pytest.raises(AlreadyUsed) as used:
            approve(tx, number)
        assert used.value.left == 0


def test_what_the_receiver_let_expire_is_used_up_too(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        number = propose(tx, gift(tx, two)).id
        with pytest.raises(AlreadyUsed) as used:
            approve(tx, number, days=20)
        assert used.value.left == 10


def test_what_the_receiver_has_reserved_does_not_go_back(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        number = propose(tx, gift(tx, two)).id
        holds.hold(tx, two[1], points=5, lasts=timedelta(minutes=15), cause=cause("hold"), now=NOON)
        with pytest.raises(AlreadyUsed) as used:
            approve(tx, number)
        assert used.value.left == 35
    books.check(store)


def test_who_proposes_does_not_decide_however_the_name_is_written(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        number = propose(tx, gift(tx, two), by="Li Ming").id
        for name in ("Li Ming", "li ming", "  LI MING "):
            with pytest.raises(SamePerson):
                approve(tx, number, by=name)
            with pytest.raises(SamePerson):
                reject(tx, number, by=name)
        assert approve(tx, number, by="Li Mei").state == "approved"


def test_a_transfer_is_reversed_at_most_once(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        serial = gift(tx, two)
        number = propose(tx, serial).id
        with pytest.raises(AlreadyProposed) as there:
            propose(tx, serial, by="Wang")
        assert there.value.reversal.id == number
        reject(tx, number)
        number = propose(tx, serial).id  # a rejected one may be made again
        approve(tx, number)
        with pytest.raises(AlreadyProposed) as there:
            propose(tx, serial)
        assert there.value.reversal.state == "approved"
        for decide in (approve, reject):
            with pytest.raises(AlreadyDecided) as decided:
                decide(tx, number, by="Wang")
            assert decided.value.reversal.decided_by == "Chen"
    books.check(store)


def test_only_a_gift_an_issue_or_a_spending_can_be_reversed(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        back = approve(tx, propose(tx, gift(tx, two)).id).serial
        refund = refunds.refund(
            tx, serial=spend(tx, two[0], 5), cause=cause("refund"), now=NOON, grace_days=30
        ).serial
        coins = points.exchange.buy_coins(
            tx, two[0], coins=1, points_per_coin=5, cause=cause("coin"), now=NOON
        ).serial
        expired = spend(tx, two[0], 5, points.EXPIRED, "expiry")
        for serial, what in (
            (back or 0, "reversal"), (refund, "refund"), (coins, "exchange"), (expired, "expiry"),
        ):  # fmt: skip
            with pytest.raises(NotReversible, match=what):
                propose(tx, serial)
        with pytest.raises(NotRefundable, match="reversal"):
            refunds.refund(tx, serial=back or 0, cause=cause("x"), now=NOON, grace_days=30)
        with pytest.raises(NoSuchTransfer):
            propose(tx, 5)
        for decide in (approve, reject):
            with pytest.raises(NoSuchReversal):
                decide(tx, 77)


def test_names_and_reasons_must_be_said(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        serial = gift(tx, two)
        for by, reason in (("", "x"), ("  ", "x"), ("Li", " "), ("L" * 65, "x"), ("Li", "x" * 501)):
            with pytest.raises(ValueError, match="1 to"):
                propose(tx, serial, by=by, reason=reason)


def _merge(tx: Tx, source: Subscriber, target: Subscriber) -> None:
    points.merge(tx, source=source, target=target, cause=cause("merging", "merge"), now=NOON)
    tx.exec_driver_sql(
        "UPDATE subscribers SET status = 'merged', merged_into = %s WHERE id = %s",
        (target.id, source.id),
    )


def test_a_gift_of_people_who_were_taken_over_goes_between_who_took_over(
    store: Store, two: TWO
) -> None:
    with store.begin() as tx:
        serial, target = gift(tx, two), newcomer(tx)
        _merge(tx, two[0], target)
        approve(tx, propose(tx, serial).id)
    assert books.lots_of(store, target) == START
    assert books.lots_of(store, two[1]) == {}
    books.check(store)


def test_a_gift_between_two_who_are_one_by_now_stays(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        number = propose(tx, gift(tx, two)).id
        _merge(tx, two[1], two[0])
        with pytest.raises(NotReversible, match="same person"):
            approve(tx, number)
        with pytest.raises(NotReversible, match="merge"):
            propose(tx, points.find(tx, "merging") or 0)


def test_a_merchant_who_has_been_paid_does_not_pay_back(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        number = propose(tx, spend(tx, two[0], 60)).id
        points.move(
            tx, payer=0, payer_kinds=[MERCHANT], payee=0, payee_kind=points.ISSUING,
            payee_expires_on=points.NEVER, points=60, unit=points.POINTS, cause=cause("paid"),
            now=NOON,
        )  # fmt: skip
        with pytest.raises(HouseShort):
            approve(tx, number)
        assert reversals.get(tx, number).state == "proposed"


# -- races -------------------------------------------------------------------------------------


def _tried(store: Store, act: Callable[[Tx], Any]) -> str:
    try:
        return str(getattr(store.run(act), "state", "done"))
    except (AlreadyDecided, AlreadyProposed, AlreadyUsed, points.NotEnough) as refusal:
        return type(refusal).__name__


@pytest.mark.slow
def test_of_eight_proposals_at_once_one_is_made(store: Store, two: TWO) -> None:
    for number in range(4):
        with store.begin() as tx:
            serial = gift(tx, two, 5, f"gift {number}")
        said = at_once([partial(_tried, store, partial(propose, serial=serial))] * 8)
        assert sorted(said) == ["AlreadyProposed"] * 7 + ["proposed"]


@pytest.mark.slow
def test_of_eight_approvals_and_rejections_at_once_one_counts(store: Store, two: TWO) -> None:
    for number in range(6):
        with store.begin() as tx:
            serial = gift(tx, two, 5, f"gift {number}")
            proposed = propose(tx, serial).id
        before = books.lots_of(store, two[1])
        works = [
            partial(_tried, store, partial(act, number=proposed, by=f"Chen {each}"))
            for each in range(4)
            for act in (approve, reject)
        ]
        said = sorted(at_once(works))
        assert said[:7] == ["AlreadyDecided"] * 7
        moved = sum(before.values()) - sum(books.lots_of(store, two[1]).values())
        assert moved == (5 if said[7] == "approved" else 0)
    books.check(store)


@pytest.mark.slow
def test_a_reversal_against_the_receivers_spendings_takes_all_or_nothing(store: Store) -> None:
    for number in range(10):
        with store.begin() as tx:
            two = books.rich(tx, START), newcomer(tx)
            proposed = propose(tx, gift(tx, two, 40, f"gift {number}")).id
        said = at_once(
            [
                partial(_tried, store, partial(approve, number=proposed)),
                *(
                    partial(
                        _tried, store,
                        partial(
                            spend, who=two[1], amount=10, into=points.SPENT, key=f"{number}:{each}"
                        ),
                    )
                    for each in range(3)
                ),
            ]
        )  # fmt: skip
        spent = 10 * said[1:].count("done")
        if said[0] == "approved":
            assert spent == 0
            assert books.lots_of(store, two[0]) == START
        else:
            assert sum(books.lots_of(store, two[1]).values()) == 40 - spent
    books.check(store)


@pytest.mark.slow
def test_reversals_among_gifts_both_ways_do_not_deadlock(store: Store) -> None:
    with store.begin() as tx:
        two = books.rich(tx, START), books.rich(tx, START)
        numbers = [propose(tx, gift(tx, two, 1, f"there {n}")).id for n in range(6)]

    def mixed(each: int) -> str:
        if each < 6:
            return _tried(store, partial(approve, number=numbers[each]))
        ways = [two, (two[1], two[0])]
        for n in range(4):
            store.run(partial(gift, two=ways[(each + n) % 2], amount=1, key=f"{each}:{n}"))
        return "done"

    with capture_logs() as logs:
        said = at_once([partial(mixed, each) for each in range(8)])
    assert said == ["approved"] * 6 + ["done"] * 2
    assert logs == []  # no transaction had to be run again
    assert sum(sum(books.lots_of(store, who).values()) for who in two) == 200
    books.check(store)


# -- what the table refuses, whoever asks ------------------------------------------------------

DECIDED = "decided_by = 'Chen', decided_at = now()"
APPROVED = f"state = 'approved', {DECIDED}"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (f"{APPROVED}, serial = of_serial + 1, points = 40", "as_booked"),
        (f"{APPROVED}, serial = of_serial, points = 40", "as_booked"),
        (f"{APPROVED}, serial = NULL, points = NULL", "approved_check"),
        ("decided_by = 'Chen'", "decided_check"),
        ("serial = of_serial + 1, points = 40", "approved_check"),
        ("state = 'rejected', rejected_because = 'x', decided_at = now(), decided_by = 'LI '",
         "another_decides_check"),
        ("state = 'rejected', rejected_because = 'x'", "decided_check"),
        (f"state = 'rejected', {DECIDED}", "rejected_check"),
        (f"state = 'rejected', {DECIDED}, rejected_because = ' '", "rejected_check"),
        (f"state = 'forgotten', {DECIDED}", "state_check"),
        ("partial = true", "decided_once"),
        ("proposed_by = 'Wang'", "decided_once"),
        ("reason = 'another'", "decided_once"),
        ("of_serial = of_serial - 1", "decided_once"),
    ],
)  # fmt: skip
def test_the_table_refuses_what_two_people_did_not_decide(
    store: Store, two: TWO, change: str, rule: str
) -> None:
    with store.begin() as tx:
        propose(tx, gift(tx, two))
        points.transfer(  # of 40, too: what a forged reversal would look like
            tx, payer=two[0], payee=two[1], points=40, cause=cause("forged"), now=NOON
        )
    said = refused(store, f"UPDATE points_reversals SET {change}")
    assert said.removeprefix("points_reversals_") == rule


def test_a_second_proposal_or_a_decided_one_cannot_be_inserted(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        number = propose(tx, gift(tx, two)).id
    again = (
        "INSERT INTO points_reversals (of_serial, partial, reason, proposed_by, proposed_at)"
        " SELECT of_serial, partial, {reason}, proposed_by, proposed_at FROM points_reversals"
    )
    assert refused(store, again.format(reason="reason")) == "points_reversals_of_serial_idx"
    with store.begin() as tx:
        reject(tx, number)
    assert refused(store, again.format(reason="' '")) == "points_reversals_said_check"
    born_decided = (
        "INSERT INTO points_reversals (of_serial, state, partial, reason, proposed_by, proposed_at,"
        " decided_by, decided_at, rejected_because) SELECT of_serial, state, partial, reason,"
        " proposed_by, proposed_at, decided_by, decided_at, rejected_because FROM points_reversals"
    )
    assert refused(store, born_decided) == "points_reversals_decided_once"


def test_what_was_decided_stays_for_ever(store: Store, two: TWO) -> None:
    with store.begin() as tx:
        approve(tx, propose(tx, gift(tx, two)).id)
    for change in ("state = 'proposed'", "reason = reason", "decided_by = 'Wang'"):
        said = refused(store, f"UPDATE points_reversals SET {change}")
        assert said == "points_reversals_decided_once"
    for removal in ("DELETE FROM points_reversals", "TRUNCATE points_reversals"):
        assert refused(store, removal) == "points_reversals is append-only"
