"""What becomes of a person's points, limits and standing when they turn out to be somebody else."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest

from models import merging, points, subscribers, tiers
from models.base import Tx
from models.points import Credit, Merged, gifts, history, holds, statements, verify
from models.store import Store
from models.subscribers import Subscriber
from tests.models import books
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

DAY = date(2027, 12, 31)
LIMITS = gifts.GiftLimits(gifts_a_day=3, points_a_day=100)


@pytest.fixture
def two(store: Store) -> tuple[Subscriber, Subscriber]:
    """Somebody who will be merged, with points, and into whom."""
    with store.begin() as tx:
        return books.rich(tx, {(points.CONSUMPTION, DAY): 50}), newcomer(tx)


def merge(tx: Tx, source: Subscriber, target: Subscriber) -> None:
    merging.merge(tx, source=source, target=target, origin="test", now=NOON)


def issue(tx: Tx, who: Subscriber, key: str, day: date = DAY, n: int = 5) -> points.Transfer:
    return points.issue(
        tx, who, kind=points.CONSUMPTION, points=n, expires_on=day, cause=cause(key), now=NOON
    )


def total(store: Store, who: Subscriber) -> int:
    return store.read(lambda tx: points.balance(tx, who, now=NOON, expiring_days=0)).total


# -- nothing is left behind, and nothing comes late ---------------------------------------------


@pytest.mark.parametrize("day", [DAY, DAY + timedelta(days=1)])
def test_points_for_somebody_merged_are_refused(
    store: Store, two: tuple[Subscriber, Subscriber], day: date
) -> None:
    gone, target = two
    other = store.run(lambda tx: books.rich(tx, {(points.CONSUMPTION, day): 9}))
    store.run(lambda tx: merge(tx, gone, target))
    credit = Credit("c", "o", "r", points.ISSUING, gone.id, points.CONSUMPTION, day, 5)
    for late in (
        lambda tx: issue(tx, gone, "late", day),
        lambda tx: points.transfer(
            tx, payer=other, payee=gone, points=5, cause=cause("gift"), now=NOON
        ),
        lambda tx: points.credit(tx, [credit], reason="r", channel="c", now=NOON),
    ):
        with pytest.raises(Merged):
            store.run(late)
    assert total(store, target) == 50
    books.check(store)


def test_who_is_merged_is_told_so_and_not_that_the_points_are_short(
    store: Store, two: tuple[Subscriber, Subscriber]
) -> None:
    gone, target = two
    store.run(lambda tx: merge(tx, gone, target))
    for late in (
        lambda tx: points.spend(
            tx, gone, points=1, into=points.SPENT, cause=cause("spend"), now=NOON
        ),
        lambda tx: gifts.give(
            tx, payer=gone, payee=target, points=1, limits=LIMITS, cause=cause("gift"), now=NOON
        ),
        lambda tx: holds.hold(
            tx, gone, points=1, lasts=timedelta(days=1), cause=cause("hold"), now=NOON
        ),
        lambda tx: points.exchange.buy_coins(
            tx, gone, coins=1, points_per_coin=5, cause=cause("buy"), now=NOON
        ),
    ):
        with pytest.raises(Merged):
            store.run(late)
    found = store.run(lambda tx: subscribers.lock_id(tx, gone.id))
    assert found.id == target.id


def test_the_database_keeps_points_from_who_is_merged_and_merges_nobody_with_points(
    store: Store, two: tuple[Subscriber, Subscriber]
) -> None:
    gone, target = two
    mark = "UPDATE subscribers SET status = 'merged', merged_into = %s WHERE id = %s"
    with pytest.raises(Exception, match="merged_has_nothing"), store.begin() as tx:
        tx.exec_driver_sql(mark, (target.id, gone.id))
    store.run(lambda tx: merge(tx, gone, target))
    for wrong, guard in (
        ("INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on)"
         f" VALUES ({gone.id}, 'points', 'promotional', '2028-01-01')", "merged_fkey"),
        (f"UPDATE subscribers SET status = 'merged', merged_into = 1 WHERE id = {target.id}",
         "merged_has_nothing"),
    ):  # fmt: skip
        with pytest.raises(Exception, match=guard), store.begin() as tx:
            tx.exec_driver_sql(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("day", [DAY, DAY + timedelta(days=1)])
def test_whatever_races_with_a_merge_no_point_is_left_behind(store: Store, day: date) -> None:
    for number in range(12):
        with store.begin() as tx:
            gone = books.rich(tx, {(points.CONSUMPTION, DAY): 50})
            target = newcomer(tx)
            payer = books.rich(tx, {(points.CONSUMPTION, day): 20})

        def now_at(tx: Tx, who: Subscriber = gone) -> Subscriber:
            return subscribers.get(tx, subscribers.lock_id(tx, who.id).id)

        def insist(work, who: Subscriber = gone) -> None:  # type: ignore[no-untyped-def]
            """As a caller does: with whom it knows, and after a refusal with who took over."""
            try:
                store.run(lambda tx: work(tx, who))
            except Merged:
                store.run(lambda tx: work(tx, now_at(tx)))

        def give(tx: Tx, who: Subscriber, payer: Subscriber = payer, number: int = number) -> None:
            key = cause(f"race-gift:{number}")
            gifts.give(tx, payer=payer, payee=who, points=7, limits=LIMITS, cause=key, now=NOON)

        def spend(tx: Tx, who: Subscriber, number: int = number) -> None:
            key = cause(f"race-spend:{number}")
            points.spend(tx, who, points=3, into=points.SPENT, cause=key, now=NOON)

        works = [
            partial(store.run, partial(merge, source=gone, target=target)),
            partial(insist, give),
            partial(insist, spend),
            partial(insist, lambda tx, who, n=number: issue(tx, who, f"race:{n}", day)),
        ]
        at_once(works)
        assert total(store, target) == 50 + 7 - 3 + 5
        assert total(store, payer) == 13
    assert rows(store, "SELECT count(*) FROM points_accounts WHERE merged AND balance > 0") == [
        (0,)
    ]
    books.check(store)


def test_a_lot_that_is_being_paid_into_while_its_owner_is_merged_comes_along(
    store: Store,
) -> None:
    with store.begin() as tx:
        gone, target = newcomer(tx), newcomer(tx)
        issue(tx, gone, "first")
        points.spend(tx, gone, points=5, into=points.SPENT, cause=cause("empty"), now=NOON)
    with store.begin() as paying:
        issue(paying, gone, "second")  # into a lot that is empty for everybody else

        def commit() -> None:
            while not rows(store, "SELECT 1 FROM pg_locks WHERE NOT granted"):
                pass
            paying.commit()

        at_once([commit, lambda: store.run(lambda tx: merge(tx, gone, target))])
    assert total(store, target) == 5
    books.check(store)


@pytest.mark.own_database
def test_verify_names_who_is_merged_and_has_points(
    store: Store, two: tuple[Subscriber, Subscriber]
) -> None:
    gone, target = two
    with store.begin() as tx:
        tx.exec_driver_sql(
            "ALTER TABLE points_accounts DROP CONSTRAINT points_accounts_merged_has_nothing_check"
        )
        tx.exec_driver_sql(
            f"UPDATE subscribers SET status = 'merged', merged_into = {target.id}"
            f" WHERE id = {gone.id}"
        )
    with store.begin() as tx:
        wrong = {check.name: check for check in verify.verify(tx).checks if check.wrong}
    assert set(wrong) == {"guards", "merged"}
    first = wrong["merged"].first
    assert first is not None
    assert (first["subscriber_id"], first["points"]) == (gone.id, 50)


# -- what moves, and what is shown --------------------------------------------------------------


def test_what_was_given_today_counts_for_both_together(
    store: Store, two: tuple[Subscriber, Subscriber]
) -> None:
    gone, target = two
    friend = store.run(newcomer)

    def give(tx: Tx, payer: Subscriber, n: int, key: str) -> None:
        gifts.give(tx, payer=payer, payee=friend, points=n, limits=LIMITS, cause=cause(key),
                   now=NOON)  # fmt: skip

    with store.begin() as tx:
        issue(tx, target, "more", n=200)
        for number in range(2):
            give(tx, gone, 5, f"g{number}")
            give(tx, target, 40, f"t{number}")
        merge(tx, gone, target)
        assert gifts.given_today(tx, target, now=NOON) == gifts.Given(4, 90)
        with pytest.raises(gifts.OverLimit):
            give(tx, target, 1, "over")
    with store.begin() as tx:
        tomorrow = NOON + timedelta(days=1)
        assert gifts.given_today(tx, target, now=tomorrow) == gifts.Given()


def test_a_cap_that_two_have_used_is_used_by_the_one(store: Store) -> None:
    with store.begin() as tx:
        gone, target, third = (newcomer(tx) for _ in range(3))
        for who, used in ((gone, 8), (target, 7)):
            tx.exec_driver_sql(
                "INSERT INTO earning_counters VALUES (%s, 'spring', '9999-12-31', %s, 10)",
                (who.id, used),
            )
        tx.exec_driver_sql(
            f"INSERT INTO earning_counters VALUES ({gone.id}, 'once', '2026-03-02', 3, 10)"
        )
        merge(tx, gone, target)
        merge(tx, target, third)
    assert rows(
        store,
        "SELECT campaign, used, at_most FROM earning_counters WHERE subscriber_id = %s ORDER BY 1",
        third.id,
    ) == [("once", 3, 10), ("spring", 15, 15)]
    assert rows(store, "SELECT id, merged_into FROM subscribers WHERE merged ORDER BY id") == [
        (gone.id, third.id), (target.id, third.id),
    ]  # fmt: skip


TIERS = {
    "counts": "earned", "period_months": 12, "review_months": 12, "grace_months": 3,
    "earned": {"from": ["issuing"], "kinds": ["consumption"]}, "spent": {"into": ["spent"]},
    "except_reasons": ["merge"],
    "tiers": [
        {"code": "plain", "name": "plain", "threshold": 0, "benefits": ["a"]},
        {"code": "silver", "name": "silver", "threshold": 100, "benefits": ["b"]},
        {"code": "gold", "name": "gold", "threshold": 150, "benefits": ["c"]},
    ],
}  # fmt: skip


def tier(tx: Tx, who: Subscriber) -> tuple[str, int]:
    seen = tiers.standing(tx, who, NOON)
    assert seen is not None
    return seen.tier.code, seen.counted


@pytest.mark.parametrize(("theirs", "mine", "expected"), [
    (120, 10, "silver"), (10, 120, "silver"), (60, 60, "silver"), (90, 90, "gold"), (1, 1, "plain"),
])  # fmt: skip
def test_the_points_of_two_count_for_one_tier_and_the_better_one_stays(
    store: Store, theirs: int, mine: int, expected: str
) -> None:
    with store.begin() as tx:
        tiers.publish(tx, TIERS, author="a", note="n", now=NOON)
        gone, target = newcomer(tx), newcomer(tx)
        for who, n in ((gone, theirs), (target, mine)):
            issue(tx, who, f"e{who.id}", n=n)
            tiers.earned(tx, [who.id], NOON)
        merge(tx, gone, target)
        assert tier(tx, target) == (expected, theirs + mine)
        stands = "SELECT tier FROM tier_standings WHERE subscriber_id = %s"
        assert tx.exec_driver_sql(stands, (target.id,)).scalar_one() == expected
        assert tx.exec_driver_sql(stands, (gone.id,)).first() is None
        tiers.recount(tx, [target.id], NOON)  # anew, and under other rules: the same
        assert tier(tx, target) == (expected, theirs + mine)
        tiers.publish(tx, TIERS | {"except_reasons": []}, author="a", note="n", now=NOON)
        assert tier(tx, target) == (expected, theirs + mine)
        assert {one.subscriber_id for one in tiers.history(tx, target.id)} <= {gone.id, target.id}
    books.check(store)


def test_a_tier_that_was_kept_by_old_points_is_taken_over_with_its_review(store: Store) -> None:
    with store.begin() as tx:
        tiers.publish(tx, TIERS, author="a", note="n", now=NOON)
        gone, target = newcomer(tx), newcomer(tx)
        issue(tx, gone, "old", n=160)
        tiers.earned(tx, [gone.id], NOON)
        before = rows_of(tx, gone)
        tx.exec_driver_sql(f"UPDATE tier_months SET earned = 1 WHERE subscriber_id = {gone.id}")
        merge(tx, gone, target)
        assert rows_of(tx, target) == before
        assert [one.why for one in tiers.history(tx, target.id)] == ["up", "up"]


def rows_of(tx: Tx, who: Subscriber) -> list[tuple[object, ...]]:
    found = tx.exec_driver_sql(
        "SELECT tier, review_on, grace_until FROM tier_standings WHERE subscriber_id = %s",
        (who.id,),
    )
    return [tuple(row) for row in found]


def test_the_history_of_two_is_one_and_the_merge_itself_is_not_shown(store: Store) -> None:
    noon = [NOON + timedelta(days=n) for n in range(5)]
    with store.begin() as tx:
        gone, target, friend = (newcomer(tx) for _ in range(3))
        for n, (who, amount) in enumerate(((gone, 30), (target, 500))):
            points.issue(tx, who, kind=points.CONSUMPTION, points=amount, expires_on=DAY,
                         cause=cause(f"h{n}"), now=noon[n])  # fmt: skip
        points.transfer(tx, payer=gone, payee=friend, points=4, cause=cause("f"), now=noon[2])
        points.transfer(tx, payer=gone, payee=target, points=6, cause=cause("t"), now=noon[2])
        merging.merge(tx, source=gone, target=target, origin="test", now=noon[3])
        points.spend(tx, target, points=100, into=points.SPENT, cause=cause("s"), now=noon[4])
        lines = history.page(tx, target, now=noon[4], limit=10).lines
        then = [statements.balance_at(tx, target, at).total for at in noon]
        march = statements.month(tx, target, 2026, 3, now=noon[4])
    assert [(line.points, line.balance) for line in lines] == [
        (-100, 426), (-4, 526), (500, 530), (30, 30),
    ]  # fmt: skip
    assert then == [30, 530, 526, 526, 426]
    assert (march.opening, march.closing, len(march.lines)) == (0, 426, 4)
