"""SMS by the clock: what nobody will ever know of is given up, and texts with holes are heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from models import heard_parts, submissions
from models.store import Store
from workers.parts import Parts
from workers.sender.hearing import Ear

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
PARTS_WAIT = timedelta(minutes=10)  # then a long text is heard without what is missing
AT_ONCE = 100
GIVEN_UP_AT_ONCE = 1000


@dataclass(slots=True)
class SmsClock:
    """`unknown_for`: so long nobody knows whether a message left, and then never will."""

    store: Store
    ear: Ear
    unknown_for: timedelta
    gave_up_at: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("sms", {"give up": self._give_up, "holes": self._holes})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _give_up(self, now: datetime) -> bool:
        """Marketing is not sent a second time."""
        if self.gave_up_at is not None and now - self.gave_up_at < EVERY:
            return False
        gone = self.store.alone(
            lambda tx: submissions.give_up_unknown(
                tx, unknown_for=self.unknown_for, now=now, limit=GIVEN_UP_AT_ONCE
            )
        )
        if gone:
            log.warning("sms given up as unknown", messages=gone)
        more = gone == GIVEN_UP_AT_ONCE
        self.gave_up_at = None if more else now
        return more

    def _holes(self, now: datetime) -> bool:
        """Hear some long texts whose missing parts never came; whether there may be more."""
        before = now - PARTS_WAIT
        places = self.store.read(lambda tx: heard_parts.overdue(tx, before, AT_ONCE))
        for place in places:
            come = self.store.read(partial(heard_parts.text, where=place))
            if come is not None:
                self.ear.long("", place, come)
                self.store.run(partial(heard_parts.forget, where=place, heard=come))
        if places:
            log.info("long texts heard with holes", texts=len(places))
        return len(places) == AT_ONCE
