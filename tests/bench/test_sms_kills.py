"""kill -9 of the sender's process while it sends: nothing is lost, nothing leaves twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import people, sms_kills
from bench.sms_plane import Plane, environment
from models.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.own_database, pytest.mark.timeout(600)]

MESSAGES, KILLS = 500, 3


def test_a_sender_that_is_killed_again_and_again_sends_everything_once(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    store = Store(database_url, connections=2, patience_s=30)
    people.make(store, MESSAGES)
    given = environment(database_url, redis_url) | {"CIRCLE_DATA_DIR": str(tmp_path / "data")}
    first, second = sms_kills.run(Plane(store, given, tmp_path), KILLS, MESSAGES)
    store.close()
    assert (first.doubled, first.lost, first.once + first.unknown) == (0, 0, MESSAGES)
    assert (second.doubled, second.lost, second.once) == (0, 0, MESSAGES)
