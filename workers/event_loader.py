"""Loads a file of events: batch by batch, each with its position in one transaction.

    lines ─▶ told.read ─▶ events.record ─▶ earn ─▶ files.move ─▶ commit
      └─▶ rejects           └─▶ conflicts, too        into FILE.rejects.csv

Killed at any moment, it goes on behind the last batch that was committed; and even a batch that was
read twice would earn nothing twice, since an event is recorded once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader
from itertools import islice
from pathlib import Path
from uuid import uuid4

import structlog

from models import sql
from models.base import Tx
from models.earning import events, files, told
from models.earning.event import Event
from models.earning.files import File, Step
from models.earning.told import FIELDS, Bad, Told
from models.store import Store, Unavailable
from sms.numbers import msisdn
from workers.event_lines import Line, Lines, Unreadable, encoding_of, open_lines
from workers.event_rejects import Reject, Rejects

log = structlog.get_logger()

Earn = Callable[[Tx, Sequence[Event], datetime], int]


class TooManyBad(Exception):
    """More of the lines are bad than the limit allows; says how many."""

    def __init__(self, file: File, lines: int, bad: int, reasons: Counter[str]) -> None:
        super().__init__(f"{bad} of {lines} lines are bad")
        self.file, self.lines, self.bad, self.reasons = file, lines, bad, reasons


class NotApplied(Exception):
    """A batch could not be applied, by a mistake of ours: nothing of it was taken."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that stand or fall together, from `begins` to before `ends`."""

    begins: int
    ends: int
    first_line: int
    last_line: int
    told: list[Told]
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class Loader:
    """Loads files with these limits; `tell` hears after each batch how much is done, 0 to 1."""

    store: Store
    earn: Earn
    now: Callable[[], datetime]
    batch_lines: int
    bad_percent: float
    keep_going: bool
    tell: Callable[[File, float], None]

    def load(self, path: Path, encoding: str | None) -> File:
        """The file, loaded now or before. Raises Unreadable, TooManyBad, NotApplied, TakenOver."""
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unreadable("it is being loaded already") from None
            stamp = _stamp(file)
            began = self._begin(path, file, encoding)
            if began.state == "loaded":
                return began
            lines = open_lines(file, began.encoding)
            rejects = Rejects(path)
            rejects.cut(began.rejects_size)
            moved = began
            # While the database works on a batch, the next one is read.
            with ThreadPoolExecutor(1) as reading:
                batches = self._batches(lines, began)
                coming = reading.submit(next, batches, None)
                while (batch := coming.result()) is not None:
                    coming = reading.submit(next, batches, None)
                    if _stamp(file) != stamp:
                        raise Unreadable("it is changed while it is read")
                    moved = self._apply(moved, batch, rejects)
                    self.tell(moved, lines.share(moved.position))
        now = self.now()
        return self.store.run(lambda tx: files.end(tx, moved, state="loaded", now=now))

    def _begin(self, path: Path, file: BufferedReader, said: str | None) -> File:
        encoding = encoding_of(path, said)
        content = hashlib.file_digest(file, "sha256").digest()
        size, loader, now = os.fstat(file.fileno()).st_size, uuid4().hex, self.now()
        known = self.store.read(lambda tx: files.find(tx, content))
        if known is None:
            open_lines(file, encoding)  # one that cannot be read leaves nothing behind
        began = self.store.run(
            lambda tx: files.begin(
                tx, sha256=content, name=path.name, size=size, encoding=encoding, loader=loader,
                now=now,
            )
        )  # fmt: skip
        if said and began.encoding != encoding and began.state != "loaded":
            raise Unreadable(f"reading it was begun as {began.encoding}")
        return began

    def _batches(self, lines: Lines, began: File) -> Iterator[Batch]:
        reader = _Reader(lines.columns)
        coming = lines.read(began.position, began.line)
        begins = began.position
        while some := list(islice(coming, self.batch_lines)):
            told_now, rejects = reader.read(some, self.now())
            yield Batch(begins, some[-1].ends, some[0].line_no, some[-1].line_no, told_now, rejects)
            begins = some[-1].ends

    def _apply(self, file: File, batch: Batch, rejects: Rejects) -> File:
        now = self.now()
        reasons = _counted(batch.rejects)
        lines = file.lines + len(batch.told) + len(batch.rejects)
        bad = file.bad + len(batch.rejects)
        if not self.keep_going and bad * 100 > self.bad_percent * lines:
            rejects.write(file.rejects_size, batch.rejects)  # to be looked at
            stopped = self.store.run(lambda tx: files.end(tx, file, state="stopped", now=now))
            raise TooManyBad(stopped, lines, bad, Counter(file.reasons) + reasons)
        try:
            return self.store.run(lambda tx: self._take(tx, file, batch, rejects, now))
        except (Unavailable, files.TakenOver):
            raise
        except Exception as bug:
            log.exception("events not applied", file=file.id, error=type(bug).__name__)
            where = f"lines {batch.first_line} to {batch.last_line}"
            raise NotApplied(f"{where}: {type(bug).__name__}") from bug

    def _take(self, tx: Tx, file: File, batch: Batch, rejects: Rejects, now: datetime) -> File:
        # Plans are made once a connection: one that was made while the tables were small would
        # search all of them for each event, once the file has filled them (docs/events.md).
        sql.run(tx, "SET LOCAL enable_seqscan = off")
        held = files.hold(tx, file)
        if held.position == batch.ends:  # committed, before the connection was lost
            return held
        if held.position != batch.begins:
            raise files.TakenOver(file.name)
        found = events.record(tx, batch.told, source=f"file:{file.id}", now=now)
        points = self.earn(tx, found.events, now) if found.events else 0
        out = batch.rejects + [
            Reject(each.line_no, each.id, told.ID, "told before with other content", each.id)
            for each in found.conflicts
        ]
        size = rejects.write(held.rejects_size, sorted(out)) if out else held.rejects_size
        step = Step(
            position=batch.ends, line=batch.last_line, new=len(found.events),
            repeats=len(found.repeats), conflicts=len(found.conflicts), bad=len(batch.rejects),
            reasons=_counted(out),
            rejects_size=size, points=points,
        )  # fmt: skip
        return files.move(tx, held, step, now)


class _Reader:
    """Reads lines whose columns are known."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._fields = [(name, columns.index(name)) for name in FIELDS]
        self._values = [(n, name) for n, name in enumerate(columns) if name not in FIELDS]

    def read(self, lines: Sequence[Line], now: datetime) -> tuple[list[Told], list[Reject]]:
        """The events, and why the others are none."""
        good: list[Told] = []
        rejects: list[Reject] = []
        for line in lines:
            cells = line.cells
            try:
                if line.wrong:
                    raise Bad("", line.wrong)
                good.append(
                    told.read(
                        {name: (cells[n] or "").strip() for name, n in self._fields},
                        {name: cells[n] for n, name in self._values},
                        msisdn=msisdn, now=now, line_no=line.line_no,
                    )
                )  # fmt: skip
            except Bad as bad:
                event_id = cells[self._fields[0][1]] if not line.wrong else ""
                rejects.append(
                    Reject(
                        line.line_no, event_id or "", bad.column, bad.reason,
                        "" if bad.value is None else str(bad.value),
                    )
                )  # fmt: skip
        return good, rejects


def _counted(rejects: Sequence[Reject]) -> Counter[str]:
    return Counter(f"{each.column}: {each.reason}".removeprefix(": ") for each in rejects)


def _stamp(file: BufferedReader) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
