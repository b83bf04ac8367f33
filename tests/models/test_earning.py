"""The earning rules on the real database: who gets how many points for what, and why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from models import clubs, points, subscribers
from models.draws import people
from models.earning import budgets, counters, misses, postings, publishing
from models.earning import rules as versions
from models.earning.earn import earn
from models.earning.event import Event
from models.store import Store
from models.subscribers import Subscriber
from tests.models import draws
from tests.models.conftest import NOON, newcomer, rows
from tests.models.earning import SOON, event, publish, record, rule


def earned(store: Store, *events: Event, at: datetime = SOON) -> int:
    return store.run(lambda tx: earn(tx, events, at))


def has(store: Store, who: Subscriber, *, at: datetime = SOON) -> tuple[int, int]:
    """(consumption, promotional)"""
    found = store.read(lambda tx: points.balance(tx, who, now=at, expiring_days=30))
    return found.consumption, found.promotional


def reasons(store: Store, code: str) -> dict[str, int]:
    day = points.day_of(SOON)
    found = store.read(lambda tx: misses.listed(tx, day, day))
    return {each.reason: each.events for each in found if each.rule == code}


@pytest.fixture
def li(store: Store) -> Subscriber:
    return store.run(newcomer)


# -- what a rule gives -------------------------------------------------------------------------


def test_an_event_earns_what_the_rule_says(store: Store, li: Subscriber) -> None:
    publish(
        store,
        rule("data", when="event.amount_fen >= 1000", amount="event.amount_fen / 100",
             multiplier=1.5),
    )  # fmt: skip
    assert earned(store, event(li, amount_fen=5050)) == 75  # 50 * 1.5
    assert earned(store, event(li, amount_fen=999)) == 0
    assert has(store, li) == (0, 75)
    assert reasons(store, "data") == {"condition not met": 1}
    lots = rows(store, "SELECT expires_on FROM points_accounts WHERE subscriber_id = %s", li.id)
    assert lots == [(date(2027, 3, 31),)]  # 12 months, to the end of the month


def test_the_same_event_again_gives_nothing_more(store: Store, li: Subscriber) -> None:
    publish(store, rule("a", caps={"person_day": 15}), rule("b", kind="consumption"))
    done = event(li)
    assert earned(store, done) == 20
    assert earned(store, done) == 0
    assert has(store, li) == (10, 10)
    assert rows(store, "SELECT used FROM earning_counters") == [(10,)]
    assert earned(store, event(li)) == 15  # the repeat has used nothing of the cap


def test_an_event_that_no_rule_is_for_is_counted(store: Store, li: Subscriber) -> None:
    publish(store, rule("a"))
    assert earned(store, event(li, "other"), event(li, "other")) == 0
    assert reasons(store, "") == {"no rule for this type": 2}


@pytest.mark.parametrize(
    ("window", "at", "counts"),
    [
        ({"from": "2026-03-02"}, "2026-03-01T16:00:00", True),  # midnight in China
        ({"from": "2026-03-02"}, "2026-03-01T15:59:59", False),
        ({"from": "2026-01-01", "until": "2026-03-02"}, "2026-03-02T15:59:59", True),
        ({"from": "2026-01-01", "until": "2026-03-02"}, "2026-03-02T16:00:00", False),
        ({"from": "2026-01-01", "days": ["mon"]}, "2026-03-02T04:00:00", True),
        ({"from": "2026-01-01", "days": ["tue", "sun"]}, "2026-03-02T04:00:00", False),
        ({"from": "2026-01-01", "hours": "12:00-13:00"}, "2026-03-02T04:59:59", True),
        ({"from": "2026-01-01", "hours": "12:00-13:00"}, "2026-03-02T05:00:00", False),
        ({"from": "2026-01-01", "hours": "22:00-02:00"}, "2026-03-01T17:59:00", True),
        ({"from": "2026-01-01", "hours": "22:00-24:00"}, "2026-03-01T15:59:00", True),
        ({"from": "2026-01-01", "hours": "22:00-24:00"}, "2026-03-01T16:00:00", False),
    ],
)
def test_a_window_is_by_the_clock_in_china(
    store: Store, li: Subscriber, window: dict[str, Any], at: str, counts: bool
) -> None:
    publish(store, rule("a", window=window))
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert earned(store, event(li, at=moment)) == (10 if counts else 0)
    assert reasons(store, "a") == ({} if counts else {"outside the window": 1})


def test_an_audience_is_by_club_level_number_and_consent(store: Store) -> None:
    with store.begin() as tx:
        member, other, quiet = newcomer(tx), newcomer(tx), newcomer(tx)
        clubs.join(tx, member, "film", origin="test", now=NOON)
        subscribers.opt_out(tx, quiet, NOON)
    publish(
        store,
        rule("member", audience={"clubs": ["film", "car"]}, amount=1),
        rule("premium", audience={"level": "premium"}, amount=10),
        rule("number", audience={"numbers": ["139", "+852"]}, amount=100),
        rule("elsewhere", audience={"numbers": ["138"]}, amount=1000),
        rule("heard", audience={"opted_in": True}, amount=10000),
    )
    assert earned(store, event(member)) == 10101
    assert earned(store, event(other)) == 10100
    assert earned(store, event(quiet)) == 100
    with store.begin() as tx:
        tx.exec_driver_sql("UPDATE memberships SET level = 'premium'")
    assert earned(store, event(member)) == 10111


def test_points_of_somebody_merged_go_to_who_took_over(store: Store, li: Subscriber) -> None:
    with store.begin() as tx:
        old = newcomer(tx)
        tx.exec_driver_sql(
            f"UPDATE subscribers SET status = 'merged', merged_into = {li.id} WHERE id = {old.id}"
        )
    publish(store, rule("a"))
    assert earned(store, event(old)) == 10
    assert has(store, li) == (0, 10)


def test_the_blocked_and_the_unknown_earn_nothing(store: Store, li: Subscriber) -> None:
    with store.begin() as tx:
        tx.exec_driver_sql(f"UPDATE subscribers SET status = 'blocked' WHERE id = {li.id}")
    publish(store, rule("a"))
    assert earned(store, event(li), event(999_999)) == 0
    assert reasons(store, "") == {"the subscriber is blocked": 1, "no such subscriber": 1}


def test_within_a_group_the_highest_priority_wins_and_groups_add_up(
    store: Store, li: Subscriber
) -> None:
    publish(
        store,
        rule("small", group="data", priority=1, amount=1),
        rule("big", group="data", priority=9, amount=20, when="event.amount_fen > 100"),
        rule("beside", amount=300),
        rule("other", group="other", amount=4000),
    )
    assert earned(store, event(li, amount_fen=500)) == 4320
    assert earned(store, event(li, amount_fen=50)) == 4301
    assert reasons(store, "small") == {"another rule of its group": 1}


def test_a_winner_that_is_capped_does_not_hand_over_to_the_next(
    store: Store, li: Subscriber
) -> None:
    publish(
        store,
        rule("small", group="data", amount=1),
        rule("big", group="data", priority=9, amount=20, caps={"person": 30}),
    )
    assert [earned(store, event(li)) for _ in range(3)] == [20, 10, 0]
    assert reasons(store, "big") == {"cap reached": 1}


# -- caps and budgets --------------------------------------------------------------------------


def test_who_comes_close_to_a_cap_gets_the_rest(store: Store, li: Subscriber) -> None:
    publish(store, rule("a", caps={"person_day": 25, "person": 40, "day": 60}))
    wang = store.run(newcomer)
    today = [event(li) for _ in range(4)]
    assert earned(store, *today) == 25
    tomorrow = NOON + timedelta(days=1)
    assert earned(store, *[event(li, at=tomorrow) for _ in range(3)]) == 15  # 40 in all
    assert earned(store, *[event(wang) for _ in range(4)]) == 25
    zhao = store.run(newcomer)
    assert earned(store, *[event(zhao) for _ in range(3)]) == 10  # 60 a day
    assert rows(store, "SELECT count(*) FROM earning_counters WHERE used > at_most") == [(0,)]


def test_in_a_batch_who_was_first_is_served_first(store: Store) -> None:
    publish(store, rule("a", caps={"day": 15}))
    with store.begin() as tx:
        late, early = newcomer(tx), newcomer(tx)
    batch = event(late, at=NOON), event(early, at=NOON - timedelta(minutes=1))
    assert earned(store, *batch) == 15
    assert (has(store, early), has(store, late)) == ((0, 10), (0, 5))


def test_a_budget_gives_what_is_left_and_then_nothing(store: Store, li: Subscriber) -> None:
    publish(store, rule("a", budget=25))
    assert [earned(store, event(li)) for _ in range(4)] == [10, 10, 5, 0]
    assert reasons(store, "a") == {"budget spent": 1}
    assert store.read(lambda tx: budgets.left(tx, "a")) == 0
    assert earned(store, *[event(li) for _ in range(5)]) == 0


@pytest.mark.slow
def test_a_batch_bigger_than_the_budget_gets_all_of_it(store: Store) -> None:
    publish(store, rule("a", budget=1007), rule("b", amount=3))
    with store.begin() as tx:
        crowd = [newcomer(tx) for _ in range(150)]
    assert earned(store, *[event(who) for who in crowd]) == 1007 + 450
    assert store.read(lambda tx: budgets.left(tx, "a")) == 0
    assert store.read(lambda tx: budgets.spent(tx, "a")) == 1007
    assert rows(store, "SELECT sum(balance) FROM points_accounts") == [(0,)]


def test_what_the_budget_did_not_give_is_not_counted_by_caps(store: Store, li: Subscriber) -> None:
    publish(store, rule("a", budget=5, caps={"person": 100}))
    assert earned(store, event(li)) == 5
    assert rows(store, "SELECT used FROM earning_counters") == [(5,)]
    publish(store, rule("a", budget=500, caps={"person": 100}), at=SOON)
    later = SOON + timedelta(seconds=5)
    assert earned(store, *[event(li) for _ in range(20)], at=later) == 95


def test_rules_of_a_campaign_share_its_caps_and_its_budget(store: Store, li: Subscriber) -> None:
    shared: dict[str, Any] = {"campaign": "spring", "caps": {"person": 25}, "budget": 1000}
    publish(store, rule("a", **shared), rule("b", **shared))
    assert [earned(store, event(li)) for _ in range(3)] == [20, 5, 0]
    assert store.read(lambda tx: budgets.left(tx, "spring")) == 975


def test_a_budget_grows_shrinks_and_goes_back_when_the_last_rule_stops(
    store: Store, li: Subscriber
) -> None:
    def left() -> int:
        return store.read(lambda tx: budgets.left(tx, "a"))

    publish(store, rule("a", budget=100))
    earned(store, event(li))
    publish(store, rule("a", budget=300), at=SOON)
    assert left() == 290
    publish(store, rule("a", budget=50), at=SOON)
    assert left() == 40
    with pytest.raises(budgets.TooLittle) as wrong:
        publish(store, rule("a", budget=9), at=SOON)
    assert wrong.value.least == 10
    assert left() == 40
    assert store.run(lambda tx: publishing.stop(tx, "a", by="wang", note="x", now=SOON)) == 4
    assert left() == 0
    publish(store, rule("a", budget=60), at=SOON)
    assert left() == 50  # 10 of it were given in its first life
    assert rows(store, "SELECT sum(balance) FROM points_accounts") == [(0,)]


# -- versions ----------------------------------------------------------------------------------


def test_a_process_takes_a_version_over_within_seconds(store: Store, li: Subscriber) -> None:
    publish(store, rule("a", amount=10))
    assert earned(store, event(li)) == 10
    publish(store, rule("a", amount=20), at=SOON)
    assert earned(store, event(li), at=SOON + timedelta(seconds=1)) in (10, 20)
    assert earned(store, event(li), at=SOON + versions.BOOK_LASTS + timedelta(seconds=1)) == 20
    store.run(lambda tx: publishing.stop(tx, "a", by="wang", note="enough", now=SOON))
    assert earned(store, event(li), at=SOON + timedelta(seconds=9)) == 0


def test_every_version_is_kept_with_who_and_why(store: Store) -> None:
    publish(store, rule("a"), rule("b"))
    assert publish(store, rule("a"), rule("b", amount=7)) == [(rule("b", amount=7), 2)]
    assert publish(store, rule("b", amount=7)) == []
    store.run(lambda tx: publishing.stop(tx, "b", by="zhao", note="enough", now=SOON))
    found = store.read(versions.history)
    assert [(each.rule.code, each.version, each.state, each.by) for each in found] == [
        ("b", 3, "stopped", "zhao"), ("a", 1, "live", "wang"), ("b", 2, "live", "wang"),
        ("b", 1, "live", "wang"),
    ]  # fmt: skip
    assert set(store.read(versions.live)) == {"a"}
    assert publish(store, rule("b", amount=7), at=SOON) == [(rule("b", amount=7), 4)]


@pytest.mark.parametrize("table", ["earning_rules", "earning_postings"])
def test_versions_and_postings_are_never_changed(store: Store, li: Subscriber, table: str) -> None:
    publish(store, rule("a"))
    earned(store, event(li))
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
        with pytest.raises(psycopg.errors.RestrictViolation), store.begin() as tx:
            tx.connection.driver_connection.execute(statement)  # type: ignore[union-attr]


def test_a_version_that_this_program_cannot_read_leaves_the_others_working(
    store: Store, li: Subscriber
) -> None:
    publish(store, rule("a"))
    with store.begin() as tx:
        tx.exec_driver_sql(
            "INSERT INTO earning_rules VALUES ('z', 1, '{\"code\": \"z\", \"new\": 1}', 'live',"
            " now(), 'x', 'x')"
        )
    assert earned(store, event(li)) == 10


# -- why ---------------------------------------------------------------------------------------


def _serials(store: Store, who: Subscriber) -> list[int]:
    found = rows(
        store, "SELECT serial FROM earning_postings WHERE subscriber_id = %s ORDER BY 1", who.id
    )
    return [row[0] for row in found]


def test_a_posting_says_every_step_that_led_to_it(store: Store, li: Subscriber) -> None:
    publish(
        store,
        rule("big", group="g", priority=1, amount="event.amount_fen / 100", multiplier=2,
             when="event.amount_fen > 0", caps={"person_day": 100}, budget=90),
        rule("small", group="g"),
    )  # fmt: skip
    done = event(li, amount_fen=6000)
    with store.begin() as tx:
        record(tx, done)
    assert earned(store, done) == 90
    (serial,) = _serials(store, li)
    why = store.read(lambda tx: postings.explain(tx, serial))
    assert why is not None
    assert (why.base, why.wanted, why.points, why.short) == (60, 120, 90, 10)
    told = "\n".join(postings.in_words(why))
    for part in (
        f"{serial}: 90 promotional points for subscriber {li.id}", "rule big@1", done.id,
        "amount_fen = 6000", "amount: event.amount_fen / 100 = 60", "times 2 = 120",
        "less 20: a person gets at most 100 a day, and 0 had been given before",
        "less 10: the budget of big had no more", "instead of small@1", "given: 90",
    ):  # fmt: skip
        assert part in told


def test_an_explanation_is_of_the_version_that_gave(store: Store, li: Subscriber) -> None:
    publish(store, rule("a", title="旧"))
    earned(store, event(li))
    publish(store, rule("a", title="新"), at=SOON)
    (serial,) = _serials(store, li)
    with store.begin() as tx:
        record(tx)
    why = store.read(lambda tx: postings.explain(tx, serial))
    assert why is not None
    assert (why.rule.title, why.version, why.event) == ("旧", 1, None)
    assert store.read(lambda tx: postings.explain(tx, 1)) is None


def test_points_and_reasons_agree_with_the_ledger(store: Store) -> None:
    publish(store, rule("a", budget=300, caps={"person": 30}), rule("b", multiplier=0.5))
    with store.begin() as tx:
        crowd = [newcomer(tx) for _ in range(20)]
    events = [event(who, n=n) for n in range(5) for who in crowd]
    given = earned(store, *events)
    assert given == 300 + 500
    assert rows(store, "SELECT sum(points)::int FROM earning_postings") == [(given,)]
    assert rows(
        store, "SELECT sum(balance)::int FROM points_accounts WHERE subscriber_id = ANY (%s)",
        [who.id for who in crowd],
    ) == [(given,)]  # fmt: skip
    missed = reasons(store, "a")
    (made,) = rows(store, "SELECT count(*) FROM earning_postings WHERE rule = 'a'")
    assert sum(missed.values()) + made[0] == len(events)


def test_old_counts_are_forgotten_in_bites(store: Store, li: Subscriber) -> None:
    publish(store, rule("a", caps={"person_day": 10, "person": 50}))
    earned(store, event(li), event(li), event(li, "other"))
    later = NOON + counters.KEPT_FOR + timedelta(days=2)
    for module, gone in ((counters, 1), (misses, 2)):
        for now, expected in ((NOON, 0), (later, gone)):
            before = now - module.KEPT_FOR
            assert store.run(partial(module.forget_before, before=before, limit=100)) == expected
    assert rows(store, "SELECT day FROM earning_counters") == [(points.NEVER,)]


# -- chances in draws --------------------------------------------------------------------------


def test_a_rule_gives_chances_beside_points_once_and_within_its_caps(
    store: Store, li: Subscriber
) -> None:
    draws.publish(store, draws.terms(earned_chances=True))
    publish(
        store, rule("task", caps={"person_day": 20}, chances={"draw": "test", "count": 2})
    )  # fmt: skip
    first, second, third = event(li), event(li), event(li)
    assert earned(store, first, second) == 20
    assert earned(store, first, third) == 0  # a repeat, and one too many for the day
    kept = "SELECT chances FROM draw_people WHERE subscriber_id = %s"
    assert rows(store, kept, li.id) == [(4,)]
    serial = rows(store, "SELECT min(serial) FROM earning_postings")[0][0]
    assert rows(store, "SELECT key FROM draw_chances ORDER BY key")[0] == (f"earned:{serial}",)
    why = store.read(lambda tx: postings.explain(tx, serial))
    assert why is not None
    assert postings.in_words(why)[-1] == "and chances in the draw test: 2"
    assert store.run(lambda tx: draws.draw_once(tx, li)).result.chance == "earned"


def test_who_is_given_first_chances_while_drawing_for_the_first_time_keeps_one_name(
    store: Store, li: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws.publish(store, draws.terms(earned_chances=True, free_a_day=1))
    publish(store, rule("task", chances={"draw": "test"}))
    told, look = [event(li)], people.look

    def meanwhile(*given: Any) -> people.Standing:
        seen = look(*given)
        if told:
            earned(store, told.pop())
        return seen

    monkeypatch.setattr(people, "look", meanwhile)
    player = store.run(lambda tx: draws.draw_once(tx, li)).result.player
    assert rows(store, "SELECT player, chances, nonce FROM draw_people") == [(player, 1, 1)]
