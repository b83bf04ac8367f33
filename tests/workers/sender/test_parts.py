"""Parts of a long text whose answers come in any order: it is sent anew as a whole only where the
SMSC has nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from models.outbox import BULK, Owed
from models.receipts import Receipt
from sms.wire import smpp
from sms.wire.binds import Carrier
from sms.wire.frames import Answered, Part
from tests.models.conftest import NOON
from workers.sender.coming import Come, Coming
from workers.sender.outgoing import Outgoing, Results
from workers.sender.process import Sender
from workers.sender.writing import Pacing

THROTTLED = 0x58


class Well:
    def failed(self) -> bool:
        return False


@dataclass(eq=False)
class Taking:
    """A carrier that holds what it is given, until the test answers."""

    name: str = "smpp"
    room: int = 10
    most: int = 10
    codec: Any = field(default_factory=lambda: smpp.Smpp("id", "password"))
    health: Well = field(default_factory=Well)
    held: list[object] = field(default_factory=list)

    def submit(self, part: Part, token: object) -> None:
        self.held.append(token)


class Air:
    """One message of two parts under way."""

    def __init__(self) -> None:
        self.later: list[Callable[[], None]] = []
        self.taking = Taking()
        self.outgoing = Outgoing(lambda after_s, act: self.later.append(act), lambda what: None)
        self.owed = Owed(
            1, 1, BULK, "sms", "marketing", {}, None, "taken", 1, 1, NOON, NOON, None, None, None
        )

    @property
    def carrier(self) -> Carrier:
        return cast(Carrier, self.taking)

    def launch(self) -> None:
        parts = [Part("8613711110001", "10086001", b"x", 8, n, 2) for n in (1, 2)]
        self.outgoing.launch(self.carrier, self.owed, parts)

    def answer(self, place: int, status: int) -> None:
        token = self.taking.held[place]
        self.outgoing.answered(self.carrier, token, Answered(1, status, f"id{place}"))


@pytest.fixture
def air() -> Air:
    return Air()


def test_a_part_that_is_refused_for_now_goes_again_by_itself_while_another_is_under_way(
    air: Air,
) -> None:
    air.launch()
    air.answer(0, THROTTLED)
    air.answer(1, 0)
    assert not air.outgoing.results.put_back  # the second part would come twice
    [again] = air.later
    again()
    assert len(air.taking.held) == 3
    air.answer(2, 0)
    [done] = air.outgoing.results.submitted
    assert done.provider_ids == ("smpp:id2", "smpp:id1")
    assert air.outgoing.flights == 0


def test_what_is_refused_for_now_part_by_part_is_sent_anew_as_a_whole(air: Air) -> None:
    air.launch()
    air.answer(0, THROTTLED)
    air.answer(1, THROTTLED)
    assert [owed.id for owed, _ in air.outgoing.results.put_back] == [1]
    for again in air.later:
        again()
    assert len(air.taking.held) == 2


def test_what_nobody_knows_of_one_part_is_not_known_of_all(air: Air) -> None:
    air.launch()
    air.answer(0, THROTTLED)
    air.outgoing.unanswered(air.carrier, [air.taking.held[1]])
    assert not air.outgoing.results.put_back
    assert [owed.id for owed in air.outgoing.results.unknown] == [1]


def test_what_waits_behind_a_part_under_way_is_not_sent_anew_when_the_bind_ends(air: Air) -> None:
    taking, submit = air.taking, air.taking.submit

    def one(part: Part, token: object) -> None:
        if taking.held:
            raise LookupError("no room")
        submit(part, token)

    taking.submit = one  # type: ignore[method-assign]
    air.launch()
    taking.most = 0
    air.outgoing.pump(air.carrier)
    air.answer(0, 0)
    assert not air.outgoing.results.untried
    assert [owed.id for owed in air.outgoing.results.unknown] == [1]


def test_a_receipt_is_not_dropped_while_the_answer_to_its_text_waits_to_be_written(
    air: Air,
) -> None:
    sender, coming = Sender.__new__(Sender), Coming(answer_s=-1.9)
    sender.outgoing, sender._coming, sender.pacing = air.outgoing, coming, Pacing("smpp")
    receipt = Receipt("smpp:id0", "delivered", "DELIVRD", "+8613711110001", "001")
    air.launch()

    async def asks_the_database(work: object) -> list[Receipt]:
        for place in (0, 1):
            air.answer(place, 0)
        return [receipt]  # the row was not known by this id when it was looked for

    sender._in_database = asks_the_database  # type: ignore[assignment]
    writes = sender._write_batch(Results(), [Come(receipt, None, None, at=-1.0)])
    with ThreadPoolExecutor(1) as apart:  # where no browser's loop runs
        apart.submit(asyncio.run, writes).result()
    assert [one.receipt for one in coming.due()] == [receipt]
