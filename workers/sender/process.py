"""The sender's process: one event loop, carriers with their binds, threads for the database.

feed      rows that are due ──▶ policy, words ──▶ parts ──▶ carrier     as many as have room
write     what carriers have answered, receipts ──▶ rows                every few milliseconds
ask       what became of messages without a receipt                     every few seconds
hear      texts of phones ──▶ engine, acknowledged once they are kept
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar, cast

import structlog

from models import submissions
from models.base import Tx
from models.outbox import Owed
from models.receipts import Late
from models.receipts import late as late_receipts
from models.store import Store, Unavailable
from sms.gateways import Outgoing as Message
from sms.wire import texts
from sms.wire.binds import Carrier, Ears
from sms.wire.frames import Answered, Heard, Receipted, Told
from sms.wire.link import Link
from workers.sender.coming import Asking, Come, Coming
from workers.sender.hearing import Hearing, receipt
from workers.sender.outgoing import Outgoing, Results
from workers.sender.writing import Pacing, settle

log = structlog.get_logger()

T = TypeVar("T")

HEARERS = 8  # threads that hear texts
WRITE_EVERY_S = 0.02
# What is taken before there is room for it: as much as leaves while the database is asked. It
# counts as submitted, so it is unknown if the process dies.
AHEAD_S = 0.1
# Questions about messages without a receipt: how often they are looked for, how many at a time.
ASK_EVERY_S, ASK_AT_ONCE = 5.0, 50
FULL_RESTS_S = 0.005  # until the pace allows more; an answer wakes sooner


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
        self._coming = Coming(max((one.limits.timing.answer_s for one in carriers), default=10.0))
        self._asking = Asking(hearing.ear.service_number)
        self._wake = asyncio.Event()
        self._stopping = self._awake = False
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
        aside = [asyncio.create_task(self._keep_replaying())]
        if self.pacing.ask_after is not None:
            aside.append(asyncio.create_task(self._keep_asking(self.pacing.ask_after)))
        on_ready()
        await self._feed()
        deadline = time.monotonic() + self.pacing.leaves_within_s
        while self.outgoing.flights and time.monotonic() < deadline:
            await asyncio.sleep(WRITE_EVERY_S)
        for carrier in self.carriers:
            await carrier.stop(self.pacing.leaves_within_s / 2)
        for task in (writing, *aside):
            task.cancel()
        await asyncio.gather(writing, *aside, return_exceptions=True)
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
        try:
            parts = texts.parts(
                message.text, to=message.to.removeprefix("+"), sender=sender, reference=owed.id,
                wide=carrier.limits.wide, ascii_only=carrier.codec.ascii_only,
            )  # fmt: skip
        except ValueError as cannot:  # it must hold up nobody else
            self.outgoing.results.refused.append((owed, str(cannot)))
            return
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
        if not self._awake:  # once for all answers of one reading
            self._awake = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._awake = False
        for carrier in self.carriers:
            self.outgoing.pump(carrier)
        self._wake.set()

    def unanswered(self, carrier: Carrier, tokens: list[object]) -> None:
        self.outgoing.unanswered(carrier, tokens)
        self._wake.set()

    def told(self, carrier: Carrier, token: object, told: Told) -> None:
        known = self._asking.told(carrier, cast(Late, token), told)
        self._count(f"asked:{known.outcome if known else 'unknown'}")
        if known is not None:
            self._coming.put(known)

    def changed(self, carrier: Carrier) -> None:
        self.hearing.began[carrier.name] = self._now()
        self.outgoing.pump(carrier)
        self._wake.set()

    def delivered(self, carrier: Carrier, link: Link, frame: Heard | Receipted) -> None:
        if isinstance(frame, Receipted):
            known = receipt(carrier.name, frame, self.hearing.ear.suffix(frame.to))
            self._count(f"receipt:{known.outcome}")
            self._coming.put(known, link, frame)
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
            return
        link.let_go(frame)

    # -- what is written --------------------------------------------------------------------------

    async def _keep_writing(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(WRITE_EVERY_S):
                    await self._coming.pressing.wait()
            await self._write()

    async def _write(self) -> None:
        results, self.outgoing.results = self.outgoing.results, Results()
        come = self._coming.due()
        if not results and not come:
            return
        try:
            try:
                await self._write_batch(results, come)
            except Unavailable:
                raise
            except Exception as bug:  # noqa: BLE001 - looked at piece by piece
                await self._write_apart(results, come, bug)
        except Unavailable:
            self.outgoing.results.back(results)
            self._coming.back(come)
            await asyncio.sleep(0.5)

    async def _write_batch(self, results: Results, come: Sequence[Come]) -> None:
        long, told = [*self.outgoing.long], [one.receipt for one in come]
        # As it is now: what is answered while the database is asked is not written yet.
        under_way = set(self.outgoing.to)
        strange = await self._in_database(
            lambda tx: settle(tx, results, told, but=long, pacing=self.pacing, now=self._now())
        )
        if never := self._coming.looked_up(come, strange, under_way):
            log.info("sms receipts of nothing that is ours", receipts=never)

    async def _write_apart(self, results: Results, come: Sequence[Come], bug: Exception) -> None:
        """Something in a batch cannot be written: only that is left out."""
        log.error("sms results not written at once", why=type(bug).__name__, error=bug)
        pieces: list[tuple[Results, list[Come]]] = [(Results(), [one]) for one in come]
        for piece, told in [(results, []), *pieces]:
            try:
                await self._write_batch(piece, told)
            except Unavailable:
                raise
            except Exception as again:  # these are unknown now; the next ones can be written
                log.exception("sms results not written", error=type(again).__name__)
                for one in told:
                    one.acknowledge()

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

    async def _keep_asking(self, after: timedelta) -> None:
        """Of what has had no receipt for so long."""
        while True:
            await asyncio.sleep(min(ASK_EVERY_S, after.total_seconds()))
            if not self._asking.possible(self.carriers):
                continue
            try:
                late = await self._in_database(
                    lambda tx: late_receipts(tx, after=after, limit=ASK_AT_ONCE, now=self._now())
                )
            except Unavailable:
                continue
            self._asking.ask(self.carriers, late)

    async def _in_database(self, work: Callable[[Tx], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._database, lambda: self.store.run(work))

    async def _rest(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._wake.wait()
        except TimeoutError:
            return
