"""One bind: a connection to an SMSC, a window of submits under way, tests of whether it lives.

    opened ──bind──▶ binding ──Bound 0──▶ bound ──leave()──▶ leaving ──▶ closed
                        └── refused, silent ────────────────────────────▶ closed

What it decides is told to its Owner at once, on the event loop. Time is told to it: tick().
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, cast

import structlog

from sms.wire.frames import (
    Answered,
    Bound,
    Codec,
    Frame,
    Heard,
    Malformed,
    Part,
    Pinged,
    Ponged,
    Receipted,
    Rejected,
    Told,
    Unbinding,
    Unbound,
)  # fmt: skip

log = structlog.get_logger()

# What an SMSC has delivered and we have not kept yet; beyond it nothing more is read from it.
UNKEPT_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: between tests of an idle link, until an answer is overdue."""

    idle_s: float = 30.0
    answer_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Under:
    """A submit that waits for its answer; `token` is whatever the owner knows it by."""

    token: object
    sent_at: float


class Owner(Protocol):
    """Whoever holds the link: told what happens on it."""

    def bound(self, link: Link) -> None:
        """It may be used from now on."""

    def answered(self, link: Link, token: object, answer: Answered) -> None:
        """The SMSC has taken a submit, or not."""

    def unanswered(self, link: Link, tokens: list[object]) -> None:
        """Nobody knows whether the SMSC has these: the link broke, or it is silent."""

    def told(self, link: Link, token: object, told: Told) -> None:
        """The SMSC has said what became of a message; `status` is not 0 where it will not."""

    def delivered(self, link: Link, frame: Heard | Receipted) -> None:
        """A text or a receipt has come: acknowledge() it once it is kept, or let_go() of it."""

    def closed(self, link: Link, why: str) -> None:
        """The link is gone; unanswered() has been told of what was under way."""


class Link(asyncio.Protocol):
    """A bind as an asyncio protocol. `window`: how many submits may wait for their answers."""

    def __init__(
        self, codec: Codec, owner: Owner, *, window: int, timing: Timing,
        clock: Callable[[], float], name: str = "",
    ) -> None:  # fmt: skip
        self.codec, self.name = codec, name
        self.state = "opened"
        self.window = window
        self._owner, self._timing, self._clock = owner, timing, clock
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._out: list[bytes] = []
        self._sequence = 0
        self._under: dict[int, Under] = {}
        self._asked: dict[int, Under] = {}
        self._unkept, self._paused = 0, False
        self._pinged_at: float | None = None
        self._since = self._heard_at = clock()
        self.why = "the SMSC closed the connection"

    # -- what the owner asks for ------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many submits may leave now."""
        return self.window - len(self._under) if self.submits else 0

    @property
    def submits(self) -> bool:
        """Whether it stands, and is no mere receiver."""
        return self.state == "bound" and self.codec.submits

    @property
    def under_way(self) -> int:
        return len(self._under)

    def submit(self, part: Part, token: object) -> None:
        """Send a submit. Raises ValueError where the protocol cannot carry it: nothing was sent."""
        sequence = self._next()
        frame = self.codec.submit(sequence, part)
        self._under[sequence] = Under(token, self._clock())
        self._send(frame)

    def ask(self, message_id: str, sender: str, token: object) -> bool:
        """Ask what became of a message. False: nobody can be asked over this bind."""
        frame = self.codec.ask(self._next(), message_id, sender) if self.submits else None
        if frame is None:
            return False
        self._asked[self._sequence] = Under(token, self._clock())
        self._send(frame)
        return True

    def acknowledge(self, frame: Heard | Receipted, *, status: int = 0) -> None:
        """Tell the SMSC that what it delivered is kept; it need not send it again."""
        if self.state in ("bound", "leaving"):
            self._send(self.codec.answer(frame, status=status))
        self.let_go(frame)

    def let_go(self, frame: Heard | Receipted) -> None:
        """What was delivered could not be kept: the SMSC will deliver it again."""
        self._unkept -= 1
        if self._paused and self._unkept <= UNKEPT_MOST // 2 and self._transport is not None:
            self._paused = False
            self._heard_at = self._clock()
            self._transport.resume_reading()

    def leave(self) -> None:
        """End the bind in good order: what is under way may still be answered."""
        if self.state == "bound":
            self.state = "leaving"
            self._since = self._clock()
            if not self._under:
                self._send(self.codec.unbind(self._next()))
        elif self.state != "closed":
            self.close("left before it was bound")

    def close(self, why: str) -> None:
        """Drop the connection now."""
        self.why = why
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def tick(self) -> None:
        """Look at the clock: test a silent link, give up one that does not answer."""
        now = self._clock()
        late_before = now - self._timing.answer_s
        if self.state in ("opened", "binding") and self._since < late_before:
            self.close("no answer to the bind")
        elif self.state == "leaving" and self._since < late_before:
            self.close("left without an answer")
        elif self.state == "bound":
            self._give_up_before(late_before)
            if self._paused:
                return  # what it says is not read: its silence is ours
            if self._pinged_at is not None and self._pinged_at < late_before:
                self.close("no answer to a test of the link")
            elif self._pinged_at is None and self._heard_at + self._timing.idle_s < now:
                self._pinged_at = now
                self._send(self.codec.ping(self._next()))

    # -- what the connection says -----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.state = "binding"
        self._since = self._clock()
        self._send(self.codec.bind(self._next(), datetime.now(UTC)))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while (frame := self.codec.cut(self._buffer)) is not None:
                # Bytes alone are no sign of life: a frame that never ends is tested like silence.
                self._heard_at, self._pinged_at = self._clock(), None
                self._handle(self.codec.read(frame))
        except Malformed as bad:
            log.warning("sms frame refused", link=self.name, why=str(bad))
            self.close(str(bad))

    def connection_lost(self, exc: Exception | None) -> None:
        was, self.state = self.state, "closed"
        self._give_up_before(float("inf"))
        if was != "closed":
            self._owner.closed(self, self.why if exc is None else type(exc).__name__)

    def _handle(self, frame: Frame) -> None:
        if self.state == "binding":
            self._greeted(frame)
        elif self.state in ("bound", "leaving"):
            self._spoke(frame)

    def _greeted(self, frame: Frame) -> None:
        """Nothing but the answer to our bind means anything yet."""
        match frame:
            case Bound(status=0):
                self.state = "bound"
                self._owner.bound(self)
            case Bound(status=status) | Rejected(status=status, request=False):
                self.close(f"bind refused with status {status}")
            case Unbinding():
                self.close("the SMSC ended the bind")

    def _spoke(self, frame: Frame) -> None:
        match frame:
            case Answered(sequence=sequence):
                # Past its time it was told as unanswered; a receipt will say what became of it.
                if (under := self._under.pop(sequence, None)) is not None:
                    self._owner.answered(self, under.token, frame)
            case Told(sequence=sequence):
                if (asked := self._asked.pop(sequence, None)) is not None:
                    self._owner.told(self, asked.token, frame)
            case Heard() | Receipted():
                self._delivered(frame)
            case Pinged(sequence=sequence):
                self._send(self.codec.pong(sequence))
            case Ponged():
                pass
            case Unbinding(sequence=sequence):
                self._send(self.codec.unbound(sequence))
                self.close("the SMSC ended the bind")
            case Unbound():
                self.close("left in good order")
            case Rejected(sequence=sequence):
                self._refuse(frame)
        if self.state == "leaving" and not self._under and not isinstance(frame, Unbound):
            self._send(self.codec.unbind(self._next()))

    def _delivered(self, frame: Heard | Receipted) -> None:
        self._unkept += 1
        if self._unkept >= UNKEPT_MOST and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
            log.warning("sms deliveries wait", link=self.name, unkept=self._unkept)
        self._owner.delivered(self, frame)

    def _refuse(self, frame: Rejected) -> None:
        sequence = frame.sequence
        if frame.request:
            if (refusal := self.codec.refuse(sequence)) is not None:
                self._send(refusal)
        elif (asked := self._asked.pop(sequence, None)) is not None:
            self._owner.told(self, asked.token, Told(sequence, frame.status or -1, "", ""))
        elif (under := self._under.pop(sequence, None)) is not None:
            # generic_nack: a definite no to our submit.
            answer = Answered(sequence, frame.status or -1, "")
            self._owner.answered(self, under.token, answer)

    def _give_up_before(self, moment: float) -> None:
        """Submits are in the order in which they left: the oldest come first."""
        for key in [key for key, asked in self._asked.items() if asked.sent_at < moment]:
            del self._asked[key]  # it is asked again, later
        late = [key for key, under in self._under.items() if under.sent_at < moment]
        if late:
            self._owner.unanswered(self, [self._under.pop(key).token for key in late])

    # -- writing ----------------------------------------------------------------------------------

    def _next(self) -> int:
        self._sequence = self._sequence % self.codec.last_sequence + 1
        return self._sequence

    def _send(self, frame: bytes) -> None:
        """What is sent in one turn of the event loop leaves in one write."""
        if not self._out:
            asyncio.get_running_loop().call_soon(self._flush)
        self._out.append(frame)

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
