"""Who asks for deletion and comes back by the same number gets nothing twice that is given once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest

from models import clubs, points, remembered, subscribers
from models.base import Tx
from models.broadcasts import queueing
from models.broadcasts.queueing import Pacing
from models.earning import following
from models.earning.happened import happened
from models.invitations import codes, coming
from models.invitations.limits import Limits
from models.privacy import erasure, retention
from models.store import Store
from models.subscribers import Subscriber
from tests import broadcasts
from tests.models.conftest import NOON, cause, newcomer, rows
from tests.models.earning import SOON, publish, rule

NUMBER, OTHER = "+8613900009999", "+8613900008888"
RULE = retention.BY_NAME["remembered"]
FOUR_DAYS = timedelta(days=4)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A store that remembers, as the product's does."""
    opened = Store(
        database_url, connections=4, patience_s=10, remembering=remembered.key_of("a secret")
    )
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def _rewards(store: Store) -> None:
    """What is given once, and a check-in, which is not."""
    task = {"code": "first-club", "title": "加入", "how": "加入", "event": "club_joined"}
    store.run(
        lambda tx: following.publish(
            tx, {"tasks": [task | {"repeats": "once"}]}, author="wang", note="t", now=NOON
        )
    )
    publish(
        store, rule("joining", event="club_joined", amount=10),
        rule("task", event="task_done", amount=50), rule("survey", event="survey_answered"),
        rule("binding", event="number_bound"), rule("check-in", event="checked_in", amount=5),
        rule("friend", event="friend_invited", amount=100),
        rule("came", event="came_invited", amount=30),
    )  # fmt: skip


def called(store: Store, number: str) -> Subscriber:
    return store.run(lambda tx: subscribers.lock(tx, "sms", number, NOON))


def does(store: Store, who: Subscriber, kind: str, **values: str) -> int:
    key = f"{kind}:{'.'.join(values.values())}:{who.id}"
    return store.run(lambda tx: happened(tx, who.id, kind, key=key, values=values, now=SOON))


def joins(store: Store, who: Subscriber) -> int:
    """Become a member of the film club; the points for it, and for the task that it does."""

    def work(tx: Tx) -> int:
        clubs.join(tx, subscribers.lock_id(tx, who.id), "film", origin="test", now=SOON)
        key = f"joined:film:{who.id}"
        return happened(tx, who.id, "club_joined", key=key, values={"club": "film"}, now=SOON)

    return store.run(work)


def is_deleted(store: Store, who: Subscriber) -> None:
    store.run(
        lambda tx: erasure.erase(
            tx, who.id, cause=cause(f"privacy:{who.id}", "forfeited"), grace_days=30,
            proposal_id=None, now=SOON,
        )
    )  # fmt: skip


def marks(store: Store) -> int:
    return int(rows(store, "SELECT count(*) FROM remembered_rewards")[0][0])


def test_the_same_number_is_not_rewarded_again_and_another_one_is(store: Store) -> None:
    li = called(store, NUMBER)
    assert joins(store, li) == 60
    is_deleted(store, li)
    again, other = called(store, NUMBER), called(store, OTHER)
    assert again.id != li.id
    assert joins(store, again) == 0
    assert joins(store, other) == 60
    assert does(store, again, "checked_in") == 5  # not for life
    assert does(store, again, "survey_answered", survey="film") == 10  # was not had before
    missed = rows(store, "SELECT rule, events FROM earning_misses WHERE reason LIKE 'had%%'")
    assert sorted(missed) == [("joining", 1), ("task", 1)]


def test_deleting_again_and_again_gives_nothing_and_joins_what_was_had(store: Store) -> None:
    li = called(store, NUMBER)
    joins(store, li)
    for _ in range(3):
        is_deleted(store, li)
        li = called(store, NUMBER)
        assert joins(store, li) == 0
    assert marks(store) == 4  # the task, the club, that they were a member, and are gone


def test_who_comes_back_is_no_friend_whom_somebody_brings(store: Store) -> None:
    li, wang = called(store, NUMBER), store.run(newcomer)
    joins(store, li)
    joins(store, wang)
    is_deleted(store, li)
    again = called(store, NUMBER)
    limits = Limits(
        a_day=3, a_month=4, sms_a_day=2, lasts=timedelta(days=30), rest=timedelta(days=90)
    )

    def comes(tx: Tx, friend: Subscriber) -> str | None:
        code = codes.of(tx, wang, "film", SOON)
        return coming.accept(tx, code, friend, way="scan", limits=limits, now=SOON)

    assert store.run(partial(comes, friend=again)) == "not_new"
    assert store.run(partial(comes, friend=called(store, OTHER))) is None


def test_nothing_kept_names_a_number_and_another_key_finds_nothing(
    store: Store, database_url: str
) -> None:
    li = called(store, NUMBER)
    joins(store, li)
    is_deleted(store, li)
    kept = rows(store, "SELECT t::text FROM remembered_rewards t")
    assert kept
    assert not [row for row in kept if NUMBER[-8:] in row[0] or str(li.id) in row[0].split(",")]
    again = called(store, NUMBER)
    wanted = {(again.id, remembered.MEMBER)}
    assert store.read(lambda tx: remembered.had(tx, wanted)) == wanted
    for key in (None, remembered.key_of("another secret")):
        other = Store(database_url, connections=1, patience_s=10, remembering=key)
        assert other.read(lambda tx: remembered.had(tx, wanted)) == set()
        other.close()


def test_no_list_writes_to_whoever_wished_to_be_forgotten(store: Store) -> None:
    is_deleted(store, called(store, NUMBER))
    for who, skipped in ((None, {"gone": 1}), (NUMBER, {})):
        if who:  # of their own will
            called(store, who)
        number = store.run(lambda tx: broadcasts.running(tx, [NUMBER, OTHER], now=NOON))
        queue = partial(queueing.queue, policy=broadcasts.NO_NIGHT, pacing=Pacing(), now=NOON)
        store.run(partial(queue, number=number))
        assert broadcasts.seen(store, number).reasons == skipped
    assert store.read(lambda tx: subscribers.find(tx, "sms", OTHER))


def test_it_is_forgotten_in_time(store: Store) -> None:
    li = called(store, NUMBER)
    joins(store, li)
    is_deleted(store, li)
    bite = partial(retention.bite, rule=RULE, days=3)
    assert store.run(lambda tx: bite(tx, now=SOON + timedelta(days=3))) == 0
    assert store.run(lambda tx: bite(tx, now=SOON + FOUR_DAYS)) == 4
    assert joins(store, called(store, NUMBER)) == 60


@pytest.mark.parametrize("kind", ["survey_answered", "number_bound", "came_invited"])
def test_each_reward_of_a_life_has_a_name_and_a_visit_has_none(kind: str) -> None:
    assert remembered.once(kind, f"x:{kind}:7", {"survey": "film"})
    assert remembered.once("checked_in", "x", {}) is None
    assert remembered.once("activity_attended", "x", {}) is None
    assert remembered.once("task_done", "task:a:once:7", {}) == "task:a:once"


def test_points_of_another_life_are_gone_with_it(store: Store) -> None:
    li = called(store, NUMBER)
    joins(store, li)
    is_deleted(store, li)
    again = called(store, NUMBER)
    assert store.read(lambda tx: points.balance(tx, again, now=SOON, expiring_days=1)).total == 0
