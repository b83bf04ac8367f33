"""What operators see of the outbox, and what they decide about rows that were given up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models import outbox, sql
from models.base import Tx
from models.outbox import FIELDS, Owed

# What can be put back into its queue; only what is dead can be dropped.
GIVEN_UP = ("dead", "failed")
STATES = (
    "dead", "failed", "owed", "taken", "accepted", "sent", "delivered", "answered", "dropped",
)  # fmt: skip


# Nearly all rows are in these states: no index leads to the few of them that are looked for, so
# only so many of the newest rows of the outbox are looked through.
USUAL = frozenset({"sent", "delivered", "answered"})
LOOKED_THROUGH = 100_000
# Rows in other states have no error, so there is nothing to look through.
WITH_ERRORS = frozenset({"dead", "failed", "owed", "dropped"})


@dataclass(frozen=True, slots=True)
class Which:
    """Rows in a state; of one queue, of one kind, with these words in the error, if named."""

    state: str = "dead"
    queue: str | None = None
    kind: str | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """When a row is due, whose lease it is on until when, and when it ended."""

    due_at: datetime
    leased_until: datetime | None
    settled_at: datetime | None


# The state stands in the text: only then do the partial indexes serve.
_WHICH = (
    "state = '{state}' AND queue = coalesce(%(queue)s, queue) AND kind = coalesce(%(kind)s, kind)"
)


def listed(tx: Tx, which: Which, *, limit: int, below: int | None = None) -> list[Owed]:
    """The newest rows first; `below`: only those with a lower id."""
    before = "" if below is None else " AND id < %(below)s"
    rows = sql.rows(
        tx,
        f"SELECT {FIELDS} FROM outbox WHERE {_where(which)}{before} ORDER BY id DESC"
        " LIMIT %(limit)s",
        {**_values(which), "limit": limit, "below": below},
    )
    return [Owed(*row) for row in rows]


def ids(tx: Tx, which: Which, *, most: int) -> list[int]:
    """The ids of the oldest `most` rows, the oldest first."""
    rows = sql.rows(
        tx,
        f"SELECT id FROM outbox WHERE {_where(which)} ORDER BY id LIMIT %(most)s",
        {**_values(which), "most": most},
    )
    return [row[0] for row in rows]


def among(tx: Tx, owed_ids: Sequence[int]) -> list[Owed]:
    """These rows, as far as they are there, the oldest first."""
    rows = sql.rows(
        tx,
        f"SELECT {FIELDS} FROM outbox WHERE id = ANY (%(ids)s) ORDER BY id",
        {"ids": list(owed_ids)},
    )
    return [Owed(*row) for row in rows]


def times(tx: Tx, owed_id: int) -> Times:
    """The times of a row that must be there. Raises LookupError."""
    row = sql.one(
        tx,
        "SELECT due_at, leased_until, settled_at FROM outbox WHERE id = %(id)s",
        {"id": owed_id},
    )
    return Times(*row)


def counts(tx: Tx) -> dict[tuple[str, str], int]:
    """How many rows stand in each (queue, state) that somebody may have to look at."""
    each = " UNION ALL ".join(  # one by one, so that the partial indexes serve
        f"SELECT queue, state, count(*) FROM outbox WHERE state = '{state}' GROUP BY 1, 2"
        for state in ("owed", "taken", "accepted", "dead")
    )
    return {(row[0], row[1]): row[2] for row in sql.rows(tx, each)}


def dead(tx: Tx, *, most: int) -> int:
    """How many rows are dead, counted up to `most`."""
    count: int = sql.value(
        tx,
        "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'dead' LIMIT %(most)s) AS rows",
        {"most": most},
    )
    return count


def oldest_due(tx: Tx, now: datetime) -> dict[str, datetime]:
    """Queue -> since when its oldest owed row has been due; queues with none are missing."""
    rows = sql.rows(
        tx,
        "SELECT q, (SELECT min(due_at) FROM outbox WHERE queue = q AND state = 'owed'"
        " AND due_at <= %(now)s) FROM unnest(ARRAY['reply', 'call', 'bulk']) q",
        {"now": now},
    )
    return {queue: due_at for queue, due_at in rows if due_at is not None}


def requeue(tx: Tx, owed_ids: Sequence[int], now: datetime) -> list[int]:
    """An operator's second chance for rows that were given up. Returns which were."""
    rows = sql.rows(
        tx,
        "UPDATE outbox SET state = 'owed', attempts = 0, due_at = %(now)s, error = NULL,"
        " settled_at = NULL WHERE id = ANY (ARRAY(SELECT id FROM outbox"
        " WHERE id = ANY (%(ids)s) AND state IN ('dead', 'failed') ORDER BY id FOR UPDATE))"
        " RETURNING id",
        {"ids": list(owed_ids), "now": now},
    )
    return sorted(row[0] for row in rows)


def drop(tx: Tx, owed_id: int, *, reason: str, now: datetime) -> bool:
    """An operator's decision that a dead row shall stay unsent (calls: dialogs/dropping.py)."""
    return outbox.set_where(
        tx, owed_id,
        "state = 'dropped', error = %(reason)s, settled_at = %(now)s",
        "state = 'dead'",
        reason=reason, now=now,
    )  # fmt: skip


def remark(tx: Tx, owed_id: int, why: str) -> bool:
    """Keep an operator's reason with a row, whatever its state."""
    return outbox.set_where(tx, owed_id, "error = %(why)s", "true", why=why)


def _where(which: Which) -> str:
    if which.state not in STATES:
        raise ValueError("no such state")
    if which.error and which.state not in WITH_ERRORS:
        return "false"
    found = " AND error ILIKE %(error)s" if which.error else ""
    if which.state in USUAL:
        found += f" AND id > (SELECT max(id) - {LOOKED_THROUGH} FROM outbox)"
    return _WHICH.format(state=which.state) + found


def _values(which: Which) -> dict[str, object]:
    literal = re.sub(r"([\\%_])", r"\\\1", which.error)
    return {"queue": which.queue, "kind": which.kind, "error": f"%{literal}%"}
