"""A sender's beat: once a second what its binds, windows and spool look like."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from integrations.sender_beat import GatewaySeen, SenderBeat
from sms.wire.binds import Carrier
from workers.sender.process import Sender

EVERY_S = 1.0


@dataclass(slots=True)
class Beating:
    """Says how a sender is while it runs. `full_since`: gateway -> since when it has no room."""

    sender: Sender
    beat: SenderBeat
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic
    full_since: dict[str, float] = field(default_factory=dict)

    async def run(self) -> None:
        """Until it is cancelled; Redis is asked on a thread, so that nothing waits for it."""
        try:
            while True:
                await asyncio.to_thread(self.say, {c.name: self.seen(c) for c in self._carriers})
                await asyncio.sleep(EVERY_S)
        finally:
            if not self.sender.hearing.spool.size:
                self.beat.gone()

    @property
    def _carriers(self) -> list[Carrier]:
        return list(self.sender.carriers)

    def say(self, gateways: dict[str, GatewaySeen]) -> None:
        """Say how it is."""
        spool = self.sender.hearing.spool.size
        self.beat.beat(spool_bytes=spool, gateways=gateways, now=self.now())

    def seen(self, carrier: Carrier) -> GatewaySeen:
        """A gateway as it is."""
        window, under_way = carrier.most, carrier.under_way
        full = 0 < window <= under_way
        since = self.full_since.setdefault(carrier.name, self.clock()) if full else None
        if not full:
            self.full_since.pop(carrier.name, None)
        return GatewaySeen(
            bound=carrier.bound,
            wanted=carrier.wanted,
            under_way=under_way,
            window=window,
            full_s=int(self.clock() - since) if since is not None else 0,
            share_percent=round(carrier.health.share * 100),
        )
