"""Figures for charts, by the clock: hours out of Redis into the table, and the clubs' days."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial

import redis
import structlog

from integrations.live_numbers import LiveNumbers, whole_hour
from models import club_days, figures
from models.points.accounts import day_of
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

COPY_EVERY = timedelta(minutes=1)
# After midnight in China: whoever dates a change before it has this long to commit it.
DAY_ENDS_AFTER = timedelta(minutes=30)


@dataclass(slots=True)
class FiguresClock:
    """Copies and adds. What was not copied in time is copied later: Redis keeps it for days."""

    store: Store
    numbers: LiveNumbers
    tried_at: datetime | None = None
    copied_at: datetime | None = None
    added: date | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("figures", {"hours": self._copy, "clubs": self._add_days})

    def tick(self, now: datetime) -> None:
        """Do what is due. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _copy(self, now: datetime) -> bool:
        if self.tried_at is not None and now - self.tried_at < COPY_EVERY:
            return False
        self.tried_at = now
        try:
            self._copy_hours(now)
        except redis.RedisError as away:
            log.warning("figures wait for Redis", why=type(away).__name__)
        return False

    def _copy_hours(self, now: datetime) -> None:
        # After a long pause, also the hours that ended meanwhile.
        since = whole_hour(self.copied_at or now - timedelta(days=2))
        hour = whole_hour(now)
        while hour >= since:
            counts = self.numbers.hour(hour)
            if counts:
                self.store.run(partial(figures.keep_hour, hour=hour, counts=counts))
            hour -= timedelta(hours=1)
        self.copied_at = now

    def _add_days(self, now: datetime) -> bool:
        day = day_of(now - DAY_ENDS_AFTER) - timedelta(days=1)
        if self.added == day:
            return False
        with self.store.begin() as tx:  # not store.run: what may take long is not tried thrice
            rows = club_days.add_through(tx, day)
        self.store.run(lambda tx: figures.forget_old(tx, now))
        self.added = day
        if rows:
            log.info("club days added", day=day.isoformat(), rows=rows)
        return False
