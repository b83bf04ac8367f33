"""What became of a message whose receipt is late or lost: the SMSC is asked, where it can be."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from models import receipts
from models.base import Tx
from sms.wire.frames import Told
from tests.conftest import World
from tests.workers.conftest import Owing
from tests.workers.sender.conftest import Phone, Running, until
from workers.sender.coming import NOT_KNOWN, Asking

QUERY_FAILED = 0x67  # ESME_RQUERYFAIL: of this message it knows nothing
LONG = "【和生活圈】" + "这是很长的一条短信。" * 12


@pytest.fixture(params=["smpp"])
def gateway(request: pytest.FixtureRequest) -> str:
    """CMPP_QUERY counts the messages of a day: of one message it tells nothing."""
    return str(request.param)


@pytest.fixture
def environment(gateway: str) -> dict[str, str]:
    return {
        "CIRCLE_SMS__GATEWAY": gateway, "CIRCLE_SMS__POLL_S": "0.02",
        "CIRCLE_SMS__SMPP__QUERY_MINUTES": "0.001",
    }  # fmt: skip


def test_a_lost_receipt_is_asked_for(
    owing: Owing, world: World, running: Running, wang: Phone
) -> None:
    world.fault("smsc.receipt", "drop")
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "sent", "sent")
    world.clock.advance(minutes=1)
    until(lambda: owing.get(owed).state == "delivered", "settled by the answer to a question")
    assert len(wang.heard()) == 1


def test_every_part_of_a_long_text_is_asked_for(
    owing: Owing, world: World, running: Running
) -> None:
    world.fault("smsc.receipt", "drop", times=0)
    owed = owing.sms(LONG)
    until(lambda: owing.get(owed).state == "sent", "sent")
    assert world.rows("SELECT count(*) FROM sms_parts WHERE state = 'sent'") == [(2,)]
    world.clock.advance(minutes=1)
    until(lambda: owing.get(owed).state == "delivered", "settled by two answers")


def test_what_is_still_under_way_is_asked_for_again_later(
    owing: Owing, world: World, running: Running
) -> None:
    world.fault("smsc.receipt", "late", seconds=3600)
    owed = owing.sms()
    until(lambda: owing.get(owed).state == "sent", "sent")
    world.clock.advance(minutes=1)
    until(lambda: owing.get(owed).status == "asked 1", "asked once")
    world.clock.advance(minutes=10)
    until(lambda: owing.get(owed).status == "asked 3", "asked for the last time")
    assert owing.get(owed).state == "sent"


def test_an_smsc_that_takes_no_questions_is_asked_no_more(running: Running) -> None:
    assert running.sender is not None
    (carrier,) = running.sender.carriers
    asking, late = Asking("10086"), receipts.Late("smpp:1", "001")
    assert asking.possible([carrier])
    assert asking.told(carrier, late, Told(1, QUERY_FAILED, "", "")) is None
    assert asking.possible([carrier])
    assert asking.told(carrier, late, Told(2, NOT_KNOWN, "", "")) is None
    assert not asking.possible([carrier])


def test_nothing_is_asked_that_twilio_or_cmpp_has_taken(owing: Owing, world: World) -> None:
    now, ids = world.clock(), ("smpp:1", "cmpp:1", "SM1")
    for provider_id in ids:
        owed = owing.sms()
        world.rows(
            "UPDATE outbox SET state = 'sent', status = 'sent', provider_id = %s, settled_at = %s"
            " WHERE id = %s RETURNING 1",
            provider_id, now, owed,
        )  # fmt: skip

    def ask(minutes: int, tx: Tx) -> list[str]:
        after, then = timedelta(minutes=10), now + timedelta(minutes=minutes)
        return [one.provider_id for one in receipts.late(tx, after=after, limit=9, now=then)]

    answers = [world.circle.store.run(partial(ask, m)) for m in (9, 11, 12, 121, 1441)]
    assert answers == [[], ["smpp:1"], [], ["smpp:1"], ["smpp:1"]]
