"""What a person is told of their feedback as it goes on: that somebody has it, and the answer.

console ──feedback was taken, or answered──▶ told ──▶ the outbox, in the same transaction
"""

from __future__ import annotations

from datetime import datetime

from dialogs import notices, pages
from dialogs.feedback import short
from menus.menus import Menus
from models import feedback
from models.base import Tx
from models.feedback import ANSWERED, HANDLING, Feedback


def moved(tx: Tx, menus: Menus, one: Feedback, *, answer: str = "", now: datetime) -> None:
    """Owe the person the news that it has come into its state; of others nothing."""
    name = feedback.name(one.number)
    if one.state == HANDLING:
        notices.answer(
            tx, menus, one.subscriber_id, "feedback.taken", kind="service", now=now, number=name
        )
    elif one.state == ANSWERED:
        notices.answer(
            tx, menus, one.subscriber_id, "feedback.answered", kind="service", now=now,
            page=pages.feedback(one.number), number=name, answer=short(answer),
        )  # fmt: skip
