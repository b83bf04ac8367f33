"""Draws: chance, price, prize and result stand or fall together; limits and stock hold."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import psycopg
import pytest

from models import points, sql
from models.draws import auditing, people, publishing, results
from models.draws.drawing import Drawn
from models.draws.people import NotDrawn
from models.store import Store
from models.subscribers import Subscriber, lock_id
from tests.models.conftest import NOON, at_once, newcomer, rows
from tests.models.draws import SEEDS, draw_once, prize, publish, rich, terms

SURE = 1_000_000


def has(store: Store, who: Subscriber, unit: str = points.POINTS) -> int:
    with store.reading() as tx:
        return points.balance(tx, who, now=NOON, expiring_days=30, unit=unit).total


def someone(store: Store, amount: int = 1000) -> Subscriber:
    with store.begin() as tx:
        return rich(tx, newcomer(tx), amount)


def refused(store: Store, who: Subscriber, code: str = "test", **more: object) -> str:
    with store.begin() as tx, pytest.raises(NotDrawn) as found:
        draw_once(tx, who, code, **more)  # type: ignore[arg-type]
    return found.value.why


def test_a_sure_prize_is_paid_for_given_and_kept_in_one_go(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 3)))
    who = someone(store)
    with store.begin() as tx:
        drawn = draw_once(tx, who)
    assert (drawn.prize.code, drawn.result.slot, drawn.result.points) == ("five", 1, 10)
    assert drawn.won is not None
    assert drawn.won.state == "given"
    assert has(store, who) == 1000 - 10 + 5
    with store.reading() as tx:
        assert points.house_balance(tx, publishing.pays_into("test")) == 10
        assert points.house_balance(tx, publishing.pays_from("test")) == 100_000 - 5
        assert [each.id for each in results.of(tx, who, limit=5)] == [drawn.result.id]
    assert rows(store, "SELECT taken FROM draw_stock WHERE draw_code = 'test'") == [(1,)]


def test_the_same_message_again_gets_the_same_result_and_pays_once(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 3)))
    who = someone(store)
    drawn = []
    for _ in range(2):
        with store.begin() as tx:
            drawn.append(draw_once(tx, who, key="twilio:SM1"))
    assert drawn[0] == drawn[1]
    assert has(store, who) == 995


def test_who_cannot_pay_draws_nothing_and_nothing_is_left_behind(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 3)))
    who = someone(store, 9)
    assert refused(store, who) == "points"
    assert has(store, who) == 9
    assert rows(store, "SELECT * FROM draw_people WHERE subscriber_id = %s", who.id) == []


def test_free_comes_before_earned_before_points(store: Store) -> None:
    publish(store, terms(free_a_day=1, earned_chances=True))
    who = someone(store)
    with store.begin() as tx:
        assert people.grant(tx, who.id, "test", chances=1, key="task:1", now=NOON)
        assert not people.grant(tx, who.id, "test", chances=1, key="task:1", now=NOON)
    drawn = []
    for _ in range(3):
        with store.begin() as tx:
            drawn.append(draw_once(tx, who).result)
    assert [(each.chance, each.points) for each in drawn] == [
        ("free", 0), ("earned", 0), ("points", 10),
    ]  # fmt: skip
    with store.begin() as tx:
        assert draw_once(tx, who, now=NOON + timedelta(days=1)).result.chance == "free"


def test_no_more_than_the_agreed_price_is_taken(store: Store) -> None:
    publish(store, terms())
    assert refused(store, someone(store), at_most=9) == "price"


def test_a_person_draws_as_often_as_the_limits_say(store: Store) -> None:
    publish(store, terms(limits={"person_day": 2, "person": 3}))
    who = someone(store)
    for _ in range(2):
        with store.begin() as tx:
            draw_once(tx, who)
    assert refused(store, who) == "day_limit"
    with store.begin() as tx:
        draw_once(tx, who, now=NOON + timedelta(days=1))
    assert refused(store, who, now=NOON + timedelta(days=2)) == "person_limit"


def test_outside_its_window_stopped_or_without_a_seed_nobody_draws(store: Store) -> None:
    draw = publish(store, terms())
    who = someone(store)
    assert refused(store, who, now=NOON - timedelta(days=2)) == "not_yet"
    assert refused(store, who, now=NOON + timedelta(days=20)) == "over"
    assert refused(store, who, "nothing") == "unknown"
    assert refused(store, who, now=draw.window.ends_at - timedelta(hours=1)) == "not_ready"
    with store.begin() as tx:
        assert publishing.set_state(tx, "test", stopped=True)
    assert refused(store, who) == "stopped"
    with store.begin() as tx:
        assert publishing.set_state(tx, "test", stopped=False)
        draw_once(tx, who)


def test_only_members_of_its_clubs_draw(store: Store) -> None:
    publish(store, terms(audience={"clubs": ["film"]}))
    assert refused(store, someone(store)) == "members_only"


def test_what_is_gone_becomes_the_fallback_and_then_nothing(store: Store) -> None:
    small = prize("coin", 0, 1, kind="coins", coins=1)
    publish(store, terms(prize("five", SURE, 2), small, fallback="coin"))
    who = someone(store)
    drawn = []
    for _ in range(4):
        with store.begin() as tx:
            drawn.append(draw_once(tx, who).result)
    assert [each.prize for each in drawn] == ["five", "five", "coin", "thanks"]
    assert drawn[3].seen == [["five", "stock", 2, 2], ["coin", "stock", 1, 1]]
    assert has(store, who, points.COINS) == 1


def test_after_so_many_blanks_a_prize_is_sure(store: Store) -> None:
    sure = {"after_blanks": 3, "prize": "five"}
    publish(store, terms(prize("five", 0, 9), guaranteed=sure))
    who = someone(store)
    drawn = []
    for _ in range(5):
        with store.begin() as tx:
            drawn.append(draw_once(tx, who).result)
    assert [each.prize for each in drawn] == ["thanks"] * 3 + ["five", "thanks"]
    assert drawn[3].by == "guaranteed"


def test_a_prize_for_once_a_person_is_won_once(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 9, per_person=1)))
    who = someone(store)
    drawn = []
    for _ in range(2):
        with store.begin() as tx:
            drawn.append(draw_once(tx, who).result)
    assert [each.prize for each in drawn] == ["five", "thanks"]
    assert drawn[1].seen == [["five", "person", 1, 1]]


def test_paced_stock_comes_day_by_day_and_the_last_day_has_some(store: Store) -> None:
    draw = publish(store, terms(prize("five", SURE, 15, release="daily")))
    who = someone(store)
    won = []
    for day in range(draw.window.days):
        now = draw.window.starts_at + timedelta(days=day, hours=12)
        with store.begin() as tx:
            SEEDS.promise(tx, "test", first=now.date(), last=now.date(), now=now)
            won.append(sum(draw_once(tx, who, now=now).result.slot is not None for _ in range(3)))
    assert won == [1, 2] * 5


def test_eight_at_once_never_take_more_than_there_is(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 5)))
    crowd = [someone(store) for _ in range(8)]

    def one(who: Subscriber) -> Drawn:
        return store.run(lambda tx: draw_once(tx, lock_id(tx, who.id)))

    drawn = at_once([partial(one, who) for who in crowd])
    assert sorted(each.result.slot or 0 for each in drawn) == [0, 0, 0, 1, 2, 3, 4, 5]
    assert sum(has(store, who) for who in crowd) == 8 * 990 + 5 * 5
    losers = [each.result for each in drawn if each.result.slot is None]
    assert all(each.seen == [["five", "stock", 5, 5]] for each in losers)


def test_eight_draws_of_one_person_at_once_keep_to_the_limit(store: Store) -> None:
    publish(store, terms(limits={"person_day": 3}))
    who = someone(store)

    def one() -> bool:
        try:
            store.run(lambda tx: draw_once(tx, lock_id(tx, who.id)))
        except NotDrawn:
            return False
        return True

    assert sum(at_once([one] * 8)) == 3
    assert has(store, who) == 970


def test_the_same_message_eight_times_at_once_is_drawn_once(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 9)))
    who = someone(store)

    def one() -> int:
        return store.run(lambda tx: draw_once(tx, lock_id(tx, who.id), key="same")).result.id

    assert len(set(at_once([one] * 8))) == 1
    assert has(store, who) == 995


def test_the_tables_refuse_what_the_functions_would_not_do(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 1), limits={"person": 1}))
    who = someone(store)
    with store.begin() as tx:
        draw_once(tx, who)
    for wrong in (
        "UPDATE draw_stock SET taken = taken + 1 WHERE draw_code = 'test'",
        "UPDATE draw_people SET draws = draws + 1",
        "UPDATE draw_results SET prize = 'thanks'",
        "DELETE FROM draw_results",
        "UPDATE draw_seeds SET commitment = ''",
        "UPDATE draw_versions SET note = ''",
    ):
        with pytest.raises(psycopg.Error), store.begin() as tx:
            sql.run(tx, wrong)


def test_a_new_version_keeps_what_was_given_and_cannot_have_less(store: Store) -> None:
    publish(store, terms(prize("five", SURE, 3)))
    who = someone(store)
    for _ in range(2):
        with store.begin() as tx:
            draw_once(tx, who)
    with pytest.raises(publishing.LessThanGiven):
        publish(store, terms(prize("five", SURE, 1)))
    with pytest.raises(publishing.LessThanGiven):
        publish(store, terms(prize("five", SURE, 3), budget={"points": 9}))
    publish(store, terms(prize("five", SURE, 2), budget={"points": 12}))
    with store.begin() as tx:
        last = draw_once(tx, who).result
        assert (last.version, last.prize) == (2, "thanks")
        assert points.house_balance(tx, publishing.pays_from("test")) == 2


def test_what_somebody_drew_counts_for_whoever_takes_them_over(store: Store) -> None:
    publish(store, terms(limits={"person": 3}, earned_chances=True))
    who, other = someone(store), someone(store)
    with store.begin() as tx:
        people.grant(tx, other.id, "test", chances=2, key="task", now=NOON)
        for one in (who, other):
            draw_once(tx, one)
        people.merge(tx, source=other.id, target=who.id, today=points.day_of(NOON))
        assert draw_once(tx, who).result.chance == "earned"
    assert refused(store, who) == "person_limit"
    with store.reading() as tx:
        assert auditing.audit(tx, "test", SEEDS).findings == []
