"""Complaints and ratings by the clock: people are asked how it was, and deadlines come near.

Asking holds one person at a time. All progress stands in the database: a clock that dies is
followed by one that goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialogs import complaint_news
from dialogs.engine import ASKED, NOT_YET, UNWELCOME, Engine
from menus.menus import Route
from models import complaint_desk, ratings, subscribers
from models.base import Tx
from models.store import Store
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

ASKED_AT_ONCE = 100
# Whoever is being asked something else is asked again about this a little later.
ASK_AGAIN = timedelta(minutes=10)
REMIND_EVERY = timedelta(minutes=1)
REMINDED_AT_ONCE = 100


@dataclass(slots=True)
class ComplaintsClock:
    """Asks, and reminds `remind_ahead` of a deadline."""

    store: Store
    engine: Engine
    remind_ahead: timedelta
    # What failed: our bug, not looked at again by this process.
    broken: set[tuple[int, int]] = field(default_factory=set)
    stuck: set[int] = field(default_factory=set)
    reminded_at: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("complaints", {"ask": self._ask, "remind": self._remind})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _ask(self, now: datetime) -> bool:
        """Ask some people how it was; whether there may be more."""
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        due = self.store.read(lambda tx: ratings.due(tx, now, ASKED_AT_ONCE + len(self.broken)))
        due = [one for one in due if one not in self.broken]
        asked = 0
        for one in due:
            try:
                asked += self.store.run(partial(self._ask_one, one=one, now=now))
            except LookupError as bug:
                log.exception("rating not asked", voucher=one[1], error=type(bug).__name__)
                self.broken.add(one)
        if asked:
            log.info("asked for ratings", people=asked)
        return len(due) >= ASKED_AT_ONCE

    def _ask_one(self, tx: Tx, one: tuple[int, int], now: datetime) -> bool:
        who = subscribers.lock_id(tx, one[0])
        rating = ratings.take_owed(tx, subscriber_id=one[0], voucher_id=one[1], now=now)
        if rating is None:
            return False
        route = Route("rate", {"owner": str(one[0]), "voucher": str(one[1])})
        origin = f"rating:{one[1]}"
        asked = self.engine.ask_first(tx, who, route, kind="service", origin=origin, now=now)
        if asked == UNWELCOME:
            ratings.drop(tx, rating)
        elif asked == NOT_YET:
            ratings.postpone(tx, rating, until=now + ASK_AGAIN)
        else:
            ratings.asked(tx, rating, now=now)
        return asked == ASKED

    def _remind(self, now: datetime) -> bool:
        if self.reminded_at is not None and now - self.reminded_at < REMIND_EVERY:
            return False
        ahead, most = self.remind_ahead, REMINDED_AT_ONCE + len(self.stuck)
        due = self.store.read(lambda tx: complaint_desk.to_remind(tx, now, ahead=ahead, limit=most))
        due = [number for number in due if number not in self.stuck]
        for number in due:
            try:
                done = self.store.run(partial(self._remind_one, number=number, now=now))
            except LookupError as bug:
                log.exception("not reminded", complaint=number, error=type(bug).__name__)
                self.stuck.add(number)
            else:
                log.info("complaint is due", complaint=number, what=done)
        more = len(due) >= REMINDED_AT_ONCE
        self.reminded_at = None if more else now
        return more

    def _remind_one(self, tx: Tx, number: int, now: datetime) -> str | None:
        found = complaint_desk.remind(tx, number, now, ahead=self.remind_ahead)
        if found is None:
            return None
        what, complaint = found
        if what == complaint_desk.LATE:
            complaint_news.late(tx, self.engine, complaint, now)
        return what
