"""Notes: what operators tell each other about a person. Never changed; the words can be erased."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.complaints import said

notes = Table(
    "subscriber_notes",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("words", Text),  # null: erased
    Column("by", String(64), nullable=False),  # a login
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "id"),
    CheckConstraint("btrim(words) <> '' AND char_length(words) <= 1000", name="words"),
    CheckConstraint("btrim(\"by\") <> ''", name="by"),
)


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    words: str | None
    by: str
    at: datetime


def write(tx: Tx, person: int, *, words: str, by: str, now: datetime) -> int:
    """Keep a note about a person; returns its id. Raises ValueError: no words, or too many."""
    return int(
        sql.value(
            tx,
            'INSERT INTO subscriber_notes (subscriber_id, words, "by", at)'
            " VALUES (%(id)s, %(words)s, %(by)s, %(now)s) RETURNING id",
            {"id": person, "words": said(words), "by": by, "now": now},
        )
    )


def of(tx: Tx, people: Collection[int], limit: int) -> list[Note]:
    """The notes about a person, given as all ids that are theirs, the newest first."""
    rows = sql.rows(
        tx,
        'SELECT id, words, "by", at FROM subscriber_notes WHERE subscriber_id = ANY (%(ids)s)'
        " ORDER BY at DESC, id DESC LIMIT %(limit)s",
        {"ids": list(people), "limit": limit},
    )
    return [Note(*row) for row in rows]
