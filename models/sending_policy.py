"""Who may be sent what: the one place that decides whether an owed message leaves.

Answers to what a person has just done always may; the rest respects opt-out and blocking.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from models import outbox, subscribers
from models.base import Tx
from models.outbox import Owed

# More SMS than this to one number within this time are a loop, or somebody's joke, that we pay for
# (RapidPro stops a contact at 20 identical messages).
LOOP_LIMIT = 30
LOOP_WITHIN = timedelta(minutes=10)

ANSWER, NOTICE, MARKETING = "answer", "notice", "marketing"


def refusal(tx: Tx, owed: Owed, now: datetime) -> str | None:
    """Why this message must not leave, or None if it may."""
    who = subscribers.get(tx, owed.subscriber_id)
    if who.status == "blocked":
        return "the subscriber is blocked"
    if owed.kind == "sms":
        since = owed.created_at - LOOP_WITHIN
        if outbox.sms_count(tx, to=owed.payload["to"], since=since) > LOOP_LIMIT:
            return "too many in a short time: two machines may be talking to each other"
    if who.opted_out and owed.category == MARKETING:
        return "the subscriber has opted out"
    return None
