"""The mailbox and preferences in the database: races, merging, deletion, and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import psycopg
import pytest

from models import mailbox, merging, outbox, preferences, sql, ways
from models.base import Tx
from models.outbox import Owed
from models.privacy import erasure
from models.sending_policy import Policy
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, at_once, cause, newcomer, rows

LEASE = timedelta(minutes=1)
_numbers = count(1)


def keep(tx: Tx, who: Subscriber, *, kind: str = "gifts", category: str = "notice") -> int:
    """A notice as dialogs/notices.py owes it."""
    owed_id, n = outbox.next_id(tx), next(_numbers)
    sql.together(
        tx,
        [
            mailbox.keeping(
                subscriber_id=who.id, letter_id=owed_id, kind=kind, category=category,
                words=f"第{n}条", words_sms=f"【和生活圈】第{n}条", page=None, now=NOON,
            ),
            outbox.owing(
                owed_id=owed_id, subscriber_id=who.id, kind="notice", payload={}, queue="bulk",
                category=category, now=NOON,
            ),
        ],
    )  # fmt: skip
    return owed_id


def taken(tx: Tx, owed_id: int) -> Owed:
    """The row as if a worker had taken it."""
    sql.change(
        tx,
        "UPDATE outbox SET state = 'taken', leased_until = %(until)s WHERE id = %(id)s",
        {"id": owed_id, "until": NOON + LEASE},
    )
    found = outbox.get(tx, owed_id)
    assert found is not None
    return found


@pytest.fixture
def li(store: Store) -> Subscriber:
    return store.run(newcomer)


def test_the_weekly_cap_holds_however_many_are_decided_at_once(
    store: Store, li: Subscriber
) -> None:
    owed = [store.run(lambda tx: taken(tx, keep(tx, li))) for _ in range(8)]
    policy = Policy(a_week=3)

    def decide(one: Owed) -> Any:
        return store.run(lambda tx: ways.decide(tx, one, policy=policy, now=NOON))

    found = at_once([partial(decide, one) for one in owed])
    assert sum(one is not None for one in found) == 3
    ways_taken = "SELECT way, why, count(*) FROM mailbox WHERE kind = 'gifts' GROUP BY 1, 2"
    assert set(rows(store, ways_taken)) == {("sms", None, 3), ("none", "cap", 5)}
    assert rows(store, "SELECT kind, state, count(*) FROM outbox GROUP BY 1, 2 ORDER BY 3") == [
        ("sms", "taken", 3), ("mailbox", "delivered", 5),
    ]  # fmt: skip


def test_answers_do_not_use_up_the_cap(store: Store, li: Subscriber) -> None:
    policy = Policy(a_week=1)
    for category in ("answer", "answer", "notice"):
        owed = store.run(lambda tx, c=category: taken(tx, keep(tx, li, category=c)))  # type: ignore[misc]
        assert store.run(lambda tx, o=owed: ways.decide(tx, o, policy=policy, now=NOON))  # type: ignore[misc]


def test_a_row_whose_lease_went_to_somebody_else_is_not_decided_twice(
    store: Store, li: Subscriber
) -> None:
    owed = store.run(lambda tx: taken(tx, keep(tx, li)))
    first, second = (
        store.run(lambda tx: ways.decide(tx, owed, policy=Policy(), now=NOON)) for _ in range(2)
    )
    assert first is not None
    assert second is None
    assert rows(store, "SELECT count(*) FROM mailbox WHERE way = 'sms' AND kind = 'gifts'") == [
        (1,)
    ]


def test_two_who_are_one_have_one_mailbox_and_what_either_did_not_want(
    store: Store, li: Subscriber
) -> None:
    other = store.run(newcomer)

    def wishes(tx: Tx, who: Subscriber, **wanted: bool) -> None:
        new = {("gifts", channel): wish for channel, wish in wanted.items()}
        preferences.change(tx, who.id, new, question="?", answer="!", origin=f"m{who.id}", now=NOON)

    def work(tx: Tx) -> None:
        for who in (li, other, other):
            keep(tx, who)
        wishes(tx, li, sms=False)
        wishes(tx, li, sms=True)
        wishes(tx, li, wechat=False)
        wishes(tx, other, sms=False)
        merging.merge(tx, source=other, target=li, origin="test", now=NOON)

    store.run(work)
    with store.reading() as tx:
        assert len(mailbox.listed(tx, li.id, limit=9)) == 3
        assert mailbox.unread(tx, other.id) == 0
        wanted = preferences.of(tx, li.id)
    assert not wanted["gifts", "sms"]
    assert not wanted["gifts", "wechat"]
    assert wanted["points", "sms"]
    assert rows(store, "SELECT count(*) FROM notice_preferences WHERE subscriber_id = %s",
                other.id) == [(0,)]  # fmt: skip


def test_who_is_deleted_has_no_mailbox_and_gets_none_by_somebody_late(
    store: Store, li: Subscriber
) -> None:
    store.run(lambda tx: keep(tx, li))
    store.run(
        lambda tx: erasure.erase(
            tx, li.id, cause=cause("x", "forfeited"), grace_days=30, proposal_id=None, now=NOON
        )
    )
    owed = store.run(lambda tx: taken(tx, keep(tx, li)))
    assert rows(store, "SELECT * FROM mailbox WHERE kind = 'gifts'") == []
    assert store.run(lambda tx: ways.decide(tx, owed, policy=Policy(), now=NOON)) is None
    assert rows(store, "SELECT kind, status FROM outbox WHERE id = %s", owed.id) == [
        ("mailbox", "gone")
    ]


def test_what_is_old_is_forgotten_and_what_is_new_is_not(store: Store, li: Subscriber) -> None:
    store.run(lambda tx: keep(tx, li))
    assert store.run(lambda tx: mailbox.forget_before(tx, NOON, 9)) == 0
    assert store.run(lambda tx: mailbox.forget_before(tx, NOON + LEASE, 9)) == 1


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        ("kind = 'news'", "mailbox_kind_check"),
        ("category = 'advert'", "mailbox_category_check"),
        ("way = 'post', decided_at = now()", "mailbox_way_check"),
        ("way = 'sms'", "mailbox_decided_check"),
        ("way = 'none', decided_at = now()", "mailbox_why_check"),
        ("words = ''", "mailbox_words_check"),
        ("subscriber_id = -1", "mailbox_subscriber_id_fkey"),
    ],
)
def test_the_table_refuses_what_the_functions_never_write(
    store: Store, li: Subscriber, change: str, guard: str
) -> None:
    store.run(lambda tx: keep(tx, li))
    with pytest.raises(psycopg.errors.IntegrityError, match=guard), store.begin() as tx:
        sql.change(tx, f"UPDATE mailbox SET {change}")


def test_preferences_are_of_known_kinds_and_channels(store: Store, li: Subscriber) -> None:
    for wrong in (("news", "sms"), ("gifts", "post")):
        with pytest.raises(ValueError, match="no such"), store.begin() as tx:
            preferences.change(
                tx, li.id, {wrong: True}, question="", answer="", origin="", now=NOON
            )
        with pytest.raises(psycopg.errors.CheckViolation), store.begin() as tx:
            sql.change(
                tx, "INSERT INTO notice_preferences VALUES (%s, %s, %s, true, now())",
                (li.id, *wrong),
            )  # fmt: skip
