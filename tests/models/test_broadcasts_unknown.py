"""Broadcasts whose messages were handed to a sender, or a gateway, that says nothing of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from models import outbox, submissions
from models.broadcasts import queueing
from models.store import Store
from tests import broadcasts
from tests.broadcasts import NO_NIGHT, numbers, seen
from tests.models.conftest import NOON

PACING = queueing.Pacing(timedelta(seconds=5), 500)


def test_what_nobody_knows_of_holds_the_others_up_only_where_it_is_very_much(
    store: Store,
) -> None:
    number = store.run(lambda tx: broadcasts.running(tx, numbers(400), now=NOON, pace_s=10))
    left = 0
    for seconds in range(0, 48, 6):
        now = NOON + timedelta(seconds=seconds)
        store.run(
            lambda tx: queueing.queue(tx, number, policy=NO_NIGHT, pacing=PACING, now=now)  # noqa: B023
        )
        left += len(sender_dies(store, now + timedelta(seconds=5)))
    assert left == 250
    assert seen(store, number).queued == 250


def sender_dies(store: Store, now: datetime) -> list[outbox.Owed]:
    """It takes what there is, and never says what became of it; its lease is over."""
    taken = store.run(
        lambda tx: submissions.take(
            tx,
            usual="smpp",
            limit=1000,
            lease=timedelta(seconds=1),
            unknown_for=timedelta(minutes=10),
            now=now,
        )
    )
    store.run(lambda tx: submissions.unknown(tx, taken))
    return taken
