"""A bare bind: submits as many as its window allows, and nothing else. What the machine can do."""

from __future__ import annotations

import asyncio
import time

from settings import DEVELOPMENT
from sms.wire.binds import Address, Carrier, Ears, Limits
from sms.wire.frames import Answered, Heard, Receipted
from sms.wire.link import Link
from sms.wire.smpp import Smpp
from sms.wire.texts import parts

TEXT = "【和生活圈】空"


class _Ears(Ears):
    """Sends another one for each answer."""

    def __init__(self, count: int) -> None:
        self.left, self.answers = count, 0
        self.done = asyncio.Event()
        self.bound = asyncio.Event()
        (self.part,) = parts(TEXT, to="8613900000000", sender="10086001", reference=1)

    def answered(self, carrier: Carrier, token: object, answer: Answered) -> None:
        self.answers += 1
        self.fill(carrier)
        if not self.left and not carrier.under_way:
            self.done.set()

    def delivered(self, carrier: Carrier, link: Link, frame: Heard | Receipted) -> None:
        link.acknowledge(frame)

    def changed(self, carrier: Carrier) -> None:
        self.bound.set()

    def fill(self, carrier: Carrier) -> None:
        """As many as have room."""
        while self.left and carrier.room > 0:
            self.left -= 1
            carrier.submit(self.part, None)


async def rate(port: int, window: int, count: int) -> float:
    """Submits a second."""
    ears = _Ears(count)
    codec = Smpp(DEVELOPMENT["CIRCLE_SMS__SMPP__SYSTEM_ID"],
                 DEVELOPMENT["CIRCLE_SMS__SMPP__PASSWORD"])  # fmt: skip
    limits = Limits(window=window, rate_s=1_000_000)
    carrier = Carrier(
        "smpp", Address("127.0.0.1", port, tls=False), [codec], limits, ears, clock=time.monotonic
    )
    carrier.start()
    await ears.bound.wait()
    began = time.perf_counter()
    ears.fill(carrier)
    await ears.done.wait()
    took = time.perf_counter() - began
    await carrier.stop(2.0)
    return count / took
