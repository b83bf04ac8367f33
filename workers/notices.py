"""When the clock may write to people who wait for nothing: by day, and not onto a backlog."""

from __future__ import annotations

from datetime import datetime

from models import outbox
from models.points import SHANGHAI
from models.store import Store

# Hours of the day in China: nobody's phone rings at night.
FROM_HOUR, UNTIL_HOUR = 9, 20
# While so many messages wait in the queue, no more are owed: they would ring late in the evening.
BACKLOG = 2000


def may_tell(now: datetime) -> bool:
    """Whether it is an hour in China at which a message that nobody waits for is welcome."""
    return FROM_HOUR <= now.astimezone(SHANGHAI).hour < UNTIL_HOUR


def too_many_wait(store: Store) -> bool:
    """Whether the queue of such messages is full for now."""
    return store.read(lambda tx: outbox.waiting(tx, outbox.BULK, most=BACKLOG)) >= BACKLOG
