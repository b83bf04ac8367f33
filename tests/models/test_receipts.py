"""Receipts of which no answer has told us the id: found by phone and suffix, counted by parts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models import outbox, receipts, sql, submissions
from models.base import Tx
from models.receipts import Receipt
from models.store import Store
from models.submissions import Submitted
from tests.models.conftest import NOON, newcomer

PHONE = "+8613900001111"
MINUTE = timedelta(minutes=1)


def taken(store: Store, text: str) -> int:
    """An SMS that has left, as far as anybody knows: its sender was killed."""

    def work(tx: Tx) -> int:
        owed = outbox.owe(
            tx, subscriber_id=newcomer(tx).id, kind="sms", payload={"to": PHONE, "text": text},
            category="answer", now=NOON,
        )  # fmt: skip
        take(tx, 0)
        return owed

    return store.run(work)


def take(tx: Tx, minutes: int) -> list[outbox.Owed]:
    return submissions.take(
        tx, usual="smpp", limit=1, lease=MINUTE, unknown_for=10 * MINUTE,
        now=NOON + minutes * MINUTE,
    )  # fmt: skip


def comes(store: Store, owed: int, *said: tuple[str, str]) -> int:
    """Receipts by their id and outcome; how many are of nothing of ours."""
    come = [
        Receipt(f"smpp:{key}", outcome, "DELIVRD", PHONE, submissions.suffix(owed))
        for key, outcome in said
    ]

    def work(tx: Tx) -> int:
        strange = receipts.receipts(tx, come, NOON)
        return len(receipts.resolve(tx, strange, NOON, parts_of=lambda text: text.count("|") + 1))

    return store.run(work)


def state(store: Store, owed: int) -> str:
    found = store.read(lambda tx: outbox.get(tx, owed))
    assert found is not None
    return found.state


def test_one_receipt_settles_a_text_of_one_part_and_no_text_of_two(store: Store) -> None:
    short = taken(store, "short")
    assert comes(store, short, ("1", "delivered")) == 0
    assert state(store, short) == "delivered"
    long = taken(store, "of two|parts")
    assert comes(store, long, ("2", "delivered")) == 0
    assert comes(store, long, ("2", "delivered")) == 0  # the same, once more
    assert state(store, long) == "taken"
    assert comes(store, long, ("3", "delivered")) == 0
    assert state(store, long) == "delivered"


@pytest.mark.parametrize(
    ("said", "came_to"),
    [
        ((("1", "delivered"), ("2", "delivered")), "delivered"),
        ((("1", "failed"),), "failed"),
        ((("1", "delivered"), ("2", "failed")), "failed"),
        ((("1", "sent"), ("2", "delivered")), "taken"),
        ((("1", "sent"), ("2", "delivered"), ("1", "delivered")), "delivered"),
    ],
)
def test_parts_decide_together_however_they_come(
    store: Store, said: tuple[tuple[str, str], ...], came_to: str
) -> None:
    at_once, one_by_one = (taken(store, "of two|parts") for _ in range(2))
    comes(store, at_once, *((f"a{key}", outcome) for key, outcome in said))
    for key, outcome in said:
        comes(store, one_by_one, (f"b{key}", outcome))
    assert (state(store, at_once), state(store, one_by_one)) == (came_to, came_to)


def test_a_text_of_which_half_arrived_leaves_again_and_only_what_left_last_counts(
    store: Store,
) -> None:
    owed = taken(store, "of two|parts")
    comes(store, owed, ("half", "delivered"))
    store.run(lambda tx: outbox.release_expired(tx, NOON + 2 * MINUTE))
    ((again,),) = (store.run(lambda tx: take(tx, 11)),)
    assert again.id == owed
    done = Submitted(again, ("smpp:4", "smpp:5"))
    assert store.run(lambda tx: submissions.taken_up(tx, [done], NOON + 11 * MINUTE)) == 1
    with store.reading() as tx:
        kept = sql.rows(tx, "SELECT provider_id FROM sms_parts ORDER BY 1", {})
    assert [row[0] for row in kept] == ["smpp:4", "smpp:5"]
    comes(store, owed, ("4", "delivered"))
    assert state(store, owed) == "sent"
    comes(store, owed, ("5", "delivered"))
    assert state(store, owed) == "delivered"
