"""Who may be sent what: the one place that decides whether an owed message leaves.

Answers to what a person has just done always may; the rest respects opt-out and blocking.
"""

from __future__ import annotations

from datetime import datetime

from models import subscribers
from models.base import Tx
from models.outbox import Owed

ANSWER, NOTICE, MARKETING = "answer", "notice", "marketing"


def refusal(tx: Tx, owed: Owed, now: datetime) -> str | None:
    """Why this message must not leave, or None if it may."""
    who = subscribers.get(tx, owed.subscriber_id)
    if who.status == "blocked":
        return "the subscriber is blocked"
    if who.opted_out and owed.category == MARKETING:
        return "the subscriber has opted out"
    return None
