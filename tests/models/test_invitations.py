"""Invitations: both rewarded once, whatever comes at the same moment; never oneself, no rings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from models import clubs, merging, points, sql, subscribers
from models.base import Tx
from models.invitations import codes as coded
from models.invitations import coming, limits, looking
from models.invitations.codes import Code, NotAMember
from models.invitations.coming import Settled
from models.invitations.limits import Limits
from models.store import Store
from models.subscribers import Subscriber
from tests.invitations import rewarding
from tests.models.conftest import NOON, at_once, newcomer, rows

LIMITS = Limits(a_day=3, a_month=4, sms_a_day=2, lasts=timedelta(days=30), rest=timedelta(days=90))
LATER = NOON + timedelta(hours=1)
INVITER_GETS, FRIEND_GETS = 100, 50


@pytest.fixture(autouse=True)
def _rewards(store: Store) -> None:
    rewarding(store, NOON)


def member(store: Store, club: str = "film", at: datetime = NOON) -> Subscriber:
    def make(tx: Tx) -> Subscriber:
        who = newcomer(tx)
        clubs.join(tx, who, club, origin="test", now=at)
        return who

    return store.run(make)


def stranger(store: Store) -> Subscriber:
    return store.run(newcomer)


def code_of(store: Store, who: Subscriber, club: str = "film") -> Code:
    return store.run(lambda tx: coded.of(tx, who, club, NOON))


def comes(store: Store, code: Code, friend: Subscriber, now: datetime = NOON) -> str | None:
    def work(tx: Tx) -> str | None:
        held = subscribers.lock_id(tx, friend.id)
        found = coded.find(tx, code.number)
        assert found is not None
        return coming.accept(tx, found, held, way="scan", limits=LIMITS, now=now)

    return store.run(work)


def joins(store: Store, friend: Subscriber, now: datetime = LATER) -> Settled | None:
    def work(tx: Tx) -> Settled | None:
        held = subscribers.lock_id(tx, friend.id)
        clubs.join(tx, held, "film", origin="test", now=now)
        return coming.settle(tx, held, limits=LIMITS, now=now)

    return store.run(work)


def brings(store: Store, inviter: Subscriber, now: datetime = LATER) -> Subscriber:
    """Somebody new, who came and joined."""
    friend = stranger(store)
    assert comes(store, code_of(store, inviter), friend, now) is None
    assert joins(store, friend, now) is not None
    return friend


def has(store: Store, who: Subscriber) -> int:
    return store.read(lambda tx: points.balance(tx, who, now=LATER, expiring_days=30).total)


def test_both_are_rewarded_once_when_the_friend_has_joined(store: Store) -> None:
    li, han = member(store), stranger(store)
    assert comes(store, code_of(store, li), han) is None
    assert (has(store, li), has(store, han)) == (0, 0)
    settled = joins(store, han)
    assert settled is not None
    assert (settled.why, settled.points, settled.friend_points) == (
        None, INVITER_GETS, FRIEND_GETS,
    )  # fmt: skip
    assert joins(store, han) is None
    assert (has(store, li), has(store, han)) == (INVITER_GETS, FRIEND_GETS)
    assert rows(store, "SELECT state, points, friend_points FROM invitations") == [
        ("joined", INVITER_GETS, FRIEND_GETS)
    ]


def test_a_code_is_personal_the_same_every_time_and_only_of_members(store: Store) -> None:
    li, han = member(store), member(store)
    assert code_of(store, li).number == code_of(store, li).number
    assert code_of(store, li).number != code_of(store, han).number
    with pytest.raises(NotAMember):
        code_of(store, li, "car")
    assert store.read(lambda tx: coded.find(tx, 123_456_789)) is None


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda store, li: (li, "oneself"), id="oneself"),
        pytest.param(lambda store, li: (member(store), "not_new"), id="a member already"),
        pytest.param(lambda store, li: (brings(store, li), "pair"), id="rewarded before"),
        pytest.param(
            lambda store, li: (brings(store, member(store)), "brought"), id="brought by another"
        ),
    ],
)
def test_who_does_not_count_is_refused_and_the_reason_is_kept(
    store: Store, arrange: Callable[[Store, Subscriber], tuple[Subscriber, str]]
) -> None:
    li = member(store)
    friend, why = arrange(store, li)
    for _ in range(3):
        assert comes(store, code_of(store, li), friend, LATER) == why
    assert joins(store, friend, LATER) is None
    kept = rows(store, "SELECT why, times FROM invitations WHERE state = 'refused'")
    assert kept == [(why, 3)]


def test_who_has_agreed_to_join_by_themselves_is_not_new_unless_it_failed(store: Store) -> None:
    li, friend = member(store), stranger(store)
    store.run(lambda tx: clubs.start_opening(tx, friend, "film", origin="t", now=NOON))
    assert comes(store, code_of(store, li), friend, LATER) == "not_new"
    store.run(lambda tx: clubs.refuse(tx, friend, "film", origin="t", now=LATER))
    assert comes(store, code_of(store, li), friend, LATER + timedelta(minutes=1)) is None


def test_a_ring_is_refused_by_the_function_and_by_the_table(store: Store) -> None:
    li = member(store)
    han = brings(store, li)
    wang = brings(store, han)
    assert comes(store, code_of(store, wang), li, LATER) == "ring"
    with pytest.raises(psycopg.Error, match="a ring of invitations"), store.begin() as tx:
        sql.run(
            tx,
            "INSERT INTO invitations (subscriber_id, inviter_id, club_code, way, state, began_at,"
            " accepted_at, expires_at, changed_at) VALUES (%(li)s, %(wang)s, 'film', 'scan',"
            " 'joined', now(), now(), now() + interval '1 day', now())",
            {"li": li.id, "wang": wang.id},
        )


def test_who_came_first_has_brought_them_until_that_lapses(store: Store) -> None:
    li, han, friend = member(store), member(store), stranger(store)
    assert comes(store, code_of(store, li), friend) is None
    assert comes(store, code_of(store, li), friend) is None
    assert comes(store, code_of(store, han), friend) == "waiting"
    late = NOON + LIMITS.lasts
    assert comes(store, code_of(store, han), friend, late) is None
    settled = joins(store, friend, late + timedelta(hours=1))
    assert settled is not None
    assert settled.inviter.id == han.id
    assert has(store, li) == 0


def test_what_joins_after_it_lapsed_gives_nothing(store: Store) -> None:
    li, friend = member(store), stranger(store)
    comes(store, code_of(store, li), friend)
    assert joins(store, friend, NOON + LIMITS.lasts) is None
    assert rows(store, "SELECT state FROM invitations") == [("lapsed",)]


def test_so_many_friends_count_a_day_and_a_month(store: Store) -> None:
    li = member(store)
    for _ in range(LIMITS.a_day):
        brings(store, li)
    assert comes(store, code_of(store, li), stranger(store), LATER) == "day"
    tomorrow = LATER + timedelta(days=1)
    brings(store, li, tomorrow)
    assert comes(store, code_of(store, li), stranger(store), tomorrow) == "month"
    assert store.read(lambda tx: limits.full(tx, li.id, LIMITS, tomorrow)) == "month"
    assert has(store, li) == LIMITS.a_month * INVITER_GETS
    with pytest.raises(psycopg.Error, match="limit"), store.begin() as tx:
        sql.run(tx, "UPDATE invitation_counts SET number = at_most + 1")


def test_the_same_pair_at_once_is_rewarded_once(store: Store) -> None:
    li, friend = member(store), stranger(store)
    code = code_of(store, li)
    assert at_once([partial(comes, store, code, friend)] * 4) == [None] * 4
    settled = at_once([partial(joins, store, friend)] * 4)
    assert sum(each is not None for each in settled) == 1
    assert (has(store, li), has(store, friend)) == (INVITER_GETS, FRIEND_GETS)
    assert rows(store, "SELECT count(*) FROM invitations") == [(1,)]


def test_of_two_who_invite_at_once_one_has_brought_the_friend(store: Store) -> None:
    inviters, friend = [member(store) for _ in range(4)], stranger(store)
    works = [partial(comes, store, code_of(store, each), friend) for each in inviters]
    assert sorted(at_once(works), key=str) == [None, "waiting", "waiting", "waiting"]
    assert joins(store, friend) is not None
    assert sum(has(store, each) for each in inviters) == INVITER_GETS


def test_more_friends_than_count_join_at_once(store: Store) -> None:
    li = member(store)
    friends = [stranger(store) for _ in range(LIMITS.a_day + 3)]
    for friend in friends:
        assert comes(store, code_of(store, li), friend) is None
    settled = at_once([partial(joins, store, friend) for friend in friends])
    assert sorted(str(each.why) for each in settled if each) == ["None"] * 3 + ["day"] * 3
    assert has(store, li) == LIMITS.a_day * INVITER_GETS
    assert sum(has(store, friend) for friend in friends) == LIMITS.a_day * FRIEND_GETS


def test_the_clock_finds_who_joined_by_another_door(store: Store) -> None:
    li, friend = member(store), stranger(store)
    comes(store, code_of(store, li), friend)
    assert store.read(lambda tx: coming.due(tx, LATER, 10)) == []
    store.run(lambda tx: clubs.join(tx, friend, "car", origin="import", now=LATER))
    assert store.read(lambda tx: coming.due(tx, LATER, 10)) == [friend.id]


def test_ones_own_second_account_is_oneself_once_they_are_one(store: Store) -> None:
    li = member(store)
    other = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_second", NOON))
    assert comes(store, code_of(store, li), other) is None
    store.run(lambda tx: _merge(tx, other, li))
    settled = store.run(lambda tx: coming.settle(tx, li, limits=LIMITS, now=LATER))
    assert settled is None or settled.why == "oneself"
    assert has(store, li) == 0


def test_a_friend_who_binds_a_number_is_still_the_friend(store: Store) -> None:
    li, number = member(store), stranger(store)
    chat = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_friend", NOON))
    assert comes(store, code_of(store, li), chat) is None
    store.run(lambda tx: _merge(tx, chat, number))
    settled = joins(store, number)
    assert settled is not None
    assert (settled.why, has(store, number)) == (None, FRIEND_GETS)
    assert joins(store, number) is None


def test_of_two_accounts_that_became_one_the_first_invitation_counts(store: Store) -> None:
    li, han, number = member(store), member(store), stranger(store)
    chat = store.run(lambda tx: subscribers.lock(tx, "wechat", "o_both", NOON))
    assert comes(store, code_of(store, li), chat) is None
    assert comes(store, code_of(store, han), number, NOON + timedelta(minutes=1)) is None
    store.run(lambda tx: _merge(tx, chat, number))
    settled = joins(store, number)
    assert settled is not None
    assert settled.inviter.id == li.id
    found = rows(store, "SELECT state, why FROM invitations ORDER BY id")
    assert found == [("joined", None), ("refused", "brought")]


def test_who_was_deleted_is_not_rewarded_and_their_code_is_nobodys(store: Store) -> None:
    li, friend = member(store), stranger(store)
    comes(store, code_of(store, li), friend)
    with store.begin() as tx:
        sql.run(tx, "UPDATE subscribers SET status = 'deleted' WHERE id = %(id)s", {"id": li.id})
    settled = joins(store, friend)
    assert settled is not None
    assert settled.why == "gone"
    assert (has(store, li), has(store, friend)) == (0, 0)


def test_the_table_knows_one_inviter_a_friend_and_no_self_invitation(store: Store) -> None:
    li, han, friend = member(store), member(store), stranger(store)
    comes(store, code_of(store, li), friend)
    insert = (
        "INSERT INTO invitations (subscriber_id, inviter_id, club_code, way, state, began_at,"
        " accepted_at, expires_at, changed_at) VALUES (%(friend)s, %(by)s, 'film', 'scan',"
        " 'accepted', now(), now(), now() + interval '1 day', now())"
    )
    for one, by, named in ((friend, han, "one_inviter"), (han, han, "oneself")):
        with pytest.raises(psycopg.Error, match=named), store.begin() as tx:
            sql.run(tx, insert, {"friend": one.id, "by": by.id})


def test_what_is_promised_is_what_the_live_rules_give(store: Store) -> None:
    assert store.read(lambda tx: looking.promised(tx, NOON)) == (INVITER_GETS, FRIEND_GETS)


def _merge(tx: Tx, source: Subscriber, target: Subscriber) -> None:
    subscribers.lock_id(tx, source.id)
    subscribers.lock_id(tx, target.id)
    merging.merge(tx, source=source, target=target, origin="test", now=NOON)
