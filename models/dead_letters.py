"""What operators see of the outbox, and what they decide about rows that were given up."""

from __future__ import annotations

from datetime import datetime

from models import outbox, sql
from models.base import Tx
from models.outbox import FIELDS, Owed


def listed(tx: Tx, *, state: str, limit: int) -> list[Owed]:
    """The newest rows in a state, for operators."""
    rows = sql.rows(
        tx,
        f"SELECT {FIELDS} FROM outbox WHERE state = %(state)s ORDER BY id DESC LIMIT %(limit)s",
        {"state": state, "limit": limit},
    )
    return [Owed(*row) for row in rows]


def counts(tx: Tx) -> dict[tuple[str, str], int]:
    """How many rows stand in each (queue, state) that somebody may have to look at."""
    each = " UNION ALL ".join(  # one by one, so that the partial indexes serve
        f"SELECT queue, state, count(*) FROM outbox WHERE state = '{state}' GROUP BY 1, 2"
        for state in ("owed", "taken", "accepted", "dead")
    )
    return {(row[0], row[1]): row[2] for row in sql.rows(tx, each)}


def requeue(tx: Tx, owed_id: int, now: datetime) -> bool:
    """An operator's second chance for a row that was given up."""
    return outbox.set_where(
        tx, owed_id,
        "state = 'owed', attempts = 0, due_at = %(now)s, error = NULL, settled_at = NULL",
        "state IN ('dead', 'failed')",
        now=now,
    )  # fmt: skip


def drop(tx: Tx, owed_id: int, *, reason: str, now: datetime) -> bool:
    """An operator's decision that a dead row shall stay unsent."""
    return outbox.set_where(
        tx, owed_id,
        "state = 'dropped', error = %(reason)s, settled_at = %(now)s",
        "state = 'dead'",
        reason=reason, now=now,
    )  # fmt: skip


def remark(tx: Tx, owed_id: int, why: str) -> bool:
    """Keep an operator's reason with a row, whatever its state."""
    return outbox.set_where(tx, owed_id, "error = %(why)s", "true", why=why)
