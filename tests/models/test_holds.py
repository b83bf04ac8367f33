"""Holds: what is reserved is nobody else's, goes on at most once, and comes back if it must."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from models import points, subscribers
from models.base import Tx
from models.points import CONSUMPTION, PROMOTIONAL, KeyReused, NotEnough, holds
from models.points.holds import Hold, HoldEnded, NoSuchHold
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows
from tests.models.test_points_database import refused

SOON, LATER = date(2026, 3, 10), date(2027, 12, 31)
LASTS = timedelta(minutes=15)
MERCHANT = "merchant:m001"
GRACE = 30


@pytest.fixture
def who(store: Store) -> Subscriber:
    """Somebody with 30 points until soon and 70 until later."""
    with store.begin() as tx:
        points.open_house_account(tx, MERCHANT)
        return books.rich(tx, {(CONSUMPTION, SOON): 30, (PROMOTIONAL, LATER): 70})


def hold(
    tx: Tx, who: Subscriber, amount: int, key: str = "hold", *, now: datetime = NOON,
    lasts: timedelta = LASTS,
) -> Hold:  # fmt: skip
    return holds.hold(tx, who, points=amount, lasts=lasts, cause=cause(key), now=now)


def capture(
    tx: Tx, held: Hold, amount: int | None = None, key: str = "capture", *, now: datetime = NOON
) -> Hold:
    return holds.capture(
        tx, subscriber_id=held.subscriber_id, serial=held.serial, points=amount, into=MERCHANT,
        cause=cause(key), now=now, grace_days=GRACE,
    )  # fmt: skip


def release(tx: Tx, held: Hold, key: str = "release", *, now: datetime = NOON) -> Hold:
    return holds.release(
        tx, subscriber_id=held.subscriber_id, serial=held.serial, cause=cause(key), now=now,
        grace_days=GRACE,
    )  # fmt: skip


def lapse(store: Store, now: datetime, limit: int = 100) -> int:
    return store.run(lambda tx: holds.release_due(tx, now, limit, grace_days=GRACE))


def test_what_is_held_is_taken_soonest_expiry_first_and_cannot_be_spent(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        held = hold(tx, who, 40)
        assert (held.points, held.state, held.reason) == (40, "held", "test")
        assert held.expires_at == NOON + LASTS
        has = points.balance(tx, who, now=NOON, expiring_days=0)
        assert (has.total, has.held, has.usable) == (100, 40, 60)
        with pytest.raises(NotEnough) as short:
            points.spend(tx, who, points=61, into=points.SPENT, cause=cause("spend"), now=NOON)
        assert short.value.have == 60
        assert holds.open_holds(tx, who) == [held]
    assert books.lots_of(store, who) == {
        ("held_consumption", SOON): 30, ("held_promotional", LATER): 10, (PROMOTIONAL, LATER): 60
    }  # fmt: skip
    books.check(store)


def test_a_capture_moves_all_to_the_merchant(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        held = hold(tx, who, 40)
        ended = capture(tx, held)
        assert (ended.state, ended.captured, ended.ended_at) == ("captured", 40, NOON)
        assert points.house_balance(tx, MERCHANT) == 40
        assert holds.open_holds(tx, who) == []
        assert points.balance(tx, who, now=NOON, expiring_days=0).held == 0
    assert books.lots_of(store, who) == {(PROMOTIONAL, LATER): 60}
    assert rows(store, "SELECT ended_by, ended_why FROM points_holds") == [("sms", "test")]
    books.check(store)


def test_a_part_is_captured_out_of_what_expires_soonest_and_the_rest_is_back_in_its_lots(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        ended = capture(tx, hold(tx, who, 40), 25)
        assert (ended.state, ended.captured) == ("captured", 25)
        assert points.house_balance(tx, MERCHANT) == 25
    assert books.lots_of(store, who) == {(CONSUMPTION, SOON): 5, (PROMOTIONAL, LATER): 70}
    books.check(store)


def test_a_release_puts_everything_back_where_it_was(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        before = points.balance(tx, who, now=NOON, expiring_days=30)
        assert release(tx, hold(tx, who, 40)).state == "released"
        assert points.balance(tx, who, now=NOON, expiring_days=30) == before
    assert books.lots_of(store, who) == {(CONSUMPTION, SOON): 30, (PROMOTIONAL, LATER): 70}
    books.check(store)


def test_every_act_twice_with_its_key_is_done_once(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        assert hold(tx, who, 40) == hold(tx, who, 40)
        first = capture(tx, hold(tx, who, 40), 25)
        assert capture(tx, first, 25, now=NOON + LASTS) == first
        other = hold(tx, who, 10, "another")
        assert release(tx, other) == release(tx, other)
    assert books.lots_of(store, who) == {(CONSUMPTION, SOON): 5, (PROMOTIONAL, LATER): 70}
    assert rows(store, "SELECT count(*) FROM points_holds") == [(2,)]
    books.check(store)


def test_a_key_of_something_else_is_refused(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        first, second = hold(tx, who, 10, "one"), hold(tx, who, 10, "two")
        capture(tx, first, 5)
        with pytest.raises(KeyReused):
            capture(tx, first, 6)
        with pytest.raises(KeyReused):
            release(tx, first, "capture")
        with pytest.raises(KeyReused):
            capture(tx, second, 5)
        with pytest.raises(KeyReused):
            hold(tx, who, 11, "one")
    books.check(store)


def test_what_is_over_is_refused_by_name_and_nothing_moves(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        released, captured = hold(tx, who, 10, "one"), hold(tx, who, 10, "two")
        release(tx, released)
        capture(tx, captured)
        for act, ended, state in (
            (capture, released, "released"), (release, released, "released"),
            (capture, captured, "captured"), (release, captured, "captured"),
        ):  # fmt: skip
            with pytest.raises(HoldEnded) as over:
                act(tx, ended, key="late")
            assert over.value.hold.state == state
        with pytest.raises(NoSuchHold):
            holds.get(tx, subscriber_id=who.id, serial=1)
        assert points.house_balance(tx, MERCHANT) == 10
    books.check(store)


def test_no_more_is_captured_than_was_held(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        held = hold(tx, who, 40)
        with pytest.raises(NotEnough) as short:
            capture(tx, held, 41)
        assert short.value.have == 40
        for amount in (0, -1):
            with pytest.raises(ValueError, match="at least one point"):
                capture(tx, held, amount)
        with pytest.raises(NotEnough):
            hold(tx, who, 61, "more than is left")
        for lasts in (timedelta(), holds.LONGEST + timedelta(seconds=1)):
            with pytest.raises(ValueError, match="31 days at most"):
                hold(tx, who, 1, "for ever", lasts=lasts)
        assert capture(tx, held, 40).captured == 40


def test_a_hold_past_its_limit_releases_itself(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        held = hold(tx, who, 40)
        longer = hold(tx, who, 10, "longer", lasts=2 * LASTS)
    assert lapse(store, NOON + LASTS - timedelta(seconds=1)) == 0
    assert lapse(store, NOON + LASTS) == 1
    assert lapse(store, NOON + LASTS) == 0
    with store.begin() as tx:
        assert holds.open_holds(tx, who) == [longer]
        assert holds.get(tx, subscriber_id=who.id, serial=held.serial).state == "expired"
    assert rows(store, "SELECT ended_by, ended_why FROM points_holds WHERE state = 'expired'") == [
        ("clock", "hold_expired")
    ]
    books.check(store)


def test_what_is_past_its_limit_is_not_captured_though_the_clock_is_late(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        held = hold(tx, who, 40)
        with pytest.raises(HoldEnded) as over:
            capture(tx, held, now=NOON + LASTS)
        assert over.value.hold.state == "expired"
        assert release(tx, held, now=NOON + LASTS).state == "released"


def test_the_clock_takes_so_many_at_a_time(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        for number in range(5):
            hold(tx, who, 2, f"hold {number}")
    assert [lapse(store, NOON + LASTS, 2) for _ in range(4)] == [2, 2, 1, 0]
    books.check(store)


def test_the_clock_does_not_wait_for_somebody_who_is_being_served(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        hold(tx, who, 40)
    with store.begin() as serving:
        subscribers.lock(serving, "sms", who.msisdn or "", NOON)
        with store.begin() as tx:
            tx.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
            assert holds.release_due(tx, NOON + LASTS, 10, grace_days=GRACE) == 0
    assert lapse(store, NOON + LASTS) == 1


def test_a_hold_that_the_books_contradict_stops_no_other(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        hold(tx, who, 10, "robbed")
        other = books.rich(tx, {(CONSUMPTION, LATER): 5})
        hold(tx, other, 5, "sound")
    with store.begin() as tx:  # takes what is held past the hold
        points.move(
            tx, payer=who.id, payer_kinds=["held_consumption"], payee=0, payee_kind=points.SPENT,
            payee_expires_on=points.NEVER, points=10, unit=points.POINTS, cause=cause("robber"),
            now=NOON,
        )  # fmt: skip
    with capture_logs() as logs:
        assert lapse(store, NOON + LASTS) == 1
    assert [entry["event"] for entry in logs] == ["hold cannot be released"]
    assert rows(store, "SELECT subscriber_id, state FROM points_holds ORDER BY 1") == [
        (who.id, "held"), (other.id, "expired")
    ]  # fmt: skip


def test_a_lot_that_expired_while_it_was_held_comes_back_for_the_days_of_grace(
    store: Store, who: Subscriber
) -> None:
    days_later = NOON + timedelta(days=20)
    back = points.day_of(days_later) + timedelta(days=8)  # as many as were left
    with store.begin() as tx:
        held = hold(tx, who, 40, lasts=timedelta(days=30))
        release(tx, held, now=days_later)
        assert points.balance(tx, who, now=days_later, expiring_days=GRACE).expiring == 30
    assert books.lots_of(store, who) == {(CONSUMPTION, back): 30, (PROMOTIONAL, LATER): 70}
    books.check(store)


def test_coins_can_be_held_too(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        owner = books.rich(tx, {(CONSUMPTION, LATER): 9}, unit=points.COINS)
        points.open_house_account(tx, MERCHANT, unit=points.COINS)
        held = holds.hold(
            tx, owner, points=5, unit=points.COINS, lasts=LASTS, cause=cause("coins"), now=NOON
        )
        capture(tx, held, 3)
        assert points.house_balance(tx, MERCHANT, unit=points.COINS) == 3
    assert books.lots_of(store, owner, unit=points.COINS) == {(CONSUMPTION, LATER): 6}
    books.check(store)


def _merge(tx: Tx, source: Subscriber, target: Subscriber) -> None:
    points.merge(tx, source=source, target=target, cause=cause(f"merge:{source.id}"), now=NOON)
    tx.exec_driver_sql(
        "UPDATE subscribers SET status = 'merged', merged_into = %s WHERE id = %s",
        (target.id, source.id),
    )


@pytest.mark.parametrize("ends", ["capture", "release", "clock"])
def test_a_hold_of_somebody_who_was_taken_over_ends_for_who_took_over(
    store: Store, who: Subscriber, ends: str
) -> None:
    with store.begin() as tx:
        held = hold(tx, who, 40)
        target = newcomer(tx)
        _merge(tx, who, target)
        assert holds.open_holds(tx, target) == [held]
        if ends == "capture":
            capture(tx, held, 25)
        elif ends == "release":
            release(tx, held)
    if ends == "clock":
        assert lapse(store, NOON + LASTS) == 1
    taken = 25 if ends == "capture" else 0
    assert books.lots_of(store, who) == {}
    assert books.lots_of(store, target) == {
        (CONSUMPTION, SOON): 30 - taken, (PROMOTIONAL, LATER): 70
    }  # fmt: skip
    books.check(store)


# -- races -------------------------------------------------------------------------------------


def _tried(store: Store, act: Callable[[Tx], Any]) -> str:
    """How it ended for one of many."""
    try:
        return str(store.run(act).state)
    except (HoldEnded, NotEnough) as refusal:
        return type(refusal).__name__


def _lapsed(store: Store, now: datetime) -> str:
    return f"{lapse(store, now)} expired"


@pytest.mark.slow
def test_of_two_captures_at_once_one_is_made(store: Store, who: Subscriber) -> None:
    for number in range(10):
        with store.begin() as tx:
            held = hold(tx, who, 3, f"hold {number}")
        works = [
            partial(_tried, store, partial(capture, held=held, key=f"{number}:{each}"))
            for each in range(2)
        ]
        assert sorted(at_once(works)) == ["HoldEnded", "captured"]
    assert store.read(lambda tx: points.house_balance(tx, MERCHANT)) == 30
    books.check(store)


@pytest.mark.slow
def test_the_same_capture_eight_times_at_once_is_made_once(store: Store, who: Subscriber) -> None:
    for number in range(5):
        with store.begin() as tx:
            held = hold(tx, who, 3, f"hold {number}")
        key = f"capture {number}"
        works = [partial(_tried, store, partial(capture, held=held, key=key))] * 8
        assert at_once(works) == ["captured"] * 8
    assert store.read(lambda tx: points.house_balance(tx, MERCHANT)) == 15
    books.check(store)


@pytest.mark.slow
def test_of_capture_release_and_the_clock_at_once_one_wins(store: Store, who: Subscriber) -> None:
    ends = {"captured": 0, "released": 0, "expired": 0}
    for number in range(15):
        with store.begin() as tx:
            held = hold(tx, who, 3, f"hold {number}")
        due = held.expires_at
        said = at_once(
            [
                partial(_tried, store, partial(capture, held=held, key=f"capture {number}")),
                partial(_tried, store, partial(release, held=held, key=f"release {number}")),
                partial(_lapsed, store, due),
            ]
        )
        lapse(store, due)  # if it went past the two that hindered each other
        with store.begin() as tx:
            state = holds.get(tx, subscriber_id=who.id, serial=held.serial).state
        ends[state] += 1
        expected = {"captured": ["captured", "HoldEnded"], "released": ["HoldEnded", "released"]}
        assert said[:2] == expected.get(state, ["HoldEnded", "HoldEnded"])
    assert sum(ends.values()) == 15
    assert store.read(lambda tx: points.house_balance(tx, MERCHANT)) == 3 * ends["captured"]
    books.check(store)


@pytest.mark.slow
def test_holds_and_spendings_at_once_never_take_the_same_points(store: Store) -> None:
    for number in range(10):
        with store.begin() as tx:
            who = books.rich(tx, {(CONSUMPTION, SOON): 30, (CONSUMPTION, LATER): 70})

        def spend(tx: Tx, key: str, who: Subscriber = who) -> Any:
            points.spend(tx, who, points=17, into=points.SPENT, cause=cause(key), now=NOON)
            return holds.Hold(who.id, 0, "", 0, "", "spent", NOON, NOON, 0, None, None)

        works = [
            partial(_tried, store, partial(spend, key=f"spend {number}:{each}"))
            for each in range(4)
        ] + [
            partial(_tried, store, partial(hold, who=who, amount=17, key=f"hold {number}:{each}"))
            for each in range(4)
        ]
        said = at_once(works)
        assert said.count("NotEnough") == 3
        held = sum(n for (kind, _), n in books.lots_of(store, who).items() if "held" in kind)
        free = sum(n for (kind, _), n in books.lots_of(store, who).items() if "held" not in kind)
        assert (held, free) == (17 * said.count("held"), 15)
    books.check(store)


@pytest.mark.slow
def test_the_clock_and_gifts_both_ways_do_not_deadlock(store: Store) -> None:
    with store.begin() as tx:
        people = [books.rich(tx, {(CONSUMPTION, LATER): 100}) for _ in range(4)]

    def give(tx: Tx, number: int, key: str) -> None:
        payer, payee = people[number % 4], people[(number + number // 4 * 2 + 1) % 4]
        points.transfer(tx, payer=payer, payee=payee, points=1, cause=cause(key), now=NOON)

    def mixed(round_no: int, number: int) -> int:
        if number >= 6:
            return lapse(store, NOON + LASTS)
        for each in range(4):
            store.run(partial(give, number=number, key=f"{round_no}:{number}:{each}"))
        return 0

    with capture_logs() as logs:
        for round_no in range(6):
            for who in people:
                store.run(partial(hold, who=who, amount=5, key=f"{round_no}:{who.id}"))
            at_once([partial(mixed, round_no, number) for number in range(8)])
            lapse(store, NOON + LASTS)
    assert logs == []  # no transaction had to be run again
    assert sum(sum(books.lots_of(store, who).values()) for who in people) == 400
    books.check(store)


# -- what the tables refuse, whoever asks ------------------------------------------------------

NEW = (
    "INSERT INTO points_holds (subscriber_id, serial, unit, points, reason, held_at, expires_at)"
    " SELECT subscriber_id, {serial}, unit, {points}, reason, held_at, {expires_at}"
    " FROM points_holds"
)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("captured = 41, state = 'captured'", "points_holds_as_booked"),
        ("state = 'lost'", "points_holds_as_booked"),
        ("state = 'released', ended_at = now(), ended_by = 'x', ended_why = 'x', end_serial = 1",
         "points_holds_as_booked"),
        ("state = 'captured', captured = 40, ended_at = now(), ended_by = 'x', ended_why = 'x',"
         " end_serial = serial", "points_holds_as_booked"),
        ("ended_at = now()", "points_holds_ended_check"),
        ("end_serial = 5", "points_holds_ended_check"),
        ("captured = 5", "points_holds_as_booked"),
        ("points = 39", "points_holds_ends_once"),
        ("expires_at = expires_at + interval '1 year'", "points_holds_ends_once"),
        ("subscriber_id = 0", "points_holds_ends_once"),
    ],
)  # fmt: skip
def test_a_hold_cannot_be_made_to_say_what_was_not_booked(
    store: Store, who: Subscriber, change: str, rule: str
) -> None:
    with store.begin() as tx:
        hold(tx, who, 40)
    assert refused(store, f"UPDATE points_holds SET {change}") == rule


@pytest.mark.parametrize(
    ("serial", "amount", "expires_at", "rule"),
    [
        ("serial", "points", "expires_at", "points_holds_pkey"),
        ("serial + 1", "points", "expires_at", "points_holds_as_booked"),
        ("serial", "points + 1", "expires_at", "points_holds_as_booked"),
        ("serial", "points", "held_at", "points_holds_limit_check"),
    ],
)
def test_a_hold_without_a_reservation_is_refused(
    store: Store, who: Subscriber, serial: str, amount: str, expires_at: str, rule: str
) -> None:
    with store.begin() as tx:
        hold(tx, who, 40)
    statement = NEW.format(serial=serial, points=amount, expires_at=expires_at)
    assert refused(store, statement) == rule


def test_a_hold_that_is_over_stays_as_it_is_for_ever(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        release(tx, hold(tx, who, 40))
    for change in ("state = 'held'", "ended_by = 'nobody'", "captured = captured"):
        said = refused(store, f"UPDATE points_holds SET {change}")
        assert said == "points_holds_ends_once"
    for removal in ("DELETE FROM points_holds", "TRUNCATE points_holds"):
        assert refused(store, removal) == "points_holds is append-only"
