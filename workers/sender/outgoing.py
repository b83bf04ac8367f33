"""What is on its way out: each message's parts, until the carrier has answered for all of them.

launch(owed) ── parts ──▶ Carrier.submit          results wait in Outgoing.results
answered     taken   all parts ──▶ Submitted      and are written a batch at a time
             busy, later       ──▶ put back, or the part again where another has been taken
             refused           ──▶ refused
unanswered                     ──▶ unknown
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import cast

from models.outbox import REPLY, Owed
from models.submissions import Submitted
from sms.wire import receipts
from sms.wire.binds import Carrier
from sms.wire.frames import Answered, Part

# A part that the carrier refuses for now, after it has taken another one of the same text.
PART_TRIES = 20
PART_AGAIN_S = 0.5


@dataclass(slots=True)
class Flight:
    """One message under way; `taken` has the carrier's id of each part that it has."""

    owed: Owed
    parts: list[Part]
    taken: dict[int, str] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)  # parts whose answer is still to come
    tries: int = 0
    over: bool = False


@dataclass(slots=True)
class Results:
    """What is to be written about rows, gathered since the last time."""

    submitted: list[Submitted] = field(default_factory=list)
    put_back: list[tuple[Owed, str]] = field(default_factory=list)
    refused: list[tuple[Owed, str]] = field(default_factory=list)
    unknown: list[Owed] = field(default_factory=list)
    untried: list[Owed] = field(default_factory=list)
    too_late: list[tuple[Owed, datetime]] = field(default_factory=list)  # and until when they wait

    def __bool__(self) -> bool:
        return any((
            self.submitted, self.put_back, self.refused, self.unknown, self.untried, self.too_late,
        ))  # fmt: skip

    def back(self, earlier: Results) -> None:
        """These could not be written: they come before what has been gathered since."""
        for one in fields(self):
            getattr(self, one.name)[:0] = getattr(earlier, one.name)


@dataclass(slots=True)
class Outgoing:
    """Messages under way over any carrier. Lives on the event loop."""

    later: Callable[[float, Callable[[], None]], object]  # loop.call_later
    count: Callable[[str], None]
    results: Results = field(default_factory=Results)
    waiting: dict[Carrier, deque[tuple[Flight, int]]] = field(default_factory=dict)
    flights: int = 0
    long: set[int] = field(default_factory=set)  # rows under way in several parts
    to: Counter[str] = field(default_factory=Counter)  # how many are under way to a phone

    def launch(self, carrier: Carrier, owed: Owed, parts: list[Part]) -> None:
        """Send a message; parts that find no room follow as soon as there is some, replies first.

        Two replies to one person are never under way at once, so their order is not touched.
        """
        flight = Flight(owed, parts)
        self.flights += 1
        self.to[parts[0].to] += 1
        if len(parts) > 1:
            self.long.add(owed.id)
        queue = self.waiting.setdefault(carrier, deque())
        if owed.queue == REPLY:
            queue.extendleft((flight, index) for index in reversed(range(len(parts))))
        else:
            queue.extend((flight, index) for index in range(len(parts)))
        self.pump(carrier)

    def waits(self, carrier: Carrier) -> int:
        """How many parts wait for room."""
        return len(self.waiting.get(carrier, ()))

    def pump(self, carrier: Carrier) -> None:
        """Send parts that wait, in order, as many as window and pace allow."""
        queue = self.waiting.get(carrier)
        if not queue:
            return
        if carrier.most == 0:
            while queue:
                flight, _ = queue.popleft()
                if not flight.over:
                    self._gone(flight)
            return
        room = carrier.room
        while queue and room > 0:
            flight, index = queue[0]
            if not flight.over:
                try:
                    carrier.submit(flight.parts[index], (flight, index))
                    flight.asked.add(index)
                    room -= 1
                except LookupError:  # no room yet
                    return
                except ValueError as cannot:  # a number or a text that the protocol cannot carry
                    self._refuse(flight, str(cannot))
            queue.popleft()

    def answered(self, carrier: Carrier, token: object, answer: Answered) -> None:
        """The carrier has answered for a part."""
        flight, index = _of(token)
        flight.asked.discard(index)
        verdict = carrier.codec.verdict(answer.status)
        if verdict == "taken":
            # Without an id of its own no receipt can name it, nor any other one by mistake.
            said = answer.message_id or f"-{flight.owed.id}.{index}"
            flight.taken[index] = receipts.known_as(carrier.name, said)
            if len(flight.taken) == len(flight.parts):
                self._end(flight)
                ids = tuple(flight.taken[each] for each in range(len(flight.parts)))
                self.results.submitted.append(Submitted(flight.owed, ids))
                self.count(f"sms:{carrier.name}:taken")
            return
        self.count(f"sms:{carrier.name}:{verdict}")
        if verdict != "busy":
            carrier.health.failed()
        if flight.over:
            return
        why = f"{carrier.name} answered with status {answer.status}"
        if verdict == "refused":
            self._refuse(flight, why)
        elif (flight.taken or flight.asked) and flight.tries < PART_TRIES:
            # The carrier has another part, or may: sent anew, the text would leave it twice.
            flight.tries += 1
            self.later(PART_AGAIN_S, lambda: self._again(carrier, flight, index))
        elif flight.taken:
            self._refuse(flight, f"{why}, after it had taken a part")
        else:
            self._end(flight)
            self.results.put_back.append((flight.owed, why))

    def unanswered(self, carrier: Carrier, tokens: list[object]) -> None:
        """Nobody knows whether the carrier has these."""
        for token in tokens:
            flight, index = _of(token)
            flight.asked.discard(index)
            carrier.health.failed()
            self.count(f"sms:{carrier.name}:unknown")
            if not flight.over:
                self._end(flight)
                self.results.unknown.append(flight.owed)

    def _again(self, carrier: Carrier, flight: Flight, index: int) -> None:
        self.waiting.setdefault(carrier, deque()).append((flight, index))
        self.pump(carrier)

    def _refuse(self, flight: Flight, why: str) -> None:
        self._end(flight)
        self.results.refused.append((flight.owed, why))

    def _gone(self, flight: Flight) -> None:
        """Its carrier has no bind any more, and it waits here still."""
        begun = bool(flight.taken or flight.asked) or flight.tries > 0
        self._end(flight)
        (self.results.unknown if begun else self.results.untried).append(flight.owed)

    def _end(self, flight: Flight) -> None:
        flight.over = True
        self.flights -= 1
        self.long.discard(flight.owed.id)
        phone = flight.parts[0].to
        self.to[phone] -= 1
        if not self.to[phone]:
            del self.to[phone]


def _of(token: object) -> tuple[Flight, int]:
    return cast("tuple[Flight, int]", token)
