"""Receipts that have come, until it is known what they are of; and questions where none comes.

come ──▶ due ──▶ written ──▶ acknowledged
          ▲         └── of nothing that we know yet: once more, soon, then when no answer to a
          └─────────────    submit can come any more; then acknowledged all the same
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field

import structlog

from models.receipts import Late, Receipt
from sms.wire import receipts
from sms.wire.binds import Carrier
from sms.wire.frames import Receipted, Told
from sms.wire.link import Link

log = structlog.get_logger()

# An SMSC waits for our answers: usually no more than 10 to 50 receipts are under way on a bind. So
# many are written at once, without the pause that gathers more.
PRESSING = 8
# A receipt may overtake the answer to its submit, over another bind.
SOON_S = 0.5
PATIENCE_S = 2.0  # beyond the time that an answer may take
# SMPP's ESME_RINVCMDID: this SMSC knows no query_sm.
NOT_KNOWN = 0x03


@dataclass(slots=True)
class Come:
    """A receipt; `link` and `frame` are None where we have asked for it."""

    receipt: Receipt
    link: Link | None
    frame: Receipted | None
    at: float
    tries: int = 0

    def acknowledge(self) -> None:
        if self.link is not None and self.frame is not None:
            self.link.acknowledge(self.frame)


@dataclass(slots=True)
class Coming:
    """Lives on the event loop. `answer_s`: so long an answer to a submit may take."""

    answer_s: float = 10.0
    pressing: asyncio.Event = field(default_factory=asyncio.Event)
    _fresh: list[Come] = field(default_factory=list)
    _soon: deque[Come] = field(default_factory=deque)
    _last: deque[Come] = field(default_factory=deque)

    def put(
        self, receipt: Receipt, link: Link | None = None, frame: Receipted | None = None
    ) -> None:
        """A receipt has come."""
        self._fresh.append(Come(receipt, link, frame, time.monotonic()))
        if len(self._fresh) >= PRESSING:
            self.pressing.set()

    def due(self) -> list[Come]:
        """Those to be looked up now, in the order in which they came."""
        now = time.monotonic()
        fresh, self._fresh = self._fresh, []
        self.pressing.clear()
        for queue, wait_s in ((self._soon, SOON_S), (self._last, self.answer_s + PATIENCE_S)):
            while queue and queue[0].at + wait_s <= now:
                fresh.append(queue.popleft())
        return fresh

    def back(self, come: Sequence[Come]) -> None:
        """They could not be looked up."""
        self._fresh[:0] = come

    def looked_up(
        self, come: Sequence[Come], strange: Collection[Receipt], under_way: Container[str]
    ) -> int:
        """Acknowledge what is written; `strange` are of nothing yet. How many never will be.

        Only what is `under_way` to that phone (without +) can be what such a receipt is of: another
        one is not kept waiting, or an SMSC that waits for our answers would tell us nothing more.
        """
        unknown = {id(receipt) for receipt in strange}
        never = 0
        for one in come:
            one.tries += 1
            if id(one.receipt) not in unknown:
                one.acknowledge()
            elif one.receipt.phone.removeprefix("+") not in under_way:
                never += 1
                one.acknowledge()
            elif one.tries == 1:
                self._soon.append(one)
            elif one.tries == 2:
                self._last.append(one)
            else:
                never += 1
                one.acknowledge()
        return never


@dataclass(slots=True)
class Asking:
    """Asks SMSCs about messages whose receipt is late; of those that refuse it asks no more."""

    service_number: str
    refused: set[str] = field(default_factory=set)

    def possible(self, carriers: Sequence[Carrier]) -> bool:
        """Whether anybody can be asked now."""
        return any(one.most and one.name not in self.refused for one in carriers)

    def ask(self, carriers: Sequence[Carrier], late: Sequence[Late]) -> int:
        """How many questions have left."""
        by_name = {one.name: one for one in carriers if one.name not in self.refused}
        asked = 0
        for each in late:
            name, _, message_id = each.provider_id.partition(":")
            carrier, sender = by_name.get(name), self.service_number + each.suffix
            asked += carrier is not None and carrier.ask(message_id, sender, each)
        return asked

    def told(self, carrier: Carrier, late: Late, told: Told) -> Receipt | None:
        """An answer as a receipt, None where the SMSC does not know."""
        if told.status == NOT_KNOWN:
            if carrier.name not in self.refused:
                log.warning("sms gateway takes no questions", gateway=carrier.name)
            self.refused.add(carrier.name)
        if told.status != 0:
            return None
        code = " ".join(filter(None, (told.state, told.error)))
        return Receipt(late.provider_id, receipts.outcome(told.state), code, "", "")
