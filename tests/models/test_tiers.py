"""Tiers against a plain model: up at once, never down before a review and a period of grace."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from models import points, tiers
from models.base import HOUSE, Tx
from models.earning.earn import earn as earn_by_rules
from models.points import reversals
from models.store import Store
from models.subscribers import Subscriber
from models.tiers import Change
from tests.models import earning
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

LAST = date(2039, 12, 31)
PERIOD, REVIEW, GRACE = 3, 2, 1  # months: short, so that examples see every turn
THRESHOLDS = {"basic": 0, "silver": 100, "gold": 300, "diamond": 1000}
CONTENT: dict[str, Any] = {
    "counts": "earned", "period_months": PERIOD, "review_months": REVIEW, "grace_months": GRACE,
    "earned": {"from": ["issuing", "campaign:*"], "kinds": ["consumption", "promotional"]},
    "spent": {"into": ["spent", "merchant:*"]},
    "except_reasons": ["gift", "exchange", "merge", "refund", "reversal", "import"],
    "tiers": [
        {"code": code, "name": code, "threshold": threshold, "benefits": ["生日双倍积分"]}
        for code, threshold in THRESHOLDS.items()
    ],
}  # fmt: skip
_keys = itertools.count(1)


def publish(tx: Tx, now: datetime = NOON, **more: Any) -> tiers.Rules:
    return tiers.publish(tx, CONTENT | more, author="test", note="", now=now)


@pytest.fixture
def who(store: Store) -> Subscriber:
    """Somebody new, under rules of short months."""
    with store.begin() as tx:
        publish(tx)
        return newcomer(tx)


def give(
    tx: Tx, who: Subscriber, amount: int, now: datetime = NOON, *, reason: str = "bill",
    source: str = points.ISSUING, kind: str = points.CONSUMPTION, expires_on: date = LAST,
) -> points.Transfer:  # fmt: skip
    return points.issue(
        tx, who, kind=kind, points=amount, expires_on=expires_on, source=source,
        cause=cause(f"give:{next(_keys)}", reason), now=now,
    )  # fmt: skip


def take(
    tx: Tx, who: Subscriber, amount: int, now: datetime = NOON, *, into: str = points.SPENT
) -> points.Transfer:
    why = cause(f"take:{next(_keys)}", "redeem")
    return points.spend(tx, who, points=amount, into=into, cause=why, now=now)


def earn(store: Store, who: Subscriber, amount: int, now: datetime = NOON) -> Change | None:
    """Points, and what they make of the tier, in one transaction."""
    with store.begin() as tx:
        give(tx, who, amount, now)
        return tiers.qualify(tx, who, now)


def stands(store: Store, who: Subscriber, now: datetime = NOON) -> tiers.Standing:
    with store.reading() as tx:
        found = tiers.standing(tx, who, now)
    assert found is not None
    return found


def on(day: date) -> datetime:
    """Noon in China."""
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


# -- the plain model -----------------------------------------------------------------------------


def month_no(day: date) -> int:
    return day.year * 12 + day.month


def first_of(number: int) -> date:
    return date((number - 1) // 12, (number - 1) % 12 + 1, 1)


@dataclass
class Plain:
    """One person's tier as the rules say it, kept as a list of what was earned when."""

    earned: list[tuple[date, int]] = field(default_factory=list)
    tier: str = "basic"
    review_on: date | None = None
    grace_until: date | None = None
    history: list[tuple[str, str, str]] = field(default_factory=list)

    def counted(self, today: date) -> int:
        window = range(month_no(today) - PERIOD, month_no(today) + 1)
        return max(0, sum(n for day, n in self.earned if month_no(day) in window))

    def reached(self, today: date) -> str:
        return [code for code, least in THRESHOLDS.items() if self.counted(today) >= least][-1]

    def look(self, today: date, *, reviewing: bool) -> None:
        reached, has = THRESHOLDS[self.reached(today)], THRESHOLDS[self.tier]
        due = reviewing and self.review_on is not None and self.review_on <= today
        later = first_of(month_no(today) + REVIEW + 1)
        if reached > has:
            self._become(self.reached(today), "up", later)
        elif reached == has and (self.grace_until or due):
            self._become(self.tier, "kept", later)
        elif due and self.grace_until is None:
            until = first_of(month_no(today) + GRACE + 1)
            self._become(self.tier, "grace", until)
            self.grace_until = until - timedelta(days=1)
        elif due:
            self._become(self.reached(today), "down", later if reached else None)

    def _become(self, tier: str, why: str, review_on: date | None) -> None:
        self.history.append((self.tier, tier, why))
        self.tier, self.review_on, self.grace_until = tier, review_on, None


acts = st.lists(
    st.one_of(
        st.tuples(st.just("earn"), st.integers(1, 400)),
        st.tuples(st.just("spend"), st.integers(1, 200)),
        st.tuples(st.just("undo"), st.integers(1, 100)),
        st.tuples(st.just("gift"), st.integers(1, 400)),
        st.tuples(st.just("pass"), st.integers(1, 75)),
        st.tuples(st.just("pass"), st.integers(1, 75)),
        st.tuples(st.just("review"), st.just(0)),
    ),
    min_size=4,
    max_size=25,
)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(acts=acts)
def test_a_tier_is_what_a_plain_model_says(store: Store, acts: list[tuple[str, int]]) -> None:
    with store.begin() as tx:
        publish(tx)
        who, giver = newcomer(tx), newcomer(tx)
        give(tx, giver, 100_000)
    plain, today = Plain(), date(2026, 1, 31)
    for act, amount in acts:
        if act == "pass":
            today += timedelta(days=amount)
            continue
        _act(store, plain, who, giver, act, amount, today)
        found = stands(store, who, on(today))
        until = plain.review_on - timedelta(days=1) if plain.review_on else None
        assert (found.tier.code, found.valid_until, found.in_grace, found.counted) == (
            plain.tier, until, plain.grace_until is not None, plain.counted(today),
        )  # fmt: skip
    with store.reading() as tx:
        history = [(one.from_tier, one.to_tier, one.why) for one in tiers.history(tx, who.id)]
    assert history[::-1] == plain.history
    _never_before_grace(plain.history)


def _act(
    store: Store, plain: Plain, who: Subscriber, giver: Subscriber, act: str, amount: int,
    today: date,
) -> None:  # fmt: skip
    now = on(today)
    with store.begin() as tx:
        match act:
            case "earn":
                give(tx, who, amount, now)
                plain.earned.append((today, amount))
            case "spend":
                _if_enough(lambda: take(tx, who, amount, now))
            case "undo":
                if _if_enough(lambda: take(tx, who, amount, now, into=points.ISSUING)):
                    plain.earned.append((today, -amount))
            case "gift":
                why = cause(f"gift:{next(_keys)}", "gift")
                points.transfer(tx, payer=giver, payee=who, points=amount, cause=why, now=now)
        if act == "review":
            tiers.review_due(tx, now, 1000)  # people of earlier examples are due, too
        else:
            tiers.earned(tx, [who.id], now)
    if act == "review":
        plain.look(today, reviewing=True)
    elif act == "earn" or (act, plain.earned[-1:]) == ("undo", [(today, -amount)]):
        plain.look(today, reviewing=False)


def _if_enough(pay: Callable[[], object]) -> bool:
    try:
        pay()
    except points.NotEnough:
        return False
    return True


def _never_before_grace(history: list[tuple[str, str, str]]) -> None:
    for before, one in itertools.pairwise([("", "", "up"), *history]):
        assert one[2] != "down" or before[2] == "grace"


# -- up, kept, grace, down -----------------------------------------------------------------------


def test_up_at_once_and_over_two_tiers_at_a_time(store: Store, who: Subscriber) -> None:
    assert earn(store, who, 99) is None
    up = earn(store, who, 1)
    assert up is not None
    assert (up.from_tier, up.to_tier, up.why, up.counted) == ("basic", "silver", "up", 100)
    assert earn(store, who, 1) is None
    higher = earn(store, who, 900)
    assert higher is not None
    assert (higher.no, higher.to_tier) == (2, "diamond")
    found = stands(store, who)
    assert (found.since, found.valid_until) == (date(2026, 3, 2), date(2026, 5, 31))


def test_a_review_keeps_then_gives_grace_then_lowers_to_what_the_points_are_enough_for(
    store: Store, who: Subscriber
) -> None:
    def reviewed(day: date) -> list[tuple[str, str]]:
        with store.begin() as tx:
            return [(one.why, one.to_tier) for one in tiers.review_due(tx, on(day), 10)]

    earn(store, who, 300)
    assert reviewed(date(2026, 5, 31)) == []
    assert reviewed(date(2026, 6, 1)) == [("kept", "gold")]  # March still counts
    assert reviewed(date(2026, 6, 1)) == []
    earn(store, who, 120, on(date(2026, 7, 1)))
    assert reviewed(date(2026, 9, 1)) == [("grace", "gold")]
    in_grace = stands(store, who, on(date(2026, 10, 31)))
    assert (in_grace.tier.code, in_grace.in_grace) == ("gold", True)
    assert in_grace.valid_until == date(2026, 10, 31)
    assert reviewed(date(2026, 10, 31)) == []
    assert reviewed(date(2026, 11, 1)) == [("down", "basic")]
    assert stands(store, who, on(date(2026, 11, 1))).valid_until is None
    assert reviewed(date(2030, 1, 1)) == []


def test_points_enough_end_a_grace_at_once(store: Store, who: Subscriber) -> None:
    earn(store, who, 300)
    with store.begin() as tx:
        assert [one.why for one in tiers.review_due(tx, on(date(2026, 9, 1)), 10)] == ["grace"]
    assert earn(store, who, 299, on(date(2026, 9, 2))) is None
    kept = earn(store, who, 1, on(date(2026, 9, 2)))
    assert kept is not None
    assert kept.why == "kept"
    assert stands(store, who, on(date(2026, 9, 2))).valid_until == date(2026, 11, 30)


def test_a_review_that_comes_late_still_gives_a_whole_grace(store: Store, who: Subscriber) -> None:
    earn(store, who, 300)
    with store.begin() as tx:
        (late,) = tiers.review_due(tx, on(date(2028, 2, 10)), 10)
    assert (late.why, late.grace_until) == ("grace", date(2028, 3, 31))


def test_reviews_go_on_in_batches_and_each_takes_only_who_was_due(store: Store) -> None:
    with store.begin() as tx:
        publish(tx)
        people = [newcomer(tx) for _ in range(5)]
        for one in people:
            give(tx, one, 100)
        assert len(tiers.earned(tx, [one.id for one in people], NOON)) == 5
    day, sizes = on(date(2026, 9, 1)), []
    with store.begin() as tx:
        assert tiers.review_due(tx, day, 2, due_by=date(2026, 5, 31)) == []
    while True:
        with store.begin() as tx:
            sizes.append(len(tiers.review_due(tx, day, 2)))
        if not sizes[-1]:
            break
    assert sizes == [2, 2, 1, 0]


def test_whoever_earns_by_a_rule_is_raised_in_the_same_transaction(store: Store) -> None:
    with store.begin() as tx:
        publish(tx)
        people = [newcomer(tx) for _ in range(3)]
    earning.publish(store, earning.rule("big", amount="event.amount_fen"))
    with store.begin() as tx:
        paid = [
            earning.event(one, amount_fen=amount)
            for one, amount in zip(people, (99, 100, 300), strict=True)
        ]
        earning.record(tx, *paid)
        earn_by_rules(tx, paid, earning.SOON)
    assert [stands(store, one, earning.SOON).tier.code for one in people] == [
        "basic", "silver", "gold",
    ]  # fmt: skip
    assert rows(store, "SELECT why FROM tier_changes") == [("up",), ("up",)]


# -- what counts ---------------------------------------------------------------------------------


def test_gifts_exchanges_merges_and_refunds_make_nobody_climb(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        rich = newcomer(tx)
        give(tx, rich, 3000)
        take(tx, rich, 1000)
        points.transfer(tx, payer=rich, payee=who, points=500, cause=cause("g", "gift"), now=NOON)
        points.merge(tx, source=rich, target=who, cause=cause("m", "merge"), now=NOON)
        give(tx, rich, 5000)
        take(tx, rich, 5000, into=points.EXCHANGE)
        for number, (reason, source) in enumerate(
            [("refund", points.SPENT), ("exchange", points.EXCHANGE), ("bill", points.EXCHANGE),
             ("refund", points.ISSUING), ("reversal", points.ISSUING)]
        ):  # fmt: skip
            give(tx, who, 400 + number, reason=reason, source=source)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=5000, expires_on=LAST, unit=points.COINS,
            cause=cause("coins", "bill"), now=NOON,
        )  # fmt: skip
        assert tiers.earned(tx, [who.id], NOON) == []
    assert stands(store, who).counted == 0


def test_a_reservation_that_is_made_taken_or_given_back_counts_once_when_it_is_spent(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        publish(tx, counts="spent")
        give(tx, who, 500)
        for key, payee, kind in (("hold", who.id, "held"), ("free", who.id, points.CONSUMPTION)):
            points.move(
                tx, payer=who.id, payer_kinds=["held_consumption" if key == "free" else kind_of()],
                payee=payee, payee_kind=kind, payee_expires_on=None, points=200, unit="points",
                cause=cause(key, "hold"), now=NOON,
            )  # fmt: skip
            assert tiers.qualify(tx, who, NOON) is None
        points.move(
            tx, payer=who.id, payer_kinds=[kind_of()], payee=who.id, payee_kind="held",
            payee_expires_on=None, points=120, unit="points", cause=cause("h2", "hold"), now=NOON,
        )  # fmt: skip
        points.move(
            tx, payer=who.id, payer_kinds=["held_consumption"], payee=HOUSE, payee_kind="spent",
            payee_expires_on=points.NEVER, points=120, unit="points", cause=cause("c", "capture"),
            now=NOON,
        )  # fmt: skip
        up = tiers.qualify(tx, who, NOON)
    assert up is not None
    assert (up.counted, up.to_tier) == (120, "silver")
    with store.begin() as tx:
        give(tx, who, 50, reason="refund", source=points.SPENT)
        tiers.earned(tx, [who.id], NOON)
    found = stands(store, who)
    assert (found.counted, found.tier.code) == (70, "silver")  # nobody goes down but at a review


def kind_of() -> str:
    return points.CONSUMPTION


def test_what_is_undone_is_taken_off_in_the_month_when_it_was_added(
    store: Store, who: Subscriber
) -> None:
    """Else it would weigh on for months after what it takes back counts no more."""
    with store.begin() as tx:
        publish(tx, counts="both")
        bill = give(tx, who, 500, on(date(2026, 1, 10)))
        give(tx, who, 30, on(date(2026, 3, 1)))
        bought = take(tx, who, 40, on(date(2026, 2, 10)))
        imported = give(tx, who, 70, on(date(2026, 2, 11)), reason="import")
        tiers.earned(tx, [who.id], on(date(2026, 3, 1)))
    with store.begin() as tx:
        later = on(date(2026, 3, 2))
        for serial in (imported.serial, bought.serial, bill.serial):
            one = reversals.propose(tx, serial=serial, by="li", reason="wrong", now=later)
            reversals.approve(tx, one.id, by="han", now=later, grace_days=30)
        tiers.earned(tx, [who.id], later)
    assert rows(
        store,
        "SELECT month, earned, spent FROM tier_months WHERE subscriber_id = %s ORDER BY 1",
        who.id,
    ) == [(date(2026, 1, 1), 0, 0), (date(2026, 2, 1), 0, 0), (date(2026, 3, 1), 30, 0)]


def test_both_adds_what_was_earned_and_what_was_spent(store: Store, who: Subscriber) -> None:
    with store.begin() as tx:
        publish(tx, counts="both")
        give(tx, who, 60)
        take(tx, who, 40)
        up = tiers.qualify(tx, who, NOON)
    assert up is not None
    assert up.counted == 100


def test_points_out_of_any_campaign_count_and_out_of_accounts_not_named_do_not(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        for account in ("campaign:spring_24", "agent:7"):
            points.open_house_account(tx, account)
            points.move(
                tx, payer=HOUSE, payer_kinds=[points.ISSUING], payee=HOUSE, payee_kind=account,
                payee_expires_on=points.NEVER, points=1000, unit="points",
                cause=cause(f"budget:{account}"), now=NOON,
            )  # fmt: skip
        give(tx, who, 500, source="agent:7")
        assert tiers.qualify(tx, who, NOON) is None
        give(tx, who, 500, source="campaign:spring_24", kind=points.PROMOTIONAL)
        up = tiers.qualify(tx, who, NOON)
    assert up is not None
    assert (up.counted, up.to_tier) == (500, "gold")


def test_another_way_of_counting_counts_everything_anew(store: Store, who: Subscriber) -> None:
    earn(store, who, 150)
    with store.begin() as tx:
        give(tx, who, 200, kind=points.PROMOTIONAL)
        publish(tx, earned={"from": ["issuing"], "kinds": ["promotional"]})
        give(tx, who, 60, kind=points.PROMOTIONAL)
        assert tiers.qualify(tx, who, NOON) is None
    assert stands(store, who).counted == 260
    with store.begin() as tx:
        publish(tx)
        up = tiers.qualify(tx, who, NOON)
    assert up is not None
    assert (up.counted, up.to_tier) == (410, "gold")


def test_a_tier_that_people_hold_cannot_be_left_out(store: Store, who: Subscriber) -> None:
    earn(store, who, 150)
    fewer = [tier for tier in CONTENT["tiers"] if tier["code"] != "silver"]
    with store.begin() as tx, pytest.raises(tiers.TierInUse) as refused:
        publish(tx, tiers=fewer)
    assert refused.value.codes == ("silver",)


def test_without_published_rules_there_are_no_tiers(store: Store) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.exec_driver_sql("DELETE FROM tier_rules")
        tx.exec_driver_sql("SET LOCAL session_replication_role = origin")
        who = newcomer(tx)
        give(tx, who, 5000)
        assert tiers.qualify(tx, who, NOON) is None
        assert tiers.review_due(tx, NOON, 10) == []
        assert tiers.standing(tx, who, NOON) is None
        assert tiers.project(tx, who, NOON) is None


# -- looking ahead, and counting again -----------------------------------------------------------


def test_the_projection_says_what_is_missing_until_when_and_what_will_lapse(
    store: Store, who: Subscriber
) -> None:
    for day, amount in ((date(2026, 1, 31), 30), (date(2026, 2, 1), 50), (date(2026, 3, 1), 70)):
        earn(store, who, amount, on(day))
    with store.reading() as tx:
        seen = tiers.project(tx, who, on(date(2026, 4, 30)))
        assert seen is not None
        assert seen.next is not None
        assert (seen.next.code, seen.missing) == ("gold", 150)
        assert (seen.by, seen.lapsing) == (date(2026, 4, 30), 30)  # January, from May on
        # Silver is reviewed on 1 June: March will count then, and 30 points more keep it.
        assert stands(store, who, on(date(2026, 4, 30))).valid_until == date(2026, 5, 31)
        assert seen.keep_missing == 30
        later = tiers.project(tx, who, on(date(2026, 5, 1)))
        assert later is not None
        assert (later.missing, later.by, later.lapsing) == (180, date(2026, 5, 31), 50)


def test_in_the_highest_tier_nothing_is_missing(store: Store, who: Subscriber) -> None:
    earn(store, who, 5000)
    with store.reading() as tx:
        seen = tiers.project(tx, who, NOON)
    assert seen is not None
    assert (seen.next, seen.missing, seen.lapsing) == (None, 0, 5000)


def test_points_that_nobody_announced_are_seen_and_then_found(
    store: Store, who: Subscriber
) -> None:
    with store.begin() as tx:
        give(tx, who, 150)
    found = stands(store, who)
    assert (found.tier.code, found.counted) == ("silver", 150)
    with store.begin() as tx:
        (up,) = tiers.recount(tx, [who.id], NOON)
    assert (up.to_tier, up.origin) == ("silver", "recount")


def test_a_recount_makes_right_what_was_spoilt_and_lowers_nobody(
    store: Store, who: Subscriber
) -> None:
    earn(store, who, 150)
    with store.begin() as tx:
        tx.exec_driver_sql("UPDATE tier_months SET earned = 7 WHERE subscriber_id = %s", (who.id,))
        tx.exec_driver_sql("DELETE FROM tier_marks WHERE subscriber_id = %s", (who.id,))
        tiers.recount(tx, [who.id], NOON)
    found = stands(store, who)
    assert (found.counted, found.tier.code) == (150, "silver")


# -- races, and the locks of the tables ----------------------------------------------------------


def test_two_qualifications_at_once_make_one_change(store: Store, who: Subscriber) -> None:
    earn(store, who, 1)
    with store.begin() as tx:
        give(tx, who, 150)

    def qualify() -> Change | None:
        with store.begin() as tx:
            return tiers.qualify(tx, who, NOON)

    made = at_once([qualify] * 8)
    assert len([one for one in made if one]) == 1
    assert rows(store, "SELECT no, why FROM tier_changes WHERE subscriber_id = %s", who.id) == [
        (1, "up")
    ]


@pytest.mark.slow
def test_many_earn_in_batches_at_once_and_no_point_is_counted_twice_or_missed(
    store: Store,
) -> None:
    with store.begin() as tx:
        publish(tx)
        people = [newcomer(tx) for _ in range(12)]

    def batch(number: int) -> None:
        for turn in range(6):
            mine = people[(number + turn) % 5 :: 2]

            def work(tx: Tx, mine: list[Subscriber] = mine) -> None:
                for one in mine:
                    give(tx, one, 10, expires_on=LAST - timedelta(days=number % 3))
                tiers.earned(tx, [one.id for one in reversed(mine)], NOON)

            store.run(work)

    at_once([lambda number=number: batch(number) for number in range(8)])  # type: ignore[misc]
    wrong = rows(
        store,
        "SELECT l.payee_id FROM (SELECT payee_id, sum(points) n FROM points_legs"
        " WHERE payee_id = ANY (%s) GROUP BY 1) l LEFT JOIN (SELECT subscriber_id, sum(earned) n"
        " FROM tier_months GROUP BY 1) m ON m.subscriber_id = l.payee_id"
        " WHERE m.n IS DISTINCT FROM l.n",
        [one.id for one in people],
    )
    assert wrong == []
    gaps = rows(
        store, "SELECT subscriber_id FROM tier_changes GROUP BY 1 HAVING max(no) <> count(*)"
    )
    assert gaps == []


def test_a_review_and_an_earning_at_once_do_not_lose_each_other(
    store: Store, who: Subscriber
) -> None:
    earn(store, who, 300)
    day = on(date(2026, 9, 1))

    def review() -> None:
        with store.begin() as tx:
            tiers.review_due(tx, day, 10)

    at_once([review, review, lambda: earn(store, who, 300, day) and None])
    with store.begin() as tx:
        tiers.review_due(tx, day, 10)  # whoever was skipped
    history = rows(
        store, "SELECT why FROM tier_changes WHERE subscriber_id = %s ORDER BY no", who.id
    )
    assert history in ([("up",), ("kept",)], [("up",), ("grace",), ("kept",)])


def _refused(store: Store, statement: str, *values: object) -> str:
    with pytest.raises((psycopg.Error, DBAPIError)) as refused, store.begin() as tx:
        tx.exec_driver_sql(statement, values)
    return str(refused.value)


def test_the_tables_refuse_what_the_rules_forbid(store: Store, who: Subscriber) -> None:
    earn(store, who, 300)
    mine = "WHERE subscriber_id = %s"
    no_row = _refused(store, f"UPDATE tier_standings SET tier = 'basic' {mine}", who.id)
    assert "tier_standings_subscriber_id_change_no_tier_fkey" in no_row
    for statement in (
        f"UPDATE tier_changes SET why = 'down' {mine}",
        f"DELETE FROM tier_changes {mine}",
    ):
        assert "append-only" in _refused(store, statement, who.id)
    insert = (
        "INSERT INTO tier_changes (subscriber_id, no, from_tier, to_tier, why, counted, on_day,"
        " grace_until, version, origin, at) SELECT %s, 2, 'gold', 'basic', 'down', 0,"
        " date '2026-09-01', {}, max(version), 'test', now() FROM tier_rules"
    )
    for grace in ("NULL", "date '2026-09-01'", "date '2026-12-31'"):
        assert "never_before_grace" in _refused(store, insert.format(grace), who.id)


# -- the price -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_event_costs_what_is_new_however_long_the_history_is(store: Store) -> None:
    with store.begin() as tx:
        publish(tx)
        veteran, fresh = newcomer(tx), newcomer(tx)
        for one, legs in ((veteran, 20_000), (fresh, 10)):
            long_history(tx, one, legs)
            tiers.earned(tx, [one.id], NOON)
    read = {one.id: _rows_read(store, one) for one in (veteran, fresh)}
    assert read[veteran.id] <= read[fresh.id] + 5, read


def long_history(tx: Tx, who: Subscriber, legs: int) -> None:
    """So many earnings of a point within nine months, as the ledger would have booked them."""
    tx.exec_driver_sql("SET LOCAL session_replication_role = replica")  # booking takes its time
    values = {"id": who.id, "legs": legs, "day": LAST, "account": f"campaign:{who.id}"}
    tx.exec_driver_sql(
        "INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)"
        " VALUES (%(id)s, 'points', 'consumption', %(day)s, %(legs)s, %(legs)s),"
        "        (0, 'points', %(account)s, '9999-12-31', 0, %(legs)s)",
        values,
    )
    tx.exec_driver_sql(
        "WITH made AS (INSERT INTO points_transfers"
        "  (key, request_hash, reason, channel, origin, at)"
        " SELECT 'h:' || %(id)s || ':' || n, '', 'bill', 'sms', 'tests',"
        "        timestamptz '2026-03-02' - n * (interval '270 days' / %(legs)s)"
        " FROM generate_series(1, %(legs)s) n RETURNING serial, at)"
        " INSERT INTO points_legs (serial, leg_no, at, unit, points, payer_id, payer_kind,"
        "  payer_expires_on, payer_stripe, payer_leg, payer_balance, payee_id, payee_kind,"
        "  payee_expires_on, payee_stripe, payee_leg, payee_balance)"
        " SELECT serial, 1, at, 'points', 1, 0, %(account)s, '9999-12-31', 0,"
        "        row_number() OVER (ORDER BY serial), 0, %(id)s, 'consumption', %(day)s, 0,"
        "        row_number() OVER (ORDER BY serial), row_number() OVER (ORDER BY serial)"
        " FROM made",
        values,
    )
    tx.exec_driver_sql("SET LOCAL session_replication_role = origin")


def _rows_read(store: Store, who: Subscriber) -> int:
    """How many legs the next event of this person reads."""
    seen = (
        "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)"
        " FROM pg_stat_xact_user_tables WHERE relname = 'points_legs'"
    )
    with store.begin() as tx:
        give(tx, who, 1)
        before = tx.exec_driver_sql(seen).scalar_one()
        tiers.earned(tx, [who.id], NOON)
        return int(tx.exec_driver_sql(seen).scalar_one()) - int(before)
