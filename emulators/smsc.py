"""An SMSC on two ports, SMPP and CMPP: takes submits, sends receipts and what phones text.

    client ──submit──▶ Session ──▶ Centre.submitted ──▶ Verdict (status, delay, no answer at all)
    client ◀─deliver── Session ◀── queue of the protocol ◀── Centre.text, receipts

What is delivered is kept until the client has acknowledged it, and sent again over the next bind.
"""

import asyncio
import itertools
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import structlog

from emulators.smsc_wire import (
    BadFrame,
    CmppCodec,
    Receipt,
    Request,
    SmppCodec,
    SmscCodec,
    Submitted,
    cut,
)  # fmt: skip

# How many deliveries may wait for their answers on one bind, and for how long.
DELIVER_WINDOW, DELIVER_AGAIN_S = 32, 10.0
# Of so many messages, the newest, it is known what became of them.
STATES_MOST = 100_000
NOT_BOUND_FOR_IT = 0x04  # SMPP's ESME_RINVBNDSTS: a submit over a receiver

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a submit. `status` 0 takes it; `answers` False keeps silent about it."""

    status: int = 0
    after_s: float = 0.0
    answers: bool = True
    hang_up: bool = False
    state: str = "DELIVRD"  # of the receipt; "" sends none
    error: str = "000"
    receipt_after_s: float = 0.0
    became: str = "DELIVRD"  # what a query is told once the receipt is due; "" forgets it


Judge = Callable[[str, Submitted, str], Verdict]


@dataclass(slots=True)
class Login:
    """What clients must know: SMPP's system_id and password, CMPP's SP id and secret."""

    system_id: str
    password: str
    sp_id: str
    secret: str


@dataclass(eq=False, slots=True)
class Parcel:
    """One delivery that waits to be acknowledged: made into a frame when it leaves."""

    frame: Callable[[SmscCodec, int], bytes]
    sent_at: float = 0.0


class Centre:
    """The SMSC. start() listens in a thread of its own; every method may be called from any."""

    def __init__(
        self, login: Login, judge: Judge, *, host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.host, self.ports, self._tls = host, {"smpp": 0, "cmpp": 0}, tls
        self.states: dict[str, str] = {}
        self.judge = judge
        self.ids = itertools.count(time.time_ns() // 1000)
        self.sessions: dict[str, list[Session]] = {"smpp": [], "cmpp": []}
        self.queues: dict[str, deque[Parcel]] = {"smpp": deque(), "cmpp": deque()}
        self._login = login
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="smsc", daemon=True)

    def start(self, ports: dict[str, int] | None = None) -> dict[str, int]:
        """Listen; returns the port of each protocol. Raises OSError where one is taken."""
        self._thread.start()
        asked = {"smpp": 0, "cmpp": 0} | (ports or {})
        asyncio.run_coroutine_threadsafe(self._listen(asked), self._loop).result(10)
        return self.ports

    def stop(self) -> None:
        """Hang up and stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end)
            self._thread.join(5)
            self._loop.close()

    def text(self, protocol: str, sender: str, to: str, body: bytes, coding: int,
             *, has_header: bool = False) -> None:  # fmt: skip
        """A phone texts one of the client's numbers."""
        self.queue(
            protocol,
            lambda codec, sequence: codec.deliver(sequence, sender, to, body, coding, has_header),
        )

    def queue(self, protocol: str, frame: Callable[[SmscCodec, int], bytes]) -> None:
        """Deliver something as soon as somebody is bound."""

        def put() -> None:
            self.queues[protocol].append(Parcel(frame))
            self.pump(protocol)

        self._loop.call_soon_threadsafe(put)

    def say(self, protocol: str, noise: bytes) -> None:
        """Send these bytes as they are over every bind, whatever they mean."""
        for session in list(self.sessions[protocol]):
            self._loop.call_soon_threadsafe(session.say, noise)

    def hang_up(self, protocol: str) -> None:
        """Cut every bind of a protocol."""
        for session in list(self.sessions[protocol]):
            self._loop.call_soon_threadsafe(session.cut_off)

    def became(self, message_id: str, state: str) -> None:
        """What a query will be told. On the loop."""
        if state:
            self.states[message_id] = state
            while len(self.states) > STATES_MOST:
                del self.states[next(iter(self.states))]

    def pump(self, protocol: str) -> None:
        """Send what waits over the binds that receive, in turn. On the loop."""
        queue = self.queues[protocol]
        ready = [s for s in self.sessions[protocol] if s.receives and not s.closed]
        while queue and ready:
            session = min(ready, key=lambda one: len(one.under_way))
            if len(session.under_way) >= DELIVER_WINDOW:
                return
            session.deliver(queue.popleft())

    def later(self, after_s: float, act: Callable[[], None]) -> None:
        """On the loop."""
        if after_s > 0:
            self._loop.call_later(after_s, act)
        else:
            act()

    async def _listen(self, ports: dict[str, int]) -> None:
        def smpp() -> Session:
            return Session(self, SmppCodec(self._login.system_id, self._login.password))

        def cmpp() -> Session:
            return Session(self, CmppCodec(self._login.sp_id, self._login.secret))

        for name, make in (("smpp", smpp), ("cmpp", cmpp)):
            server = await self._loop.create_server(make, self.host, ports[name], ssl=self._tls)
            self._servers.append(server)
            self.ports[name] = int(server.sockets[0].getsockname()[1])

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_later(1.0, self._again)
        self._loop.run_forever()

    def _again(self) -> None:
        """What was not acknowledged in time is delivered once more."""
        before = self._loop.time() - DELIVER_AGAIN_S
        for protocol, sessions in self.sessions.items():
            for session in sessions:
                for sequence, parcel in list(session.under_way.items()):
                    if parcel.sent_at < before:
                        self.queues[protocol].append(session.under_way.pop(sequence))
            self.pump(protocol)
        self._loop.call_later(1.0, self._again)

    def _end(self) -> None:
        for server in self._servers:
            server.close()
        for sessions in self.sessions.values():
            for session in list(sessions):
                session.cut_off()
        # A turn later: what was hung up is let go of first.
        self._loop.call_soon(lambda: self._loop.call_soon(self._loop.stop))


@dataclass(eq=False)
class Session(asyncio.Protocol):
    """One client's connection."""

    centre: Centre
    codec: SmscCodec
    receives: bool = False
    submits: bool = True
    bound: bool = False
    closed: bool = False
    under_way: dict[int, Parcel] = field(default_factory=dict)
    _buffer: bytearray = field(default_factory=bytearray)
    _sequence: int = 0
    _transport: asyncio.Transport | None = None
    _out: list[bytes] = field(default_factory=list)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while (frame := cut(self._buffer)) is not None:
                self._handle(self.codec.read(frame), frame)
        except BadFrame as bad:
            log.info("smsc hangs up", protocol=self.codec.name, why=str(bad))
            self.cut_off()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        name = self.codec.name
        if self in self.centre.sessions[name]:
            self.centre.sessions[name].remove(self)
        self.centre.queues[name].extendleft(reversed(self.under_way.values()))
        self.under_way.clear()
        self.centre.pump(name)

    def say(self, noise: bytes) -> None:
        self._send(noise)

    def cut_off(self) -> None:
        """Hang up without a word."""
        if self._transport is not None:
            self._transport.abort()

    def deliver(self, parcel: Parcel) -> None:
        self._sequence += 1
        parcel.sent_at = asyncio.get_running_loop().time()
        self.under_way[self._sequence] = parcel
        self._send(parcel.frame(self.codec, self._sequence))

    def _handle(self, request: Request, frame: bytes) -> None:
        if request.kind == "bind":
            self._send(self.codec.bound(request.sequence, request.status, frame))
            if request.status == 0 and not self.bound:
                self.bound, self.receives = True, request.receives
                self.submits = request.submits
                self.centre.sessions[self.codec.name].append(self)
                self.centre.pump(self.codec.name)
        elif not self.bound:
            raise BadFrame("nobody is bound here yet")
        elif request.submitted is not None:
            self._submitted(request.sequence, request.submitted)
        elif request.kind == "query":
            state = self.centre.states.get(request.message_id, "")
            self._send(self.codec.queried(request.sequence, request.message_id, state))
        elif request.kind == "answer":
            parcel = self.under_way.pop(request.sequence, None)
            if parcel is not None and request.status != 0:
                self.centre.later(1.0, lambda: self.centre.queues[self.codec.name].append(parcel))
            self.centre.pump(self.codec.name)
        elif request.kind == "ping":
            self._send(self.codec.pong(request.sequence))
        elif request.kind == "unbind":
            self._send(self.codec.unbound(request.sequence))
            self._flush()
            if self._transport is not None:
                self._transport.close()

    def _submitted(self, sequence: int, submitted: Submitted) -> None:
        if not self.submits:
            self._send(self.codec.submitted(sequence, NOT_BOUND_FOR_IT, ""))
            return
        message_id = str(next(self.centre.ids))
        verdict = self.centre.judge(self.codec.name, submitted, message_id)
        if verdict.answers:
            answer = self.codec.submitted(sequence, verdict.status, message_id)
            self.centre.later(verdict.after_s, lambda: self._send(answer))
        if verdict.status == 0 and verdict.became:
            self.centre.became(message_id, "ENROUTE")
            self.centre.later(
                verdict.after_s + verdict.receipt_after_s,
                lambda: self.centre.became(message_id, verdict.became),
            )
        if verdict.status == 0 and verdict.state and submitted.wants_receipt:
            stamp = time.strftime("%y%m%d%H%M")
            receipt = Receipt(
                message_id, verdict.state, verdict.error, submitted.to, submitted.sender, stamp,
                stamp,
            )  # fmt: skip
            name = self.codec.name

            def give() -> None:
                self.centre.queues[name].append(
                    Parcel(lambda c, number: c.receipt(number, receipt))
                )
                self.centre.pump(name)

            self.centre.later(verdict.after_s + verdict.receipt_after_s, give)
        if verdict.hang_up:
            self.cut_off()

    def _send(self, frame: bytes) -> None:
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(frame)

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
