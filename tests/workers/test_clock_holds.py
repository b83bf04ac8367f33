"""The clock gives back what was reserved and never asked for again."""

from __future__ import annotations

from datetime import timedelta

from structlog.testing import capture_logs

from models import points, subscribers
from models.points import holds
from tests.conftest import World
from tests.models.conftest import cause
from tests.workers.conftest import LI


def _usable(world: World) -> int:
    who = world.circle.store.read(lambda tx: subscribers.find(tx, "sms", LI))
    assert who
    now = world.clock()
    return world.circle.store.read(
        lambda tx: points.balance(tx, who, now=now, expiring_days=0)
    ).usable


def test_a_hold_past_its_limit_is_released_at_the_next_tick(world: World) -> None:
    before = _usable(world)
    with world.circle.store.begin() as tx:
        li = subscribers.find(tx, "sms", LI)
        assert li
        holds.hold(
            tx, li, points=10, lasts=timedelta(minutes=5), cause=cause("hold"), now=world.clock()
        )
    world.tick()
    assert _usable(world) == before - 10
    world.clock.advance(minutes=5, seconds=1)
    with capture_logs() as logs:
        world.tick()
    assert _usable(world) == before
    assert {"event": "holds released", "holds": 1, "log_level": "info"} in logs
