"""Numbers that are not written to: kept with who, when and why; every way out asks the list."""

from __future__ import annotations

import pytest
from psycopg.errors import CheckViolation

from models import audit, blocked_numbers, outbox, sending_policy
from models.base import Tx
from models.blocked_numbers import AlreadyBlocked, Blocked, NotBlocked
from models.sending_policy import BLOCKLISTED, NO_TEST_NUMBER, ON_THE_LIST, Policy
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, newcomer, rows

BY, POLICY = audit.CLOCK, Policy()
SOLD = "周末电影半价，回复TD退订"


@pytest.fixture
def who(store: Store) -> Subscriber:
    return store.run(newcomer)


def _block(store: Store, who: Subscriber) -> Blocked:
    number = str(who.msisdn)
    return store.run(
        lambda tx: blocked_numbers.block(tx, BY, number=number, why="投诉骚扰", now=NOON)
    )


def _refusal(store: Store, who: Subscriber, category: str, policy: Policy = POLICY) -> str | None:
    def work(tx: Tx) -> str | None:
        owed = outbox.get(tx, outbox.owe(
            tx, subscriber_id=who.id, kind="sms", category=category, now=NOON,
            payload={"to": who.msisdn, "text": SOLD},
        ))  # fmt: skip
        assert owed is not None
        return sending_policy.refusal(tx, owed, policy)

    return store.run(work)


def _why(store: Store, who: Subscriber) -> str:
    return store.read(
        lambda tx: sending_policy.decide(
            tx, who, kind="marketing", category="marketing", policy=POLICY, now=NOON
        )
    ).why


def test_who_is_blocked_gets_nothing_unasked_until_unblocked(store: Store, who: Subscriber) -> None:
    assert _refusal(store, who, "marketing") is None
    blocked = _block(store, who)
    assert _why(store, who) == BLOCKLISTED
    assert [_refusal(store, who, each) for each in ("marketing", "notice")] == [ON_THE_LIST] * 2
    assert _refusal(store, who, "answer") is None
    store.run(
        lambda tx: blocked_numbers.unblock(tx, BY, blocked_id=blocked.id, why="本人要求", now=NOON)
    )
    assert (_why(store, who), _refusal(store, who, "marketing")) == ("", None)


def test_what_is_on_its_way_is_held_back_by_the_settings_lists_too(
    store: Store, who: Subscriber
) -> None:
    listed = Policy(blocklist=frozenset({str(who.msisdn)}))
    assert _refusal(store, who, "marketing", listed) == ON_THE_LIST
    assert _refusal(store, who, "answer", listed) is None
    assert _refusal(store, who, "notice", Policy(only_tests=True)) == NO_TEST_NUMBER
    ours = Policy(only_tests=True, test_numbers=frozenset({str(who.msisdn)}))
    assert _refusal(store, who, "notice", ours) is None


def test_the_list_says_who_when_and_why_and_the_journal_no_number(
    store: Store, who: Subscriber
) -> None:
    blocked = _block(store, who)
    assert (blocked.by, blocked.at, blocked.why) == ("clock", NOON, "投诉骚扰")
    with pytest.raises(AlreadyBlocked) as again:
        _block(store, who)
    assert again.value.blocked == blocked
    store.run(lambda tx: blocked_numbers.unblock(tx, BY, blocked_id=blocked.id, why="x", now=NOON))
    with pytest.raises(NotBlocked):
        store.run(
            lambda tx: blocked_numbers.unblock(tx, BY, blocked_id=blocked.id, why="x", now=NOON)
        )
    entries = rows(store, "SELECT action, subject, reason, before::text FROM audit_entries")
    assert [entry[0] for entry in entries] == ["blocklist.add", "blocklist.remove"]
    assert str(who.msisdn)[3:] not in str(entries)


@pytest.mark.parametrize(("number", "why"), [("13800000001", "x"), ("+86138", "x")])
def test_the_table_takes_nothing_but_numbers(store: Store, number: str, why: str) -> None:
    with pytest.raises(CheckViolation):
        store.run(lambda tx: blocked_numbers.block(tx, BY, number=number, why=why, now=NOON))


def test_a_reason_is_needed(store: Store, who: Subscriber) -> None:
    with pytest.raises(ValueError, match="reason"):
        store.run(
            lambda tx: blocked_numbers.block(tx, BY, number=str(who.msisdn), why=" ", now=NOON)
        )
