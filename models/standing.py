"""Where a person stands, at one look: the clubs they are in, and what they are being asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import sql
from models.base import Tx
from models.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Standing:
    """`question`: the open question, as it was asked; None without one."""

    clubs: tuple[str, ...]
    question: str | None


_LOOK = (
    "SELECT ARRAY(SELECT c.name FROM clubs c JOIN memberships m ON m.club_code = c.code"
    " WHERE m.subscriber_id = %(id)s AND m.state = 'active' ORDER BY c.position),"
    " (SELECT question ->> 'sent' FROM conversations WHERE subscriber_id = %(id)s"
    " AND state = 'asking' AND expires_at > %(now)s AND NOT dialog = ANY (%(besides)s))"
)


def look(
    tx: Tx, subscriber: Subscriber, now: datetime, *, besides: frozenset[str] = frozenset()
) -> Standing:  # fmt: skip
    """How this person stands now; a question of the dialogs `besides` counts as none."""
    values = {"id": subscriber.id, "now": now, "besides": sorted(besides)}
    clubs, question = sql.one(tx, _LOOK, values)
    return Standing(tuple(clubs), question)
