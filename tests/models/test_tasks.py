"""Tasks: events do them, once in their period, and the earning rules say what they are worth."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import psycopg
import pytest

from models import clubs, merging, points, sql, subscribers, tasks
from models.base import Tx
from models.earning import following
from models.earning.earn import earn
from models.earning.happened import happened
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, at_once, newcomer, rows
from tests.models.earning import SOON, event, publish, record, rule

JOIN = {"code": "first-club", "title": "加入", "how": "加入", "event": "club_joined",
        "repeats": "once"}  # fmt: skip
FILM = JOIN | {"code": "film", "title": "看电影", "event": "activity_attended", "club": "film",
               "repeats": "monthly"}  # fmt: skip
DAILY = JOIN | {"code": "daily", "title": "天天来", "event": "checked_in", "repeats": "daily"}


@pytest.fixture
def li(store: Store) -> Subscriber:
    live(store, JOIN, FILM, DAILY)
    publish(store, rule("joining", event="task_done", when='event.task == "first-club"', amount=50))
    return store.run(newcomer)


def live(store: Store, *found: dict[str, str]) -> None:
    store.run(
        lambda tx: following.publish(
            tx, {"tasks": list(found)}, author="wang", note="test", now=NOON
        )
    )


def has(store: Store, who: Subscriber) -> int:
    return store.read(lambda tx: points.balance(tx, who, now=SOON, expiring_days=1)).usable


def joined(tx: Tx, who: Subscriber, club: str = "film") -> int:
    return happened(
        tx, who.id, "club_joined", key=f"joined:{club}:{who.id}", values={"club": club}, now=SOON
    )


def test_an_event_does_a_task_once_and_is_worth_what_the_rules_say(
    store: Store, li: Subscriber
) -> None:
    assert store.run(lambda tx: joined(tx, li)) == 50
    assert store.run(lambda tx: joined(tx, li)) == 0
    assert store.run(lambda tx: joined(tx, li, "car")) == 0  # another club: done already
    assert has(store, li) == 50
    assert rows(store, "SELECT event_id, type, values FROM earning_events ORDER BY event_id") == [
        (f"joined:car:{li.id}", "club_joined", {"club": "car"}),
        (f"joined:film:{li.id}", "club_joined", {"club": "film"}),
        (f"task:first-club:once:{li.id}", "task_done", {"task": "first-club", "club": "film"}),
    ]


def test_eight_events_at_once_do_a_task_once(store: Store, li: Subscriber) -> None:
    codes = store.read(clubs.codes)[:4] * 2
    given = at_once([partial(store.run, partial(joined, who=li, club=code)) for code in codes])
    assert (sum(given), has(store, li)) == (50, 50)
    assert rows(store, "SELECT count(*) FROM task_completions") == [(1,)]


def test_what_boss_tells_does_tasks_too_each_in_its_period(store: Store, li: Subscriber) -> None:
    publish(store, rule("daily", event="task_done", when='event.task == "daily"', amount=3))
    told = [event(li, "checked_in", at=NOON - timedelta(days=n, hours=h))
            for n in range(3) for h in (0, 1)]  # fmt: skip

    def work(tx: Tx) -> int:
        record(tx, *told)
        return earn(tx, told, SOON + timedelta(seconds=9))

    assert store.run(work) == 9
    assert has(store, li) == 9


def test_a_club_counts_the_tasks_that_were_done_there(store: Store, li: Subscriber) -> None:
    def came(tx: Tx, activity: str, club: str, days: int) -> None:
        happened(
            tx, li.id, "activity_attended", key=f"attended:{activity}:{li.id}",
            values={"activity": activity, "club": club}, now=NOON + timedelta(days=days),
        )  # fmt: skip

    store.run(lambda tx: joined(tx, li))
    for activity, club, days in (("1", "film", 1), ("2", "film", 2), ("3", "car", 3),
                                 ("4", "film", 31)):  # fmt: skip
        store.run(partial(came, activity=activity, club=club, days=days))
    # The joining, and one in each of two months.
    assert store.read(lambda tx: tasks.done(tx, li.id, "film", NOON)) == 3
    assert store.read(lambda tx: tasks.done(tx, li.id, "film", NOON + timedelta(days=5))) == 1
    assert store.read(lambda tx: tasks.done(tx, li.id, "car", NOON)) == 0


def test_what_is_open_is_listed_with_its_worth_and_clubs_show_theirs_to_members(
    store: Store, li: Subscriber
) -> None:
    def listed() -> list[tuple[str, int, bool]]:
        found = store.read(lambda tx: tasks.standings(tx, li, SOON))
        return [(each.task.code, each.points, each.done_at is not None) for each in found]

    assert listed() == [("first-club", 50, False), ("daily", 0, False)]

    def join(tx: Tx) -> None:
        clubs.join(tx, li, "film", origin="test", now=SOON)
        joined(tx, li)

    store.run(join)
    assert listed() == [("first-club", 50, True), ("film", 0, False), ("daily", 0, False)]
    live(store, JOIN | {"until": "2026-03-01"})
    assert listed() == []


def test_who_is_blocked_does_no_task(store: Store, li: Subscriber) -> None:
    store.run(lambda tx: subscribers.block(tx, li.id))
    assert store.run(lambda tx: joined(tx, li)) == 0
    assert rows(store, "SELECT count(*) FROM task_completions") == [(0,)]


def test_merged_people_have_done_what_either_did_and_nothing_is_paid_again(
    store: Store, li: Subscriber
) -> None:
    other = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_new", NOON))

    def merged(tx: Tx) -> None:
        joined(tx, other, "car")
        subscribers.lock_wholly(tx, other.id)
        subscribers.lock_wholly(tx, li.id)
        merging.merge(tx, source=other, target=li, origin="test", now=SOON)

    store.run(merged)
    assert has(store, li) == 50
    assert store.run(lambda tx: joined(tx, li)) == 0
    assert store.read(lambda tx: tasks.done(tx, li.id, "car", NOON)) == 1
    assert rows(store, "SELECT DISTINCT subscriber_id FROM task_completions") == [(li.id,)]


def test_versions_of_tasks_are_never_changed(store: Store, li: Subscriber) -> None:
    assert store.read(following.content_of) == {"tasks": [JOIN, FILM, DAILY]}
    with pytest.raises(psycopg.errors.RestrictViolation), store.begin() as tx:
        sql.run(tx, "DELETE FROM task_rules")
