"""The sender's process: one event loop, carriers with their binds, threads for the database.

feed      rows that are due ──▶ policy, words ──▶ parts ──▶ carrier     as many as have room
write     what carriers have answered, receipts ──▶ rows                every few milliseconds
hear      texts of phones ──▶ engine, acknowledged once they are kept
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from models import submissions
from models.base import Tx
from models.outbox import Owed
from models.store import Store, Unavailable
from models.submissions import Receipt
from sms.gateways import Outgoing as Message
from sms.wire import texts
from sms.wire.binds import Carrier, Ears
from sms.wire.frames import Answered, Heard, Receipted
from sms.wire.link import Link
from workers.sender.hearing import Hearing, receipt
from workers.sender.outgoing import Outgoing, Results

log = structlog.get_logger()

T = TypeVar("T")

# A receipt may overtake the answer to its submit, over another bind: so long it is kept apart.
RECEIPT_WAITS_S = 5.0
HEARERS = 8  # threads that hear texts
WRITE_EVERY_S = 0.02
# What is taken before there is room for it: as much as leaves while the database is asked. It
# counts as submitted, so it is unknown if the process dies.
AHEAD_S = 0.1
FULL_RESTS_S = 0.005  # until the pace allows more; an answer wakes sooner


@dataclass(frozen=True, slots=True)
class Pacing:
    """How the sender takes and gives back. `usual`: the gateway of rows that name none."""

    usual: str
    batch: int = 200
    poll_s: float = 0.1
    lease: timedelta = timedelta(seconds=30)
    unknown_for: timedelta = timedelta(minutes=10)
    again_first: timedelta = timedelta(seconds=2)
    again_most: timedelta = timedelta(minutes=10)
    attempts: int = 8
    leaves_within_s: float = 4.0


# In the transaction that takes the rows: the words of each, why it must not leave, or until when
# it has to wait.
Ready = Message | str | datetime
Prepare = Callable[[Tx, Sequence[Owed], datetime], Sequence[Ready]]


class Sender(Ears):
    """Sends what is owed over its carriers, in the order of their preference, until stop()."""

    def __init__(
        self, store: Store, carriers: Sequence[Carrier], hearing: Hearing, prepare: Prepare,
        pacing: Pacing, *, now: Callable[[], datetime], count: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.store, self.carriers, self.hearing, self.pacing = store, carriers, hearing, pacing
        self._prepare, self._now, self._count = prepare, now, count
        self._database = ThreadPoolExecutor(3, "sender-db")
        self._hearers = ThreadPoolExecutor(HEARERS, "sender-hear")
        self._receipts: deque[tuple[Receipt, Link, Receipted, float]] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        loop = asyncio.get_running_loop()
        self.outgoing = Outgoing(lambda after_s, act: loop.call_later(after_s, act), count)
        for carrier in carriers:
            carrier.ears = self

    def stop(self) -> None:
        """Take nothing more; run() ends when what is under way has been answered."""
        self._stopping = True
        self._wake.set()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Send and hear until stop()."""
        for carrier in self.carriers:
            carrier.start()
        writing = asyncio.create_task(self._keep_writing())
        replaying = asyncio.create_task(self._keep_replaying())
        on_ready()
        await self._feed()
        deadline = time.monotonic() + self.pacing.leaves_within_s
        while self.outgoing.flights and time.monotonic() < deadline:
            await asyncio.sleep(WRITE_EVERY_S)
        for carrier in self.carriers:
            await carrier.stop(self.pacing.leaves_within_s / 2)
        replaying.cancel()
        writing.cancel()
        await asyncio.gather(writing, replaying, return_exceptions=True)
        await self._write()
        self._database.shutdown()
        self._hearers.shutdown()

    # -- out --------------------------------------------------------------------------------------

    async def _feed(self) -> None:
        while not self._stopping:
            self._wake.clear()
            for each in self.carriers:
                self.outgoing.pump(each)  # the pace allows more by now
            carrier = self._whose_turn()
            room = self._room(carrier) if carrier else 0
            if carrier is None or room <= 0:
                await self._rest(FULL_RESTS_S if carrier else self.pacing.poll_s)
                continue
            try:
                rows = await self._in_database(partial(self._take, room=room))
            except Unavailable:
                await self._rest(1.0)
                continue
            for owed, message in rows:
                self._launch(self._named(owed) or carrier, owed, message)
            if not rows:
                await self._rest(self.pacing.poll_s)

    def _room(self, carrier: Carrier) -> int:
        """How many rows to take: what has room now, and what will have when they are here.

        Enough at once, or a busy window asks the database for each row alone.
        """
        ahead = min(2 * carrier.most, int(carrier.limits.rate_s * AHEAD_S), self.pacing.batch)
        room = max(carrier.room, 0) + ahead - self.outgoing.waits(carrier)
        least = 1 if not self.outgoing.waits(carrier) else max(1, ahead // 2)
        return min(room, self.pacing.batch) if room >= least else 0

    def _take(self, tx: Tx, room: int) -> list[tuple[Owed, Ready]]:
        now, pacing = self._now(), self.pacing
        rows = submissions.take(
            tx, usual=pacing.usual, limit=room, lease=pacing.lease,
            unknown_for=pacing.unknown_for, now=now,
        )  # fmt: skip
        return list(zip(rows, self._prepare(tx, rows, now), strict=True)) if rows else []

    def _launch(self, carrier: Carrier, owed: Owed, message: Ready) -> None:
        if isinstance(message, str):
            self.outgoing.results.refused.append((owed, message))
            return
        if isinstance(message, datetime):
            self.outgoing.results.too_late.append((owed, message))
            return
        sender = self.hearing.ear.service_number + submissions.suffix(owed.id)
        parts = texts.parts(
            message.text, to=message.to.removeprefix("+"), sender=sender, reference=owed.id
        )
        self.outgoing.launch(carrier, owed, parts)

    def _named(self, owed: Owed) -> Carrier | None:
        """The carrier that an answer wants, the one that was spoken over, if it is bound."""
        name = owed.payload.get("gateway")
        return next((one for one in self.carriers if one.name == name and one.most), None)

    def _whose_turn(self) -> Carrier | None:
        """The first carrier that is bound and well; one that is ailing gets its share."""
        for carrier in self.carriers:
            if carrier.most and carrier.health.turn():
                return carrier
        return next((carrier for carrier in self.carriers if carrier.most), None)

    # -- what carriers tell, on the event loop ----------------------------------------------------

    def answered(self, carrier: Carrier, token: object, answer: Answered) -> None:
        self.outgoing.answered(carrier, token, answer)
        self.outgoing.pump(carrier)
        self._wake.set()

    def unanswered(self, carrier: Carrier, tokens: list[object]) -> None:
        self.outgoing.unanswered(carrier, tokens)
        self._wake.set()

    def changed(self, carrier: Carrier) -> None:
        self.hearing.began[carrier.name] = self._now()
        self.outgoing.pump(carrier)
        self._wake.set()

    def delivered(self, carrier: Carrier, link: Link, frame: Heard | Receipted) -> None:
        if isinstance(frame, Receipted):
            known = receipt(carrier.name, frame, self.hearing.ear.suffix(frame.to))
            self._count(f"receipt:{known.outcome}")
            self._receipts.append((known, link, frame, time.monotonic()))
            return
        loop = asyncio.get_running_loop()
        hearing = loop.run_in_executor(self._hearers, self.hearing.text, carrier.name, frame)
        hearing.add_done_callback(lambda done: self._heard(link, frame, done))

    def _heard(self, link: Link, frame: Heard, done: asyncio.Future[bool]) -> None:
        if done.cancelled():
            return
        if (failed := done.exception()) is not None:
            log.error("text not heard", gateway=link.name, why=type(failed).__name__)
        elif done.result():
            link.acknowledge(frame)

    # -- what is written --------------------------------------------------------------------------

    async def _keep_writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self._write()
            except Exception as bug:  # those are unknown now; the next ones can be written
                log.exception("sms results not written", error=type(bug).__name__)

    async def _write(self) -> None:
        results, self.outgoing.results = self.outgoing.results, Results()
        come, self._receipts = self._receipts, deque()
        if not results and not come:
            return
        try:
            strange = await self._in_database(
                lambda tx: self._settle(tx, results, [one[0] for one in come])
            )
        except Unavailable:
            self._once_more(results)
            self._receipts.extendleft(reversed(come))
            await asyncio.sleep(0.5)
            return
        wait = {id(one) for one in strange}
        before = time.monotonic() - RECEIPT_WAITS_S
        for entry in come:
            if id(entry[0]) in wait and entry[3] > before:
                self._receipts.append(entry)
            else:
                entry[1].acknowledge(entry[2])

    def _settle(self, tx: Tx, results: Results, come: Sequence[Receipt]) -> list[Receipt]:
        """Write all of it; the receipts that name nothing of ours yet come back."""
        now, pacing = self._now(), self.pacing
        submissions.taken_up(tx, results.submitted, now)
        submissions.unknown(tx, results.unknown)
        submissions.put_back_untried(tx, results.untried)
        submissions.put_off(tx, results.too_late)
        rows, why = _apart(results.refused)
        submissions.refused(tx, rows, why, state="failed", now=now)
        patient = [one for one in results.put_back if one[0].attempts < pacing.attempts]
        for attempts in {owed.attempts for owed, _ in patient}:
            rows, why = _apart([one for one in patient if one[0].attempts == attempts])
            wait = min(pacing.again_first * 2.0 ** (attempts - 1), pacing.again_most)
            submissions.put_back(tx, rows, why, until=now + wait)
        rows, why = _apart([one for one in results.put_back if one not in patient])
        submissions.refused(tx, rows, why, state="dead", now=now)
        strange = submissions.receipts(tx, come, now) if come else []
        return submissions.resolve(tx, strange, now)

    def _once_more(self, results: Results) -> None:
        fresh = self.outgoing.results
        fresh.submitted[:0] = results.submitted
        fresh.put_back[:0] = results.put_back
        fresh.refused[:0] = results.refused
        fresh.unknown[:0] = results.unknown
        fresh.untried[:0] = results.untried
        fresh.too_late[:0] = results.too_late

    async def _keep_replaying(self) -> None:
        """The spool, once the database is back."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            try:
                if self.hearing.spool.waits:
                    await loop.run_in_executor(self._database, self.hearing.replay)
            except Unavailable:
                continue

    async def _in_database(self, work: Callable[[Tx], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, lambda: self.store.run(work))

    async def _rest(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._wake.wait()
        except TimeoutError:
            return


def _apart(pairs: Sequence[tuple[Owed, str]]) -> tuple[list[Owed], list[str]]:
    return [owed for owed, _ in pairs], [why for _, why in pairs]
