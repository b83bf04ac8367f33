"""Consents: what a person was asked, what they answered, and by which message.

The regulator wants the consent message, its id and its time kept for at least five months
(工信部 电信业务 二次确认); rows here are never changed, and none younger than that is deleted: a
trigger refuses both.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from models import sql
from models.base import Tx, metadata, moment, subscriber_id

consents = Table(
    "consents",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("subject", String(80), nullable=False),  # "club:film", "messages"
    Column("granted", String(8), nullable=False),  # yes | no
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("message_key", String(200), nullable=False),
    moment("asked_at", nullable=True),
    moment("answered_at"),
    PrimaryKeyConstraint("subscriber_id", "id"),
    Index(None, "answered_at"),
)

# What the trigger asks for (migration 0016).
KEPT_AT_LEAST_MONTHS = 5


JOINING = "join"


def to_club(code: str, what: str = JOINING) -> str:
    """The subject of joining a club, wherever it is asked, or of `what` else about a membership."""
    return f"club:{code}" if what == JOINING else f"club:{code}:{what}"


def keep(
    tx: Tx,
    *,
    subscriber_id: int,
    subject: str,
    granted: bool,
    question: str,
    answer: str,
    message_key: str,
    asked_at: datetime | None,
    now: datetime,
) -> None:
    """Keep the evidence of a consent given or withdrawn."""
    tx.execute(
        consents.insert().values(
            subscriber_id=subscriber_id,
            subject=subject,
            granted="yes" if granted else "no",
            question=question,
            answer=answer,
            message_key=message_key,
            asked_at=asked_at,
            answered_at=now,
        )
    )


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete evidence from before then that the regulator does not want any more; how many."""
    return sql.change(
        tx,
        "DELETE FROM consents WHERE (subscriber_id, id) IN (SELECT subscriber_id, id FROM consents"
        f" WHERE answered_at < least(%(before)s, now() - interval '{KEPT_AT_LEAST_MONTHS} months')"
        " ORDER BY answered_at LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )
