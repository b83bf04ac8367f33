"""Two and more drainers of one queue, on a real PostgreSQL, with threads."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import pytest

from models import outbox
from models.base import Tx
from models.outbox import Owed
from models.store import Store
from tests.models.conftest import NOON, at_once, rows
from tests.models.test_outbox import owe, send, take

pytestmark = pytest.mark.slow

DRAINERS = 3


def test_no_row_is_given_to_two_drainers(store: Store) -> None:
    for round_no in range(5):
        owed = [owe(store, to=3000 + 100 * round_no + number) for number in range(60)]

        def drain() -> list[int]:
            mine: list[int] = []
            while taken := take(store, limit=7):
                mine += [one.id for one in taken]
            return mine

        got = Counter(row for mine in at_once([drain] * DRAINERS) for row in mine)
        assert set(got.values()) == {1}
        # A row that another drainer was just looking at is skipped, and left for the next look.
        assert set(got) | {one.id for one in take(store, limit=100)} == set(owed)


def _put_off(tx: Tx, owed: Owed, until: datetime) -> bool:
    return outbox.put_off(tx, owed, until=until, error="busy")


def test_a_persons_messages_leave_in_order_though_drainers_compete_and_some_are_put_off(
    store: Store,
) -> None:
    people, each = 4, 8
    for number in range(people * each):
        owe(store, to=3000 + number % people)
    left: list[tuple[int, int]] = []
    writing = threading.Lock()

    def drain(name: int, at_minutes: int) -> None:
        at = NOON + timedelta(minutes=at_minutes)
        for owed in take(store, limit=2, at=at):
            if (owed.id + owed.attempts + name) % 3 == 0:
                later = at + timedelta(minutes=2)
                store.run(partial(_put_off, owed=owed, until=later))
                continue
            with writing:
                left.append((owed.subscriber_id, owed.id))
            send(store, owed)

    for minute in range(300):
        at_once([partial(drain, name, minute) for name in range(DRAINERS)])
        if len(left) == people * each:
            break
    assert len(left) == people * each
    for person in range(3000, 3000 + people):
        mine = [row for who, row in left if who == person]
        assert mine == sorted(mine)
    assert rows(store, "SELECT DISTINCT state FROM outbox") == [("sent",)]
