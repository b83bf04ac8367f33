"""What a person is told of their complaint as it goes on.

console, merchant, clock ──a complaint has changed──▶ tell ──▶ the outbox, in the same transaction
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dialogs import notices
from dialogs.engine import Engine
from dialogs.naming import shortened
from models import complaints, outbox, subscribers
from models.base import Tx
from models.complaints import REJECTED, RESOLVED, UPHELD, WITH_MERCHANT, Complaint

# What is told when a complaint comes into a state; of one that is taken up again, nothing.
TOLD = {
    WITH_MERCHANT: "complaint.with_merchant",
    RESOLVED: "complaint.resolved",
    UPHELD: "complaint.upheld",
    REJECTED: "complaint.rejected",
}
TO_THE_GIVER = "积分已退给送您券的人。"
BECAUSE_CHARS = 40  # of the reason, in a message; all of it stands on the page


def moved(
    tx: Tx, engine: Engine, complaint: Complaint, *, because: str, now: datetime
) -> frozenset[str]:
    """Owe the person the news that it has come into its state; returns the queues to nudge."""
    key = TOLD.get(complaint.state)
    if key is None:
        return frozenset()
    values: dict[str, Any] = {} if key == "complaint.with_merchant" else {"because": because}
    return _tell(tx, engine, complaint, key, values, now)


def paid(
    tx: Tx, engine: Engine, complaint: Complaint, *, points: int, now: datetime
) -> frozenset[str]:
    """Owe the person the news that they are right and have got so many points for it."""
    if not points:  # it was a present: whoever paid for it has them
        return _tell(tx, engine, complaint, "complaint.upheld", {"because": TO_THE_GIVER}, now)
    return _tell(tx, engine, complaint, "complaint.paid", {"points": points}, now)


def late(tx: Tx, engine: Engine, complaint: Complaint, now: datetime) -> frozenset[str]:
    """Owe the person an apology: it takes longer than we said."""
    return _tell(tx, engine, complaint, "complaint.late", {}, now)


def _tell(
    tx: Tx, engine: Engine, complaint: Complaint, key: str, values: dict[str, Any],
    now: datetime,
) -> frozenset[str]:  # fmt: skip
    who = subscribers.by_now(tx, complaint.subscriber_id)
    if who.status != "active":
        return frozenset()
    if "because" in values:
        values = {"because": shortened(" ".join(str(values["because"]).split()), BECAUSE_CHARS)}
    # What the person has asked for: an answer, also to somebody who wants no notices.
    notices.answer(
        tx, engine.menus(), who, key, kind="service", now=now,
        number=complaints.name(complaint.number), **values,
    )  # fmt: skip
    return frozenset({outbox.REPLY})
