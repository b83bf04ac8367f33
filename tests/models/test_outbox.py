"""The outbox: order per person, leases, and who may still change a row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from models import dead_letters, outbox, submissions
from models.base import Tx
from models.outbox import Owed
from models.store import Store
from tests.models.conftest import NOON, rows

LEASE = timedelta(seconds=30)
LATER = NOON + LEASE + timedelta(seconds=1)
WANG, LI = 2001, 2002  # an owed row needs nobody to exist


def owe(store: Store, text: str = "hello", *, to: int = WANG, kind: str = "sms",
        queue: str = "reply", **more: object) -> int:  # fmt: skip
    payload = {"to": "+8613800000003", "text": text, **more}
    return store.run(
        lambda tx: outbox.owe(
            tx, subscriber_id=to, kind=kind, queue=queue, payload=payload, now=NOON
        )
    )


def give_up(store: Store, owed: Owed, state: str = "dead") -> bool:
    return store.run(lambda tx: outbox.give_up(tx, owed, state=state, error="x", now=NOON))


def take(store: Store, *, limit: int = 10, queue: str = "reply", at: datetime = NOON) -> list[Owed]:
    return store.run(lambda tx: outbox.take(tx, queue=queue, limit=limit, lease=LEASE, now=at))


def accept(store: Store, owed: Owed) -> bool:
    return store.run(lambda tx: outbox.accepted(tx, owed, ask_again_at=LATER, now=NOON))


def ids(taken: list[Owed]) -> list[int]:
    return [owed.id for owed in taken]


def send(store: Store, owed: Owed) -> bool:
    return store.run(
        lambda tx: outbox.sent(tx, owed, provider_id=f"SM{owed.id}", status="queued", now=NOON)
    )


def state(store: Store, owed_id: int) -> str:
    return str(rows(store, "SELECT state FROM outbox WHERE id = %s", owed_id)[0][0])


def test_a_message_waits_for_the_earlier_one_to_the_same_person(store: Store) -> None:
    first, second, to_another = owe(store), owe(store), owe(store, to=LI)
    taken = take(store)
    assert ids(taken) == [first, to_another]
    assert take(store) == []
    send(store, taken[0])
    assert ids(take(store)) == [second]


def test_an_earlier_message_that_is_put_off_holds_the_later_ones_back(store: Store) -> None:
    first, second = owe(store), owe(store)
    (taken,) = take(store)
    until = NOON + timedelta(minutes=5)
    store.run(lambda tx: outbox.put_off(tx, taken, until=until, error="busy"))
    assert take(store, at=LATER) == []
    (again,) = take(store, at=until)
    assert (again.id, again.attempts) == (first, 2)
    send(store, again)
    assert ids(take(store, at=until)) == [second]


@pytest.mark.parametrize("end", ["failed", "dead"])
def test_a_message_that_is_given_up_holds_nobody_back(store: Store, end: str) -> None:
    first, second = owe(store), owe(store)
    (taken,) = take(store)
    assert taken.id == first
    give_up(store, taken, end)
    assert ids(take(store)) == [second]


def test_calls_and_other_kinds_and_queues_wait_for_nobody(store: Store) -> None:
    calls = [owe(store, kind="call", queue="call") for _ in range(2)]
    assert ids(take(store, queue="call")) == calls
    sms, wechat = owe(store), owe(store, kind="wechat")
    owe(store, queue="bulk")
    assert ids(take(store)) == [sms, wechat]
    assert len(take(store, queue="bulk")) == 1


def test_no_more_is_taken_than_asked_for_and_the_oldest_first(store: Store) -> None:
    owed = [owe(store, to=3000 + number) for number in range(5)]
    assert ids(take(store, limit=2)) == owed[:2]
    assert ids(take(store, limit=9)) == owed[2:]


def test_what_is_not_due_is_left(store: Store) -> None:
    owe(store)
    assert take(store, at=NOON - timedelta(seconds=1)) == []
    assert store.read(lambda tx: outbox.queues_due(tx, NOON - timedelta(seconds=1))) == []
    assert store.read(lambda tx: outbox.queues_due(tx, NOON)) == ["reply"]


def test_a_lease_that_has_not_run_out_is_left_alone(store: Store) -> None:
    owe(store)
    take(store)
    assert store.run(lambda tx: outbox.release_expired(tx, NOON + LEASE)) == 0
    assert store.run(lambda tx: outbox.release_expired(tx, LATER)) == 1
    assert len(take(store, at=LATER)) == 1


LATE: dict[str, Callable[[Tx, Owed], bool]] = {
    "submitting": lambda tx, owed: outbox.submitting(tx, owed, lease=LEASE, now=LATER),
    "sent": lambda tx, owed: outbox.sent(tx, owed, provider_id="SM1", status="sent", now=LATER),
    "accepted": lambda tx, owed: outbox.accepted(tx, owed, ask_again_at=LATER, now=LATER),
    "put off": lambda tx, owed: outbox.put_off(tx, owed, until=LATER, error="late"),
    "given up": lambda tx, owed: outbox.give_up(tx, owed, state="dead", error="late", now=LATER),
    "rerouted": lambda tx, owed: outbox.reroute_to_sms(tx, owed, payload={}, error="late"),
}


@pytest.mark.parametrize("act", LATE)
@pytest.mark.parametrize("taken_again", [False, True])
def test_a_worker_whose_lease_ran_out_can_no_longer_change_the_row(
    store: Store, act: str, taken_again: bool
) -> None:
    owed_id = owe(store)
    (mine,) = take(store)
    store.run(lambda tx: outbox.release_expired(tx, LATER))
    theirs = take(store, at=LATER) if taken_again else []
    before = rows(store, "SELECT * FROM outbox")
    assert store.run(lambda tx: LATE[act](tx, mine)) is False
    assert rows(store, "SELECT * FROM outbox") == before
    for owed in theirs:
        assert send(store, owed)
        assert state(store, owed_id) == "sent"


def test_a_worker_of_the_wechat_message_cannot_change_the_sms_that_it_became(
    store: Store,
) -> None:
    owed_id = owe(store, kind="wechat")
    (mine,) = take(store)
    store.run(lambda tx: outbox.release_expired(tx, LATER))
    (theirs,) = take(store, at=LATER)
    by_sms = {"to": "+8613800000003", "text": "hello"}
    store.run(lambda tx: outbox.reroute_to_sms(tx, theirs, payload=by_sms, error="closed"))
    (again,) = take(store, at=LATER)
    assert (again.kind, again.attempts, again.submitted_at) == ("sms", 1, None)
    assert not send(store, mine)
    assert state(store, owed_id) == "taken"


def test_saying_that_it_leaves_begins_the_lease_anew(store: Store) -> None:
    owed_id = owe(store)
    (owed,) = take(store)
    almost = NOON + LEASE - timedelta(seconds=1)
    assert store.run(lambda tx: outbox.submitting(tx, owed, lease=LEASE, now=almost))
    assert store.run(lambda tx: outbox.release_expired(tx, LATER)) == 0
    assert store.run(lambda tx: outbox.release_expired(tx, LATER + LEASE)) == 1
    (again,) = take(store, at=LATER + LEASE)
    assert (again.id, again.submitted_at) == (owed_id, almost)


def test_an_accepted_call_is_asked_about_when_its_time_has_come(store: Store) -> None:
    call = owe(store, kind="call", queue="call")
    (owed,) = take(store, queue="call")
    accept(store, owed)
    assert state(store, call) == "accepted"
    assert store.run(lambda tx: outbox.ask_again(tx, NOON)) == 0
    assert store.run(lambda tx: outbox.ask_again(tx, LATER)) == 1
    assert [again.attempts for again in take(store, queue="call", at=LATER)] == [1]


def test_an_answer_counts_once_and_whatever_state_the_call_is_in(store: Store) -> None:
    def answer(owed_id: int, said: str) -> bool:
        return store.run(lambda tx: outbox.answered(tx, owed_id, result={"state": said}, now=NOON))

    for prepare in ("owed", "taken", "accepted", "dead"):
        call = owe(store, kind="call", queue="call")
        if prepare != "owed":
            (owed,) = take(store, queue="call")
        if prepare == "accepted":
            accept(store, owed)
        if prepare == "dead":
            give_up(store, owed)
        assert state(store, call) == prepare
        assert answer(call, "opened")
        assert not answer(call, "refused")
        assert rows(store, "SELECT state, result ->> 'state' FROM outbox WHERE id = %s", call) == [
            ("answered", "opened")
        ]
    assert not answer(owe(store), "opened")  # a message has no answer


def _receive(store: Store, owed_id: int, status: str, state: str) -> bool:
    return store.run(
        lambda tx: outbox.receipt(tx, owed_id, provider_id="SM1", status=status, state=state)
    )


def test_a_receipt_that_overtakes_the_gateways_answer_is_kept(store: Store) -> None:
    owed_id = owe(store)
    (owed,) = take(store)
    assert _receive(store, owed_id, "delivered", "delivered")
    assert not send(store, owed)
    assert rows(store, "SELECT state, status, provider_id FROM outbox") == [
        ("delivered", "delivered", "SM1")
    ]


def test_a_code_is_forgotten_when_its_receipt_overtakes_the_gateways_answer(store: Store) -> None:
    owed_id = owe(store, "123456", secret=True)
    take(store)
    assert _receive(store, owed_id, "delivered", "delivered")
    assert rows(store, "SELECT payload ->> 'text' FROM outbox") == [(None,)]


def test_a_receipt_changes_nothing_that_was_never_sent(store: Store) -> None:
    waiting = owe(store)
    assert not _receive(store, waiting, "sent", "sent")
    (owed,) = take(store)
    give_up(store, owed)
    assert not _receive(store, waiting, "sent", "sent")
    assert state(store, waiting) == "dead"
    wechat = owe(store, kind="wechat")
    take(store)
    assert not _receive(store, wechat, "sent", "sent")


def test_the_gateways_ids_of_other_messages_include_those_known_by_receipt_alone(
    store: Store,
) -> None:
    first = owe(store)
    (owed,) = take(store)
    store.run(lambda tx: outbox.submitting(tx, owed, lease=LEASE, now=NOON))
    _receive(store, first, "sent", "sent")
    second = owe(store)
    (sent,) = take(store)
    assert (sent.id, send(store, sent)) == (second, True)
    third = owe(store)

    def known(number: str, since: timedelta) -> set[str]:
        return set(
            store.read(
                lambda tx: submissions.provider_ids(tx, to=number, since=NOON + since, but=third)
            )
        )

    assert known("+8613800000003", timedelta()) == {"SM1", f"SM{second}"}
    assert known("+8613800000003", timedelta(days=3)) == set()
    assert known("+8613800000009", timedelta()) == set()


def test_an_operator_gives_a_dead_row_a_second_chance_or_drops_it(store: Store) -> None:
    row, kept = owe(store), owe(store, to=LI)
    for owed in take(store):
        give_up(store, owed)
    assert not store.run(lambda tx: dead_letters.requeue(tx, [999_999], NOON))
    assert store.run(lambda tx: dead_letters.requeue(tx, [row], LATER))
    assert not store.run(lambda tx: dead_letters.requeue(tx, [row], LATER))
    assert not store.run(lambda tx: dead_letters.drop(tx, row, reason="?", now=LATER))
    (again,) = take(store, at=LATER)
    assert (again.id, again.attempts, again.error) == (row, 1, None)
    assert store.run(lambda tx: dead_letters.drop(tx, kept, reason="too old", now=LATER))
    assert rows(store, "SELECT state, error FROM outbox WHERE id = %s", kept) == [
        ("dropped", "too old")
    ]
    assert not store.run(lambda tx: dead_letters.requeue(tx, [kept], LATER))


def test_what_somebody_may_have_to_look_at_is_counted(store: Store) -> None:
    for number in range(3):
        owe(store, to=3000 + number)
    owe(store, kind="call", queue="call")
    taken = take(store, limit=2)
    send(store, taken[0])
    give_up(store, taken[1])
    assert store.read(dead_letters.counts) == {
        ("reply", "owed"): 1, ("reply", "dead"): 1, ("call", "owed"): 1,
    }  # fmt: skip
    listed = store.read(lambda tx: dead_letters.listed(tx, dead_letters.Which(), limit=5))
    assert ids(listed) == [taken[1].id]
