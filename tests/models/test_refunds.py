"""Refunds: what was taken goes back to its lots, never more than that, however often one asks."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import points
from models.base import Tx
from models.points import CONSUMPTION, PROMOTIONAL, KeyReused, holds, lots, refunds
from models.points.lots import HouseShort
from models.points.nature import NoSuchTransfer
from models.points.refunds import MoreThanTaken, NotRefundable, Refund
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows
from tests.models.test_points_database import refused

SOON, MIDDLE, LATER = date(2026, 3, 10), date(2026, 9, 30), date(2027, 12, 31)
MERCHANT = "merchant:m001"
GRACE = 30
START = {(CONSUMPTION, SOON): 30, (PROMOTIONAL, MIDDLE): 20, (CONSUMPTION, LATER): 50}


@pytest.fixture
def who(store: Store) -> Subscriber:
    with store.begin() as tx:
        points.open_house_account(tx, MERCHANT)
        return books.rich(tx, START)


def spend(tx: Tx, who: Subscriber, amount: int, key: str = "spend") -> int:
    return points.spend(tx, who, points=amount, into=MERCHANT, cause=cause(key), now=NOON).serial


def refund(
    tx: Tx, serial: int, amount: int | None = None, key: str = "refund", *, days: int = 0
) -> Refund:
    return refunds.refund(
        tx, serial=serial, points=amount, cause=cause(key), now=NOON + timedelta(days=days),
        grace_days=GRACE,
    )  # fmt: skip


def test_a_refund_puts_everything_back_into_its_lots_with_the_old_dates(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        spent = spend(tx, who, 60)
        back = refund(tx, spent)
        assert (back.of_serial, back.points, back.left, back.fresh) == (spent, 60, 0, True)
        assert points.house_balance(tx, MERCHANT) == 0
    assert books.lots_of(store, who) == START
    books.check(store)


def test_parts_come_back_the_latest_to_expire_first_until_nothing_is_left(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        spent = spend(tx, who, 60)
        assert refund(tx, spent, 15, "1").left == 45
    assert books.lots_of(store, who) == {(PROMOTIONAL, MIDDLE): 5, (CONSUMPTION, LATER): 50}
    with store.begin() as tx:
        assert refund(tx, spent, 20, "2").left == 25
    assert books.lots_of(store, who) == {
        (CONSUMPTION, SOON): 5, (PROMOTIONAL, MIDDLE): 20, (CONSUMPTION, LATER): 50
    }  # fmt: skip
    with store.begin() as tx:
        with pytest.raises(MoreThanTaken) as more:
            refund(tx, spent, 26, "3")
        assert more.value.left == 25
        assert refunds.left_of(tx, spent) == 25
        assert refund(tx, spent, None, "3").points == 25
        for amount in (None, 1):
            with pytest.raises(MoreThanTaken):
                refund(tx, spent, amount, "4")
    assert books.lots_of(store, who) == START
    books.check(store)


def test_the_same_refund_again_is_the_first_one(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        spent = spend(tx, who, 60)
        first = refund(tx, spent, 15)
        again = refund(tx, spent, 15)
        assert (again.serial, again.points, again.fresh) == (first.serial, 15, False)
        rest = refund(tx, spent, None, "rest")
        assert refund(tx, spent, None, "rest").serial == rest.serial
        with pytest.raises(KeyReused):
            refund(tx, spent, 16)
        with pytest.raises(KeyReused):
            refund(tx, spent, 15, "spend")
    assert books.lots_of(store, who) == START
    books.check(store)


def test_a_lot_that_has_expired_meanwhile_comes_back_for_the_days_of_grace(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        spent = spend(tx, who, 60)
        refund(tx, spent, days=20)
        now = NOON + timedelta(days=20)
        assert points.balance(tx, who, now=now, expiring_days=GRACE).expiring == 30
    back = points.day_of(NOON) + timedelta(days=20 + 8)  # so many were left on the 2nd of March
    assert books.lots_of(store, who) == {
        (CONSUMPTION, back): 30, (PROMOTIONAL, MIDDLE): 20, (CONSUMPTION, LATER): 50
    }  # fmt: skip
    books.check(store)


def test_a_grace_is_what_was_left_and_no_more_than_stated_and_given_once() -> None:
    lot, after = points.Account(7, CONSUMPTION, SOON), SOON + timedelta(days=1)

    def back(
        taken: int, today: date, grace: int = GRACE, of: points.Account = lot
    ) -> points.Account:
        taken_on = of.expires_on - timedelta(days=taken)
        return lots.back(of, 8, taken_on=taken_on, today=today, grace_days=grace)

    assert back(9, SOON) == points.Account(8, CONSUMPTION, SOON)
    given = back(9, after)
    assert given == points.Account(8, CONSUMPTION, after + timedelta(days=9), points.ON_GRACE)
    assert back(99, after).expires_on == after + timedelta(days=GRACE)
    assert back(0, after).expires_on == after
    assert back(9, after, grace=0).expires_on == after
    assert back(-3, after).expires_on == after  # captured after its day: reserved before it
    assert back(9, given.expires_on + timedelta(days=1), of=given) == given


def test_a_captured_hold_is_refunded_to_the_lots_and_not_to_what_was_held(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        held = holds.hold(
            tx, who, points=60, lasts=timedelta(minutes=15), cause=cause("hold"), now=NOON
        )
        ended = holds.capture(
            tx, subscriber_id=who.id, serial=held.serial, points=40, into=MERCHANT,
            cause=cause("capture"), now=NOON, grace_days=GRACE,
        )  # fmt: skip
        with pytest.raises(NotRefundable) as wrong:
            refund(tx, held.serial)
        assert wrong.value.what == "hold"
        assert ended.end_serial is not None
        with pytest.raises(MoreThanTaken) as more:
            refund(tx, ended.end_serial, 41)
        assert more.value.left == 40
        refund(tx, ended.end_serial)
    assert books.lots_of(store, who) == START
    books.check(store)


def test_coins_are_refunded_as_coins(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        rich = books.rich(tx, {(CONSUMPTION, LATER): 9}, unit=points.COINS)
        spent = points.spend(
            tx, rich, points=5, into=points.SPENT, cause=cause("coins"), now=NOON,
            unit=points.COINS,
        )  # fmt: skip
        refund(tx, spent.serial, 3)
    assert books.lots_of(store, rich, unit=points.COINS) == {(CONSUMPTION, LATER): 7}
    books.check(store)


def test_what_is_no_spending_cannot_be_refunded(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        other = newcomer(tx)
        gift = points.transfer(
            tx, payer=who, payee=other, points=5, cause=cause("gift"), now=NOON
        ).serial
        to_them = "SELECT min(serial) FROM points_legs WHERE payee_id = %s"
        ((issue,),) = rows(store, to_them, who.id)
        coins = points.exchange.buy_coins(
            tx, who, coins=1, points_per_coin=5, cause=cause("coin"), now=NOON
        ).serial
        expired = points.spend(
            tx, who, points=5, into=points.EXPIRED, cause=cause("expiry"), now=NOON
        ).serial
        back = refund(tx, spend(tx, who, 5), key="back").serial
        for serial, what in (
            (gift, "gift"), (issue, "issue"), (coins, "exchange"), (expired, "expiry"),
            (back, "refund"),
        ):  # fmt: skip
            with pytest.raises(NotRefundable) as wrong:
                refund(tx, serial, 1)
            assert wrong.value.what == what
        with pytest.raises(NoSuchTransfer):
            refund(tx, 5, 1)
        for amount in (0, -1):
            with pytest.raises(ValueError, match="at least one point"):
                refund(tx, spend(tx, who, 5), amount)


def test_who_was_taken_over_is_refunded_through_who_took_over(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        spent, target = spend(tx, who, 60), newcomer(tx)
        points.merge(tx, source=who, target=target, cause=cause("merge"), now=NOON)
        tx.exec_driver_sql(
            "UPDATE subscribers SET status = 'merged', merged_into = %s WHERE id = %s",
            (target.id, who.id),
        )
        refund(tx, spent)
    assert books.lots_of(store, who) == {}
    assert books.lots_of(store, target) == START
    books.check(store)


def _spend_into_stripe(store: Store, who: Subscriber, stripe: int, amount: int) -> int:
    """Spend while somebody holds all the other stripes."""
    with store.begin() as busy:
        busy.exec_driver_sql(
            "SELECT 1 FROM points_accounts"
            " WHERE subscriber_id = 0 AND kind = %s AND stripe <> %s FOR UPDATE",
            (MERCHANT, stripe),
        )
        with store.begin() as tx:
            return spend(tx, who, amount, f"stripe {stripe}")


def _pay_out(store: Store, amount: int) -> None:
    """The merchant has been paid for so many points."""
    with store.begin() as tx:
        points.move(
            tx, payer=0, payer_kinds=[MERCHANT], payee=0, payee_kind=points.ISSUING,
            payee_expires_on=points.NEVER, points=amount, unit=points.POINTS,
            cause=cause(f"paid {amount}"), now=NOON,
        )  # fmt: skip


def _stripes(store: Store) -> dict[int, int]:
    found = "SELECT stripe, balance FROM points_accounts WHERE kind = %s AND balance > 0"
    return dict(rows(store, found, MERCHANT))


def test_a_refund_may_be_more_than_any_stripe_of_the_house_has(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        other = books.rich(tx, {(CONSUMPTION, LATER): 1000})
    for stripe, amount in ((3, 20), (7, 15), (11, 25)):
        _spend_into_stripe(store, other, stripe, amount)
    spent = _spend_into_stripe(store, who, 5, 60)
    _pay_out(store, 60)
    assert _stripes(store) == {3: 20, 7: 15, 11: 25}
    with store.begin() as tx:
        assert refund(tx, spent, 59, "most").left == 1
    assert sum(_stripes(store).values()) == 1
    books.check(store)


def test_a_merchant_who_has_been_paid_cannot_refund(store: Store, who: Subscriber) -> None:
    spent = _spend_into_stripe(store, who, 5, 60)
    _pay_out(store, 25)
    with store.begin() as tx:
        with pytest.raises(HouseShort) as short:
            refund(tx, spent)
        assert (short.value.kind, short.value.have) == (MERCHANT, 35)
        assert refund(tx, spent, 35).left == 25  # the key is not used up
    books.check(store)


@pytest.mark.slow
def test_eight_refunds_at_once_give_back_what_was_taken_and_no_more(
    store: Store, who: Subscriber
) -> None:
    for number in range(8):
        with store.begin() as tx:
            who = books.rich(tx, START)
            spent = spend(tx, who, 60, f"spend {number}")

        def back(each: int, spent: int = spent, number: int = number) -> int:
            try:
                made = store.run(lambda tx: refund(tx, spent, 17, f"refund {number}:{each}"))
            except MoreThanTaken:
                return 0
            return made.points

        assert sorted(at_once([partial(back, each) for each in range(8)])) == [0] * 5 + [17] * 3
        assert sum(books.lots_of(store, who).values()) == 40 + 51
    books.check(store)


@pytest.mark.slow
def test_the_same_refund_eight_times_at_once_is_made_once(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        spent = spend(tx, who, 60)
    made = at_once([partial(store.run, lambda tx: refund(tx, spent, None))] * 8)
    assert len({each.serial for each in made}) == 1
    assert sum(each.fresh for each in made) == 1
    assert books.lots_of(store, who) == START
    books.check(store)


@pytest.mark.slow
def test_refunds_out_of_a_crowded_account_all_come_through(store: Store) -> None:
    with store.begin() as tx:
        points.open_house_account(tx, MERCHANT)
        people = [books.rich(tx, START) for _ in range(8)]

    def busy(number: int) -> None:
        for each in range(6):
            key = f"{number}:{each}"
            spent = store.run(partial(spend, who=people[number], amount=7, key=f"s{key}"))
            store.run(partial(refund, serial=spent, amount=3, key=f"a{key}"))
            store.run(partial(refund, serial=spent, amount=4, key=f"b{key}"))

    at_once([partial(busy, number) for number in range(8)])
    assert store.read(lambda tx: points.house_balance(tx, MERCHANT)) == 0
    assert all(books.lots_of(store, who) == START for who in people)
    books.check(store)


@settings(
    max_examples=30, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(taken=st.integers(1, 100), parts=st.lists(st.integers(1, 60), max_size=6))
def test_a_spending_with_refunds_has_taken_what_a_smaller_one_would(
    store: Store, taken: int, parts: list[int]
) -> None:
    with store.begin() as tx:
        points.open_house_account(tx, MERCHANT)
        who, other = books.rich(tx, START), books.rich(tx, START)
        spent, left = spend(tx, who, taken, f"{who.id}"), taken
        for number, part in enumerate(parts):
            if part <= left:
                left = refund(tx, spent, part, f"{who.id}:{number}").left
            else:
                with pytest.raises(MoreThanTaken):
                    refund(tx, spent, part, f"{who.id}:{number}")
        if left:
            spend(tx, other, left, f"{other.id}")
    assert books.lots_of(store, who) == books.lots_of(store, other)


NEW = (
    "INSERT INTO points_refunds"
    " (of_serial, number, serial, taken, points, total, previous, total_before)"
    " VALUES (%(of)s, {row})"
)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        # a total that leaves out what came before, or is more than was taken
        ("2, %(other)s, 60, 50, 50, NULL, 0", "points_refunds_chain_check"),
        ("1, %(other)s, 60, 50, 50, NULL, 0", "points_refunds_pkey"),
        ("2, %(other)s, 60, 50, 51, 1, 1", "of_serial_previous_taken_total_before_fkey"),
        ("2, %(other)s, 60, 50, 60, 1, 15", "points_refunds_total_check"),
        ("2, %(other)s, 60, 50, 65, 1, 15", "points_refunds_total_check"),
        ("3, %(other)s, 60, 50, 60, 2, 10", "of_serial_previous_taken_total_before_fkey"),
        # what the legs do not say
        ("2, %(other)s, 90, 50, 65, 1, 15", "points_refunds_as_booked"),
        ("2, %(other)s, 60, 45, 60, 1, 15", "points_refunds_as_booked"),
        ("2, %(first)s, 60, 15, 30, 1, 15", "points_refunds_serial_key"),
        ("2, %(of)s, 60, 45, 60, 1, 15", "points_refunds_as_booked"),
    ],
)
def test_the_table_itself_refuses_more_than_was_taken(
    store: Store, who: Subscriber, row: str, rule: str
) -> None:
    with store.begin() as tx:
        spent = spend(tx, who, 60)
        first = refund(tx, spent, 15).serial
        issued = points.issue(  # house to person, of 50: what a forged refund would look like
            tx, who, kind=CONSUMPTION, points=50, expires_on=LATER, cause=cause("forged"), now=NOON
        ).serial
    said = refused(store, NEW.format(row=row), of=spent, first=first, other=issued)
    assert said.endswith(rule)


def test_refunds_are_evidence(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        refund(tx, spend(tx, who, 60), 15)
    for statement in (
        "UPDATE points_refunds SET total = total", "DELETE FROM points_refunds",
        "TRUNCATE points_refunds CASCADE",
    ):  # fmt: skip
        assert refused(store, statement).endswith("s is append-only")  # or what cites refunds
