"""Activities by the clock: the queue moves up, news is told, people are reminded in time.

queue    free places go to whoever waits; who got none hears so
news     moved up, another time or place, called off: by day, or at once where it is near
remind   the day before, and some hours before
forget   codes of doors
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialogs import activity_news
from dialogs.engine import Engine
from models import subscribers
from models.activities import doors, joining, planning, telling
from models.base import Tx
from models.store import Store
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

AT_ONCE = 50
NEAR = timedelta(days=1)  # so near before the beginning nobody waits for the morning
FORGET_EVERY = timedelta(minutes=10)


@dataclass(slots=True)
class ActivitiesClock:
    """Looks each time; each person is a transaction of their own."""

    store: Store
    engine: Engine
    forgot_at: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        works = {
            "queue": self._queue, "news": self._news, "remind": self._remind,
            "forget": self._forget,
        }  # fmt: skip
        self.parts = Parts("activities", works)

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _queue(self, now: datetime) -> bool:
        for activity_id, is_over in self.store.read(lambda tx: telling.to_look_at(tx, now)):
            work = joining.send_away if is_over else self.move_up
            self.store.run(partial(work, activity_id=activity_id, now=now))
        return False

    def move_up(self, tx: Tx, *, activity_id: int, now: datetime) -> int:
        """Give free places to whoever waits; returns how many got one."""
        activity = planning.hold(tx, activity_id)
        return len(joining.move_up(tx, activity, now)) if activity else 0

    def _news(self, now: datetime) -> bool:
        near = None if notices.may_tell(self.engine.rules.sending, now) else now + NEAR
        due = self.store.read(lambda tx: telling.waiting(tx, AT_ONCE, before=near))
        for person, activity_id in due:
            self.store.run(partial(self.tell, person=person, activity_id=activity_id, now=now))
        if due:
            log.info("told of activities", people=len(due))
        return len(due) == AT_ONCE

    def tell(self, tx: Tx, *, person: int, activity_id: int, now: datetime) -> None:
        """Tell one person the news, once."""
        subscribers.lock_id(tx, person)
        news = telling.take_news(tx, person, activity_id)
        if news is not None:
            activity_news.told(tx, self.engine.menus(), news, now)

    def _remind(self, now: datetime) -> bool:
        due = self.store.read(lambda tx: telling.due(tx, now, AT_ONCE))
        for person, activity_id, which in due:
            self.store.run(
                partial(self.remind, person=person, activity_id=activity_id, which=which, now=now)
            )
        return len(due) == AT_ONCE

    def remind(
        self, tx: Tx, *, person: int, activity_id: int, which: int, now: datetime
    ) -> None:  # fmt: skip
        """Remind one person, once."""
        subscribers.lock_id(tx, person)
        activity = telling.reminded(tx, person, activity_id, which)
        if activity is not None:
            activity_news.reminder(tx, self.engine.menus(), person, activity, now)

    def _forget(self, now: datetime) -> bool:
        if self.forgot_at is not None and timedelta() <= now - self.forgot_at < FORGET_EVERY:
            return False
        gone = self.store.run(lambda tx: doors.forget(tx, now, AT_ONCE))
        if gone < AT_ONCE:
            self.forgot_at = now
        return gone == AT_ONCE
