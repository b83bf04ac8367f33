"""Settlement by the clock: when a period is over, every merchant's statement is made.

Each in a transaction of its own; what is made stands in the database, so that a clock that dies is
followed by one that goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from models.points import day_of
from models.settlement import periods, statements
from models.settlement.periods import Due
from models.settlement.statements import Changed, NotFirst, NotNext, Short, Statement
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

MERCHANTS_AT_ONCE = 50  # looked up together
# A round over all merchants. One whose statement cannot be made is an error in the log each time.
LOOK_EVERY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Failed:
    """A statement that could not be made, and why."""

    due: Due
    why: str


def make(store: Store, due: Due, *, now: datetime) -> Statement | Failed:
    """Make one statement. Not store.run: what takes minutes is not tried three times."""
    try:
        with store.begin() as tx:
            return statements.make(tx, due.merchant, due.first, due.last, now=now)
    except (Changed, NotFirst, NotNext, Short) as wrong:
        return Failed(due, f"{type(wrong).__name__}: {wrong}".rstrip(": "))


def make_due(
    store: Store, *, kind: str, now: datetime, merchant: str | None = None
) -> Iterator[Statement | Failed]:
    """Every statement whose period is over, of all merchants or one, those of long ago first."""
    after = ""
    while True:
        found = store.read(
            lambda tx: periods.due(
                tx, kind=kind, now=now, limit=MERCHANTS_AT_ONCE, after=after  # noqa: B023
            )
        )  # fmt: skip
        if not found:
            return
        for due in found:
            if merchant in (None, due.merchant):
                yield from _catch_up(store, due, kind=kind, now=now)
        after = found[-1].merchant


def _catch_up(store: Store, due: Due, *, kind: str, now: datetime) -> Iterator[Statement | Failed]:
    """A merchant's statements until now, one period after the other."""
    running = periods.first_of(day_of(now - periods.MADE_AFTER), kind)
    while due.first < running:
        made = make(store, due, now=now)
        yield made
        if isinstance(made, Failed):
            return
        first = due.last + timedelta(days=1)
        due = Due(due.merchant, first, periods.last_of(first, kind))


@dataclass(slots=True)
class SettlementClock:
    """Makes statements, a merchant at a time; `kind` is the setting of periods."""

    store: Store
    kind: str
    after: str = ""  # the merchant that was looked at last in this round
    not_before: datetime | None = None  # the next round
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("settlement", {"statements": self._make})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _make(self, now: datetime) -> bool:
        """Make a statement, as one of a million lines takes seconds; whether there may be more."""
        if self.not_before is not None and now < self.not_before:
            return False
        found = self.store.read(
            lambda tx: periods.due(tx, kind=self.kind, now=now, limit=1, after=self.after)
        )
        if not found:
            self.after, self.not_before = "", now + LOOK_EVERY
            return False
        (due,) = found
        made = next(_catch_up(self.store, due, kind=self.kind, now=now), None)
        if made is not None:
            _log(made)
        if made is None or isinstance(made, Failed):
            self.after = due.merchant  # else the merchant's next one comes with the next tick
        return True


def _log(made: Statement | Failed) -> None:
    # Logs are kept where who owns the database cannot alter them: the digest is evidence.
    if isinstance(made, Failed):
        due = made.due
        log.error("statement not made", merchant=due.merchant, first=str(due.first), why=made.why)
        return
    log.info(
        "statement made", statement=made.id, merchant=made.merchant_code, first=str(made.first),
        last=str(made.last), lines=made.lines, fen=made.fen, digest=made.digest.hex(),
    )  # fmt: skip
