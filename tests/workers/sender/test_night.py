"""By night only what is an answer leaves."""

from __future__ import annotations

import pytest

from models.points import SHANGHAI
from tests.conftest import MovableClock, World
from tests.workers.conftest import LI, Owing
from tests.workers.sender.conftest import Phone, Running, until


@pytest.fixture
def clock() -> MovableClock:
    """It is half past ten in the evening in China."""
    made = MovableClock()
    made.turn_to(made().astimezone(SHANGHAI).replace(hour=22, minute=30))
    return made


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {
        "CIRCLE_NOTICES__QUIET_FROM": "21:00", "CIRCLE_NOTICES__QUIET_UNTIL": "08:00",
    }  # fmt: skip


def test_what_is_unasked_and_due_at_night_waits_for_the_morning(
    owing: Owing, world: World, running: Running, wang: Phone
) -> None:
    notice = owing.sms("【和生活圈】积分快到期了", to=LI, queue="bulk", category="notice")
    until(lambda: owing.due_in_s(notice) > 0, "put off")
    answer = owing.sms("【和生活圈】您的积分")
    until(lambda: owing.get(answer).state == "delivered", "delivered")
    row = owing.get(notice)
    assert (row.state, row.attempts, row.submitted_at) == ("owed", 0, None)
    ((due_at,),) = world.rows("SELECT due_at FROM outbox WHERE id = %s", notice)
    assert f"{due_at.astimezone(SHANGHAI):%H:%M:%S}" == "08:00:00"
