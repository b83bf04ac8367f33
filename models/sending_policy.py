"""Who may be sent what: the one rule, asked when a message is owed unasked and when it leaves.

answer     to what the person has just done or ordered   everybody who is not blocked
notice     unasked, of their own account: what expires,  who is active and has not opted out:
           which tier they reached                       退订 was answered "no more notices"
marketing  unasked, to gain by it                        the same
"""

from __future__ import annotations

from datetime import datetime, timedelta

from models import sql, subscribers
from models.base import Tx
from models.outbox import Owed
from models.subscribers import Subscriber

# More SMS than this to one number within this time are a loop, or somebody's joke, that we pay for
# (RapidPro stops a contact at 20 identical messages).
LOOP_LIMIT = 30
LOOP_WITHIN = timedelta(minutes=10)

ANSWER, NOTICE, MARKETING = "answer", "notice", "marketing"
# What notices are about.
KINDS = ("points", "vouchers", "clubs", "activities", "gifts", "service", "marketing")
# silence() of what is unasked, as a condition on `subscribers s`: for whole batches of people.
UNASKED_MAY_REACH = "s.status = 'active' AND s.opted_out_at IS NULL"


def silence(who: Subscriber, category: str) -> str | None:
    """Why this person is not written to in this category, or None if they may be."""
    if who.status == "blocked":
        return "the subscriber is blocked"
    if category == ANSWER:
        return None
    if who.opted_out:
        return "the subscriber has opted out"
    return None if who.status == "active" else f"the subscriber is {who.status}"


def refusal(tx: Tx, owed: Owed, now: datetime) -> str | None:
    """Why this message must not leave, or None if it may."""
    who = subscribers.get(tx, owed.subscriber_id)
    if owed.kind == "sms" and who.status != "blocked":
        since = owed.created_at - LOOP_WITHIN
        if _sms_count(tx, to=owed.payload["to"], since=since) > LOOP_LIMIT:
            return "too many in a short time: two machines may be talking to each other"
    return silence(who, owed.category)


def _sms_count(tx: Tx, *, to: str, since: datetime) -> int:
    """How many SMS have become owed to a number since then."""
    count: int = sql.value(
        tx,
        "SELECT count(*) FROM outbox WHERE kind = 'sms' AND payload ->> 'to' = %(to)s"
        " AND created_at > %(since)s",
        {"to": to, "since": since},
    )
    return count
