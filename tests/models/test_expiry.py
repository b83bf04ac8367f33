"""Expiry: every lot whose last day has passed is booked out once, whoever dies or competes."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from models import points
from models.base import Tx
from models.points import COINS, CONSUMPTION, POINTS, PROMOTIONAL, expiry
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

DAY = NOON.date()
NEXT_NOON = NOON + timedelta(days=1)
ROOT = Path(__file__).parents[2]


def give(
    tx: Tx, who: Subscriber, amount: int, *, day: date = DAY, kind: str = CONSUMPTION,
    unit: str = POINTS,
) -> None:  # fmt: skip
    key = cause(f"gift:{who.id}:{unit}:{kind}:{day}")
    points.issue(tx, who, kind=kind, points=amount, expires_on=day, unit=unit, cause=key, now=NOON)


def crowd(store: Store, count: int, *, day: date = DAY) -> list[Subscriber]:
    """People with 1, 2, 3 ... points that expire on a day."""
    with store.begin() as tx:
        people = [newcomer(tx) for _ in range(count)]
        for number, who in enumerate(people, start=1):
            give(tx, who, number, day=day)
    return people


def sweep_all(
    store: Store, now: datetime = NEXT_NOON, *, day: date | None = None, batch: int = 7
) -> int:
    """Sweep until nothing is left; how many lots it were."""
    if day is None:
        store.run(lambda tx: expiry.begin(tx, now=now))
    lots = 0
    while swept := store.run(lambda tx: expiry.sweep(tx, now=now, day=day, batch=batch)):
        lots += swept.lots
    return lots


def left(store: Store, who: Subscriber) -> int:
    """All that is in this person's accounts, usable or not."""
    return int(
        rows(
            store, "SELECT coalesce(sum(balance), 0) FROM points_accounts WHERE subscriber_id = %s",
            who.id,
        )[0][0]
    )  # fmt: skip


def expired_legs(store: Store) -> list[tuple[object, ...]]:
    return rows(
        store,
        "SELECT payer_id, unit, payer_kind, points FROM points_legs WHERE payee_id = 0"
        " AND payee_kind = 'expired' ORDER BY 1, 2, 3",
    )


def check_statements(store: Store) -> None:
    """Nothing from nowhere, balances as their legs say, and `expired` as the days' statements."""
    assert (
        rows(store, "SELECT unit FROM points_accounts GROUP BY unit HAVING sum(balance) <> 0") == []
    )
    wrong = rows(
        store,
        "WITH sides AS ("
        " SELECT payer_id id, unit, payer_kind kind, payer_expires_on AS on_day,"
        " payer_stripe stripe, payer_leg leg, payer_balance balance, -points points"
        " FROM points_legs UNION ALL SELECT payee_id, unit, payee_kind, payee_expires_on,"
        " payee_stripe, payee_leg, payee_balance, points FROM points_legs), summed AS ("
        " SELECT id, unit, kind, on_day, stripe, sum(points) points, count(*) legs, max(leg) last,"
        "        (array_agg(balance ORDER BY leg DESC))[1] balance FROM sides GROUP BY 1,2,3,4,5)"
        " SELECT a.* FROM points_accounts a LEFT JOIN summed s ON (s.id, s.unit, s.kind, s.on_day,"
        " s.stripe) = (a.subscriber_id, a.unit, a.kind, a.expires_on, a.stripe)"
        " WHERE (a.balance, a.legs) IS DISTINCT FROM (coalesce(s.points, 0)::bigint,"
        "        coalesce(s.legs, 0)::int) OR s.legs <> s.last OR s.balance <> a.balance",
    )
    assert wrong == []
    with store.reading() as tx:
        assert [expiry.unexplained(tx, unit=unit) for unit in (POINTS, COINS)] == [0, 0]
    by_legs = rows(
        store,
        "SELECT payer_expires_on, unit, count(*), sum(points) FROM points_legs"
        " WHERE payee_id = 0 AND payee_kind = 'expired' GROUP BY 1, 2 ORDER BY 1, 2",
    )
    said = rows(
        store,
        "SELECT day, unit, lots, points FROM points_expiry_days WHERE lots > 0 ORDER BY 1, 2",
    )
    assert said == by_legs


# -- when ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_points_can_be_spent_until_midnight_in_china_and_not_after_it_swept_or_not(
    store: Store,
) -> None:
    (who,) = crowd(store, 1)
    last_second = datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC)
    with store.begin() as tx:
        give(tx, who, 10, kind=PROMOTIONAL)
        spent = points.spend(
            tx, who, points=1, into=points.SPENT, cause=cause("last second"), now=last_second
        )
        assert spent.fresh
    midnight = last_second + timedelta(seconds=1)
    with store.begin() as tx, pytest.raises(points.NotEnough):
        points.spend(tx, who, points=1, into=points.SPENT, cause=cause("late"), now=midnight)
    almost = midnight + expiry.SETTLES - timedelta(seconds=1)
    assert sweep_all(store, almost) == 0
    assert left(store, who) == 10
    assert sweep_all(store, midnight + expiry.SETTLES) == 1
    assert left(store, who) == 0
    check_statements(store)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("day", "sweeps_from"),
    [
        (date(2028, 2, 28), datetime(2028, 2, 28, 16, 10, tzinfo=UTC)),
        (date(2028, 2, 29), datetime(2028, 2, 29, 16, 10, tzinfo=UTC)),
        (date(2027, 2, 28), datetime(2027, 2, 28, 16, 10, tzinfo=UTC)),
        (date(2026, 12, 31), datetime(2026, 12, 31, 16, 10, tzinfo=UTC)),
    ],
)
def test_a_day_ends_at_its_end_in_leap_years_and_at_new_year(
    store: Store, day: date, sweeps_from: datetime
) -> None:
    people = crowd(store, 3, day=day)
    tomorrows = crowd(store, 1, day=day + timedelta(days=1))
    sweep_all(store, sweeps_from - timedelta(seconds=1))
    assert [left(store, who) for who in people] == [1, 2, 3]
    sweep_all(store, sweeps_from)
    assert [left(store, who) for who in people] == [0, 0, 0]
    assert left(store, tomorrows[0]) == 1
    with store.reading() as tx:
        (said,) = [d for d in expiry.expired_by_day(tx, since=day, until=day) if d.lots]
    assert (said.day, said.lots, said.points, said.complete) == (day, 3, 6, True)
    check_statements(store)


def test_a_day_that_is_not_over_is_not_swept_by_an_order_either(store: Store) -> None:
    with store.begin() as tx, pytest.raises(ValueError, match="is not over"):
        expiry.begin_day(tx, DAY, now=NOON)
    with pytest.raises(DBAPIError, match="points_expiry_days_past_check"), store.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO points_expiry_days (day, unit, looked_on, started_at)"
            " VALUES (%s, 'points', %s, %s)",
            (DAY, DAY, NOON),
        )


@pytest.mark.slow
def test_days_that_were_missed_are_swept_with_the_newest(store: Store) -> None:
    crowd(store, 2, day=DAY - timedelta(days=expiry.LATE_DAYS))
    crowd(store, 2, day=DAY)
    long_ago = DAY - timedelta(days=expiry.LATE_DAYS + 1)
    crowd(store, 2, day=long_ago)
    assert sweep_all(store) == 4
    store.run(lambda tx: expiry.begin_day(tx, long_ago, now=NEXT_NOON))
    assert sweep_all(store, day=long_ago) == 2
    check_statements(store)


@pytest.mark.slow
def test_no_day_is_left_out_however_long_nobody_swept(store: Store) -> None:
    assert sweep_all(store) == 0
    people = crowd(store, 3, day=DAY + timedelta(days=1))
    sweep_all(store, NEXT_NOON + timedelta(days=3 * expiry.LATE_DAYS))
    assert [left(store, who) for who in people] == [0, 0, 0]
    missing = rows(
        store,
        "SELECT max(day) - min(day) + 1 - count(*) FROM points_expiry_days WHERE unit = 'coins'",
    )
    assert missing == [(0,)]
    check_statements(store)


def test_a_day_that_somebody_asked_for_has_no_other_day_swept(store: Store) -> None:
    sweep_all(store)
    regular = rows(store, "SELECT count(*) FROM points_expiry_days")
    long_ago = DAY - timedelta(days=3 * expiry.LATE_DAYS)
    people = crowd(store, 2, day=long_ago)
    store.run(lambda tx: expiry.begin_day(tx, long_ago, now=NEXT_NOON))
    assert sweep_all(store, day=long_ago) == 2
    assert [left(store, who) for who in people] == [0, 0]
    ((before,),) = regular
    sweep_all(store, NEXT_NOON + timedelta(days=1))
    for_each_unit = 2
    assert rows(store, "SELECT count(*) FROM points_expiry_days WHERE NOT by_hand") == [
        (before + for_each_unit,)
    ]
    assert rows(store, "SELECT DISTINCT day FROM points_expiry_days WHERE by_hand") == [(long_ago,)]
    check_statements(store)


# -- what ----------------------------------------------------------------------------------------


def test_points_and_coins_of_both_kinds_expire_alike_and_a_person_sees_what_it_was(
    store: Store,
) -> None:
    with store.begin() as tx:
        who, other = newcomer(tx), newcomer(tx)
        for number, (unit, kind) in enumerate(
            ((POINTS, CONSUMPTION), (POINTS, PROMOTIONAL), (COINS, PROMOTIONAL)), start=1
        ):
            give(tx, who, number, unit=unit, kind=kind)
        give(tx, who, 50, day=DAY + timedelta(days=1))
        give(tx, other, 7)
    assert sweep_all(store) == 4
    assert left(store, who) == 50
    with store.reading() as tx:
        gone = expiry.what_expired(tx, who, since=NOON, limit=10)
        assert {(g.unit, g.kind, g.points) for g in gone} == {
            (POINTS, CONSUMPTION, 1), (POINTS, PROMOTIONAL, 2), (COINS, PROMOTIONAL, 3),
        }  # fmt: skip
        assert {g.day for g in gone} == {DAY}
        assert {g.at for g in gone} == {NEXT_NOON}
        assert len({g.serial for g in gone}) == 2  # one transfer for each unit
        assert expiry.what_expired(tx, who, since=NEXT_NOON + timedelta(1), limit=10) == []
        statements = [
            expiry.expired_by_day(tx, since=DAY, until=DAY, unit=unit)[0]
            for unit in (POINTS, COINS)
        ]
    assert [(d.lots, d.points) for d in statements] == [(3, 10), (1, 3)]
    (key,) = rows(
        store, "SELECT key FROM points_transfers WHERE reason = 'expired' AND key LIKE %s",
        f"expire:{DAY}:points:{who.id}:%",
    )  # fmt: skip
    assert key == (f"expire:{DAY}:points:{who.id}:c1.p1",)
    check_statements(store)


@pytest.mark.slow
def test_what_is_held_stays_and_expires_when_it_comes_back(store: Store) -> None:
    (who,) = crowd(store, 1)
    with store.begin() as tx:
        give(tx, who, 9, kind=PROMOTIONAL)
        points.move(
            tx, payer=who.id, payer_kinds=[PROMOTIONAL], payee=who.id, payee_kind="held",
            payee_expires_on=None, points=4, unit=POINTS, cause=cause("hold"), now=NOON,
        )  # fmt: skip
    assert sweep_all(store) == 2
    assert left(store, who) == 4
    release = points.Leg(
        4, points.Account(who.id, "held_promotional", DAY), points.Account(who.id, PROMOTIONAL, DAY)
    )
    with store.begin() as tx:
        points.post(tx, [release], request="release", cause=cause("release"), now=NEXT_NOON)
    assert sweep_all(store, NEXT_NOON) == 0  # looked at already today
    assert sweep_all(store, NEXT_NOON + timedelta(days=1)) == 1
    assert left(store, who) == 0
    with store.reading() as tx:
        (said,) = expiry.expired_by_day(tx, since=DAY, until=DAY)
    assert (said.lots, said.points) == (3, 10)
    check_statements(store)


@pytest.mark.slow
def test_what_a_merge_brings_behind_the_cursor_is_swept_the_next_day(store: Store) -> None:
    people = crowd(store, 4)
    store.run(lambda tx: expiry.begin(tx, now=NEXT_NOON))
    store.run(lambda tx: expiry.sweep(tx, now=NEXT_NOON, day=DAY, batch=2))
    with store.begin() as tx:
        points.merge(tx, source=people[3], target=people[0], cause=cause("merge"), now=NEXT_NOON)
    assert sweep_all(store, day=DAY) == 1
    assert left(store, people[0]) == 4
    assert sweep_all(store, NEXT_NOON + timedelta(days=expiry.LATE_DAYS)) == 1
    assert left(store, people[0]) == 0
    check_statements(store)


@pytest.mark.slow
def test_sweeping_again_finds_nothing(store: Store) -> None:
    crowd(store, 5)
    assert sweep_all(store) == 5
    before = expired_legs(store)
    for days in range(3):
        assert sweep_all(store, NEXT_NOON + timedelta(days=days)) == 0
    store.run(lambda tx: expiry.begin_day(tx, DAY, now=NEXT_NOON))
    assert sweep_all(store, day=DAY) == 0
    assert expired_legs(store) == before
    check_statements(store)


def test_empty_accounts_cost_a_look_and_end_a_batch_all_the_same(store: Store) -> None:
    people = crowd(store, 10)
    with store.begin() as tx:
        for number, who in enumerate(people[:9], start=1):
            points.spend(
                tx, who, points=number, into=points.SPENT, cause=cause(f"s{number}"), now=NOON
            )
    store.run(lambda tx: expiry.begin(tx, now=NEXT_NOON))
    batches = [
        store.run(lambda tx: expiry.sweep(tx, now=NEXT_NOON, day=DAY, batch=4)) for _ in range(3)
    ]
    coins_come_after = [b.lots for b in batches if b is not None and b.unit == POINTS]
    assert coins_come_after == [0, 0, 1]
    check_statements(store)


# -- dying and competing -------------------------------------------------------------------------


def test_a_batch_that_fails_has_done_nothing_and_the_next_goes_on_there(store: Store) -> None:
    people = crowd(store, 12)
    store.run(lambda tx: expiry.begin(tx, now=NEXT_NOON))
    sweep = partial(expiry.sweep, now=NEXT_NOON, day=DAY, batch=5)
    store.run(sweep)
    check_statements(store)

    def swept_and_died(tx: Tx) -> None:
        swept = sweep(tx)
        assert swept is not None
        assert swept.lots == 5
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.run(swept_and_died)
    assert len(expired_legs(store)) == 5
    check_statements(store)
    assert sweep_all(store, day=DAY) == 7
    assert expired_legs(store) == [
        (who.id, POINTS, CONSUMPTION, number) for number, who in enumerate(people, start=1)
    ]
    check_statements(store)


_SWEEPER = """
import sys
from datetime import datetime
from models.points import expiry
from models.store import Store
store = Store(sys.argv[1], connections=1, patience_s=10)
now = datetime.fromisoformat(sys.argv[2])
while swept := store.run(lambda tx: expiry.sweep(tx, now=now, batch=5)):
    print(swept.lots, flush=True)
"""


@pytest.mark.slow
def test_a_sweep_that_is_killed_again_and_again_expires_every_lot_once(
    store: Store, database_url: str
) -> None:
    people = crowd(store, 300)
    store.run(lambda tx: expiry.begin(tx, now=NEXT_NOON))
    killed, codes = 0, []
    while store.read(lambda tx: bool(rows(store, "SELECT 1 FROM points_expiry_days"
                                          " WHERE state = 'sweeping'"))):  # fmt: skip
        with subprocess.Popen(
            [sys.executable, "-c", _SWEEPER, database_url, NEXT_NOON.isoformat()],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        ) as child:  # fmt: skip
            assert child.stdout is not None
            for _ in range(3 + 5 * killed):  # somewhere in the batches after these
                child.stdout.readline()
            if killed < 4:
                child.send_signal(signal.SIGKILL)
                killed += 1
            child.stdout.read()
        codes.append(child.returncode)
        check_statements(store)
    assert codes == [-signal.SIGKILL] * 4 + [0]
    assert expired_legs(store) == [
        (who.id, POINTS, CONSUMPTION, number) for number, who in enumerate(people, start=1)
    ]


@pytest.mark.slow
def test_sweeps_merges_and_spenders_at_once_leave_true_books(store: Store) -> None:
    now = datetime(2026, 3, 2, 15, 59, tzinfo=UTC)  # some still hear messages of before midnight
    for round_no in range(3):
        people = crowd(store, 60)
        day = store.run(lambda tx: expiry.begin_day(tx, DAY, now=NEXT_NOON))
        assert day is None

        def spend(people: list[Subscriber] = people, round_no: int = round_no) -> int:
            done = 0
            for number, who in enumerate(people[::3]):
                key = cause(f"race:{round_no}:{number}")
                try:
                    store.run(
                        lambda tx, who=who, key=key: points.spend(  # type: ignore[misc]
                            tx, who, points=1, into=points.SPENT, cause=key, now=now
                        )
                    )
                    done += 1
                except points.NotEnough:
                    pass
            return done

        def merge(people: list[Subscriber] = people, round_no: int = round_no) -> int:
            for number, (source, target) in enumerate(
                zip(people[59:30:-3], people[1:30:3], strict=False)
            ):
                key = cause(f"merge:{round_no}:{number}", "merge")
                store.run(
                    lambda tx, source=source, target=target, key=key: points.merge(  # type: ignore[misc]
                        tx, source=source, target=target, cause=key, now=NEXT_NOON
                    )
                )
            return 0

        def sweep() -> int:
            return sweep_all(store, day=DAY, batch=6)

        spent = at_once([spend, merge, sweep, sweep])[0]
        store.run(lambda tx: expiry.begin_day(tx, DAY, now=NEXT_NOON))
        sweep_all(store, day=DAY)
        assert sum(left(store, who) for who in people) == 0
        check_statements(store)
        total = sum(range(1, 61)) - spent
        gone = rows(
            store, "SELECT sum(points) FROM points_legs WHERE payee_kind = 'expired'"
            " AND payer_id = ANY (%s)", [who.id for who in people],
        )  # fmt: skip
        assert gone == [(total,)]


@pytest.mark.slow
def test_two_sweeps_at_once_expire_every_lot_once(store: Store) -> None:
    people = crowd(store, 90)
    store.run(lambda tx: expiry.begin(tx, now=NEXT_NOON))
    sweep = partial(sweep_all, store, batch=4)
    assert sum(at_once([sweep] * 4)) == 90
    assert len(expired_legs(store)) == len(people)
    check_statements(store)


# -- the statements are kept ---------------------------------------------------------------------


def test_a_statement_grows_but_never_shrinks_nor_goes(store: Store) -> None:
    crowd(store, 2)
    sweep_all(store)
    for statement in (
        "UPDATE points_expiry_days SET points = points - 1 WHERE lots > 0",
        "UPDATE points_expiry_days SET lots = 0, points = 0 WHERE lots > 0",
        "UPDATE points_expiry_days SET day = day - 1 WHERE lots > 0",
        "DELETE FROM points_expiry_days",
        "TRUNCATE points_expiry_days",
    ):
        with pytest.raises(DBAPIError, match="append-only"), store.begin() as tx:
            tx.exec_driver_sql(statement)
    check_statements(store)
