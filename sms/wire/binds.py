"""All binds of one gateway: opened, kept open, opened again after a pause that grows.

Carrier ── bind 1 ── Link
        ── bind 2 ── Link          submit() takes the link with the most room
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from sms.wire.frames import Answered, Codec, Heard, Part, Receipted, Told
from sms.wire.link import Link, Timing
from sms.wire.pace import Health, Pace

log = structlog.get_logger()

# A bind that lasts less long is no success: the next try waits longer, as after a refusal.
STEADY_S = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    tls: bool = False
    ca_file: str | None = None  # None: the system's authorities

    def context(self) -> ssl.SSLContext | None:
        """For TLS: the peer's certificate and name are always checked. Raises OSError."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


@dataclass(frozen=True, slots=True)
class Limits:
    """`window` submits a bind may wait for; `rate_s` SMS a second over all binds."""

    window: int = 32
    rate_s: float = 500.0
    wide: bool = False  # long texts have references of 16 bits
    reconnect_first_s: float = 1.0
    reconnect_most_s: float = 60.0
    timing: Timing = field(default_factory=Timing)


class Ears:
    """What a gateway tells whoever uses it; each does nothing until it is given."""

    def answered(self, carrier: Carrier, token: object, answer: Answered) -> None: ...

    def unanswered(self, carrier: Carrier, tokens: list[object]) -> None: ...

    def told(self, carrier: Carrier, token: object, told: Told) -> None: ...

    def delivered(self, carrier: Carrier, link: Link, frame: Heard | Receipted) -> None: ...

    def changed(self, carrier: Carrier) -> None:
        """A bind has come or gone."""


class Carrier:
    """One gateway: `codecs` has one for each bind, a transmitter and a receiver or transceivers."""

    def __init__(
        self, name: str, address: Address, codecs: Sequence[Codec], limits: Limits, ears: Ears,
        *, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self.name, self.limits = name, limits
        self.codec = codecs[0]
        self.pace = Pace(limits.rate_s, clock)
        self.health = Health(clock)
        self.links: list[Link] = []
        self.address, self.ears, self.clock = address, ears, clock
        self._codecs = codecs
        self._keepers: list[asyncio.Task[None]] = []
        self._leaving = False

    def start(self) -> None:
        """Begin to bind, and to keep the binds alive."""
        self._keepers = [
            asyncio.create_task(self._keep(number, codec))
            for number, codec in enumerate(self._codecs, start=1)
        ]
        self._keepers.append(asyncio.create_task(self._tick()))

    @property
    def room(self) -> int:
        """How many SMS may leave now, by windows and pace."""
        free = sum(link.room for link in self.links)
        return min(free, self.pace.room()) if free else 0

    @property
    def most(self) -> int:
        """How many SMS may be under way at once; 0: there is no bind over which any can leave."""
        return sum(link.window for link in self.links if link.submits)

    @property
    def wanted(self) -> int:
        """How many binds there are to be."""
        return len(self._codecs)

    @property
    def bound(self) -> int:
        return sum(link.state == "bound" for link in self.links)

    @property
    def under_way(self) -> int:
        return sum(link.under_way for link in self.links)

    def submit(self, part: Part, token: object) -> None:
        """Send an SMS over the link with the most room.

        Raises ValueError where it cannot be sent at all, LookupError without a link that has room.
        """
        best = max(self.links, key=lambda link: link.room, default=None)
        if best is None or best.room <= 0:
            raise LookupError(f"{self.name}: no bind has room")
        best.submit(part, token)
        self.pace.took(1)

    def ask(self, message_id: str, sender: str, token: object) -> bool:
        """Ask what became of a message. False: there is nobody to ask."""
        return any(link.ask(message_id, sender, token) for link in self.links if link.submits)

    async def stop(self, patience_s: float) -> None:
        """End every bind in good order; what is under way may still be answered until then."""
        self._leaving = True
        for link in self.links:
            link.leave()
        deadline = self.clock() + patience_s
        while self.links and self.clock() < deadline:
            await asyncio.sleep(0.02)
        for task in self._keepers:
            task.cancel()
        for link in list(self.links):
            link.close("stopped")
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, number: int, codec: Codec) -> None:
        """One bind: open it, wait until it is gone, open it again."""
        pause_s = self.limits.reconnect_first_s / 2
        while True:
            one = _Life(self, f"{self.name}/{number}", codec)
            why = await one.live()
            if self._leaving:
                return
            pause_s = self.limits.reconnect_first_s if one.was_steady else pause_s * 2
            pause_s = min(pause_s, self.limits.reconnect_most_s)
            log.warning("sms bind lost", gateway=self.name, link=number, why=why)
            # Spread out, so that many binds do not come back in one moment.
            await asyncio.sleep(pause_s * random.uniform(0.75, 1.25))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.limits.timing.answer_s / 4))
            for link in list(self.links):
                link.tick()


class _Life:
    """The life of one connection; the Owner of its link."""

    def __init__(self, carrier: Carrier, name: str, codec: Codec) -> None:
        self._carrier, self._name, self._codec = carrier, name, codec
        self._gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._bound_at: float | None = None
        self.was_steady = False

    async def live(self) -> str:
        """Connect and stay until the link is gone; returns why it went."""
        carrier, limits = self._carrier, self._carrier.limits
        link = Link(
            self._codec, self, window=limits.window, timing=limits.timing, clock=carrier.clock,
            name=self._name,
        )  # fmt: skip
        address = carrier.address
        try:
            async with asyncio.timeout(limits.timing.answer_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: link, address.host, address.port, ssl=address.context()
                )
        except (OSError, TimeoutError) as failed:
            return type(failed).__name__
        carrier.links.append(link)
        try:
            return await self._gone
        finally:
            lasted_s = carrier.clock() - (self._bound_at or carrier.clock())
            self.was_steady = lasted_s >= STEADY_S
            carrier.links.remove(link)
            carrier.ears.changed(carrier)

    def bound(self, link: Link) -> None:
        self._bound_at = self._carrier.clock()
        log.info("sms bind", gateway=self._carrier.name, link=link.name)
        self._carrier.ears.changed(self._carrier)

    def answered(self, link: Link, token: object, answer: Answered) -> None:
        self._carrier.ears.answered(self._carrier, token, answer)

    def unanswered(self, link: Link, tokens: list[object]) -> None:
        self._carrier.ears.unanswered(self._carrier, tokens)

    def told(self, link: Link, token: object, told: Told) -> None:
        self._carrier.ears.told(self._carrier, token, told)

    def delivered(self, link: Link, frame: Heard | Receipted) -> None:
        self._carrier.ears.delivered(self._carrier, link, frame)

    def closed(self, link: Link, why: str) -> None:
        if not self._gone.done():
            self._gone.set_result(why)
