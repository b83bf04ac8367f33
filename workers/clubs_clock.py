"""Memberships by the clock: terms that end, premium that is reached or over, reminders before.

Each membership is a transaction of its own, which holds its person; what is due next stands with
it, so a clock that dies is followed by one that goes on where it was, and nobody is told twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from dialogs import club_news
from dialogs.engine import Engine
from models import memberships, subscribers
from models.base import Tx
from models.store import Store
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

AT_ONCE = 100


@dataclass(slots=True)
class ClubsClock:
    """Ends, keeps, and tells."""

    store: Store
    engine: Engine
    # Memberships whose turn failed: our bug, not looked at again by this process.
    broken: set[tuple[int, str]] = field(default_factory=set)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("clubs", {"look": self._look})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _look(self, now: datetime) -> bool:
        """Look at some memberships; whether there may be more."""
        # By day only: what ends is told of in the same transaction.
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        if not self.store.read(memberships.live).version:
            return False  # without rules nothing ends, and terms begin when there are some
        found = self.store.read(lambda tx: memberships.due(tx, now, AT_ONCE + len(self.broken)))
        due = [each for each in found if each not in self.broken]
        told = 0
        for subscriber_id, code in due:
            work = partial(self._one, subscriber_id=subscriber_id, code=code, now=now)
            try:
                told += self.store.run(work)
            except LookupError as bug:
                log.exception(
                    "membership not looked at", subscriber=subscriber_id, club=code,
                    error=type(bug).__name__,
                )  # fmt: skip
                self.broken.add((subscriber_id, code))
        if due:
            log.info("memberships looked at", memberships=len(due), told=told)
        return len(due) >= AT_ONCE

    def _one(self, tx: Tx, subscriber_id: int, code: str, now: datetime) -> int:
        who = subscribers.lock_id(tx, subscriber_id)
        if who.id != subscriber_id:
            return 0  # merged meanwhile, and the membership with them
        menus = self.engine.menus()
        news = memberships.look(tx, who, code, now)
        return sum(club_news.told(tx, menus, who, each, now) for each in news)
