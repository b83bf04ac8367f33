"""Of two gateways the preferred one is left after many errors, and drifted back to."""

from __future__ import annotations

from collections import Counter

import pytest

from models import outbox, subscribers
from models.base import Tx
from sms.wire.binds import Carrier
from sms.wire.pace import Health
from tests.conftest import World
from tests.workers.sender.conftest import Running, until

SYSTEM_ERROR = 0x08  # SMPP's ESME_RSYSERR: not now


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "CIRCLE_SMS__GATEWAY": "smpp", "CIRCLE_SMS__BINDS": "smpp,cmpp",
        "CIRCLE_SMS__POLL_S": "0.02",
    }  # fmt: skip


@pytest.fixture(params=["smpp"])
def gateway(request: pytest.FixtureRequest) -> str:
    """The preferred one."""
    return str(request.param)


def owe(world: World, first: int, count: int) -> None:
    """SMS to as many people, each new here."""
    now = world.clock()

    def work(tx: Tx) -> None:
        for number in range(first, first + count):
            to = f"+86137{number:08}"
            who = subscribers.lock(tx, "sms", to, now)
            payload = {"to": to, "text": "【和生活圈】您好"}
            outbox.owe(tx, subscriber_id=who.id, kind="sms", payload=payload, now=now)

    world.circle.store.run(work)


def over(world: World) -> Counter[str]:
    """How many have left over which gateway."""
    return Counter(
        row[0]
        for row in world.rows(
            "SELECT split_part(provider_id, ':', 1) FROM outbox WHERE provider_id IS NOT NULL"
        )
    )


def preferred(running: Running) -> Carrier:
    assert running.sender is not None
    return running.sender.carriers[0]


def test_after_fifty_errors_the_other_one_takes_over_and_it_drifts_back(
    world: World, running: Running
) -> None:
    health, at = preferred(running).health, [0.0]
    health.clock = lambda: at[0]
    owe(world, 0, 10)
    until(lambda: over(world) == {"smpp": 10}, "all by the preferred one")

    world.fault("smsc.submit", "error", path="smpp", times=0, code=SYSTEM_ERROR)
    owe(world, 100, health.errors_most + 10)
    until(lambda: health.share == 0.0, "left")
    world.clock.advance(seconds=30)  # what was put back is due again
    until(lambda: over(world)["cmpp"] == health.errors_most + 10, "taken over", 20)
    assert over(world)["smpp"] == 10

    world.control("DELETE", "/faults")
    shares = []
    for rests in range(1, 7):
        at[0] = rests * health.rest_s + 1
        shares.append(health.share)
    assert shares == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0]
    owe(world, 200, 20)
    until(lambda: over(world)["smpp"] == 30, "back")


def test_one_error_while_it_is_tried_again_is_enough_to_leave_it_again() -> None:
    at = [0.0]
    health = Health(lambda: at[0])
    assert [health.failed() for _ in range(50)] == [False] * 49 + [True]
    at[0] = health.rest_s
    assert health.share == 0.05
    health.failed()
    assert health.share == 0.0


def test_fewer_errors_or_slower_ones_do_not_matter() -> None:
    at = [0.0]
    health = Health(lambda: at[0])
    for second in range(200):
        at[0] = second * 2.0
        assert not health.failed()
    assert health.share == 1.0


def test_a_gateway_without_a_bind_is_not_waited_for(world: World, running: Running) -> None:
    carrier = preferred(running)
    carrier.address = type(carrier.address)(carrier.address.host, 1, tls=False)  # nobody is there
    assert world.emulators.smsc is not None
    world.emulators.smsc.centre.hang_up("smpp")
    until(lambda: carrier.bound == 0, "gone")
    owe(world, 0, 5)
    until(lambda: over(world) == {"cmpp": 5}, "by the other one")
