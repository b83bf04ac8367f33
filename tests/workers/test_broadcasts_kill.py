"""kill -9 of whoever queues a broadcast, again and again: none twice, none lost."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from models.store import Store
from tests import broadcasts
from tests.broadcasts import numbers, seen

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
KILLS, PEOPLE = 2, 1500


@pytest.fixture
def store(database_url: str) -> Store:
    return Store(database_url, connections=4, patience_s=10)


def test_a_broadcast_whose_queueing_is_killed_has_everybody_once(
    store: Store, database_url: str
) -> None:
    now = datetime.now(UTC)
    number = store.run(lambda tx: broadcasts.running(tx, numbers(PEOPLE), now=now, pace_s=5000))
    died_at = []
    for kill in range(1, KILLS + 1):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.broadcasts", database_url], cwd=ROOT
        )
        deadline = time.monotonic() + 60
        while seen(store, number).queued < PEOPLE * kill // (KILLS + 2):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        died_at.append(seen(store, number).queued)
    assert died_at == sorted(died_at)
    assert died_at[0] < died_at[-1] < PEOPLE, "it was killed in the middle"
    clock = broadcasts.clock(store, ahead_s=60)
    while seen(store, number).queued < PEOPLE:
        clock.tick(datetime.now(UTC))
    with store.reading() as tx:
        rows = tx.exec_driver_sql(
            "SELECT count(*), count(DISTINCT payload ->> 'to'), (SELECT count(*) FROM mailbox"
            " WHERE kind = 'marketing' AND words = %s), (SELECT count(*) FROM broadcast_targets t"
            " JOIN outbox o ON o.id = t.owed_id AND o.payload ->> 'to' = t.number)"
            " FROM outbox WHERE category = 'marketing'", (broadcasts.TEXT,)
        ).one()  # fmt: skip
    assert tuple(rows) == (PEOPLE,) * 4
    store.close()
