"""What somebody did with us, told to the earning rules in the transaction in which they did it.

    joined a club, redeemed for the first time, came to an activity ... ─▶ happened ─▶ points, tasks

The id says what it was and whose, so that the same thing again gives nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from models.base import Tx
from models.earning import events
from models.earning.earn import earn
from models.earning.event import Event

SOURCE = "circle"


def happened(
    tx: Tx, person: int, kind: str, *, key: str, now: datetime,
    values: Mapping[str, int | str] | None = None,
) -> int:  # fmt: skip
    """Record an event of a type in rules/events.yaml, and give what the rules say; once for a key.

    `key`: at most 80 letters, digits and signs, unique for all people and types, such as
    "joined:film:17". The caller holds the person. Returns the points given by it, and by the tasks
    that it has done.
    """
    event = Event(key, kind, person, now, dict(values or {}))
    new = events.keep(tx, [event], source=SOURCE, now=now)
    return earn(tx, new, now) if new else 0
