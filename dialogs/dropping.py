"""Give up for good what could not be done: a message stays unsent; who waits for a call is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dialogs.dialog import Answer
from dialogs.engine import Engine
from models import dead_letters, outbox, subscribers
from models.base import Tx

# What a person is told who waits for a call that an operator has dropped; they may try again.
TOLD = "暂时无法办理"


def drop(
    tx: Tx, engine: Engine, owed_ids: Sequence[int], *, reason: str, now: datetime
) -> list[int]:
    """Drop those of the rows that are dead, with an operator's reason. Returns which were."""
    # People are held in the order of their ids, as whoever holds two of them does.
    rows = sorted(dead_letters.among(tx, owed_ids), key=lambda row: (row.subscriber_id, row.id))
    return sorted(row.id for row in rows if _drop(tx, engine, row, reason, now))


def _drop(tx: Tx, engine: Engine, owed: outbox.Owed, reason: str, now: datetime) -> bool:
    if owed.kind != "call":
        return dead_letters.drop(tx, owed.id, reason=reason, now=now)
    subscribers.lock_id(tx, owed.subscriber_id)
    held = outbox.get(tx, owed.id, lock=True)
    if held is None or held.state != "dead":  # somebody has put it back, and it may be under way
        return False
    answered = engine.resume(tx, owed.id, Answer("refused", TOLD), now)
    return answered and dead_letters.remark(tx, owed.id, reason)
