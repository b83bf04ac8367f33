"""The mailbox: all that somebody was told unasked or later is kept here, wherever else it goes.

keep ──▶ undecided ──models/ways.py──▶ wechat | template | sms | none (and why)
  └──▶ unread ──mark_read──▶ read
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id

KEPT_FOR = timedelta(days=180)
# Stands in the words where the link to `page` belongs.
PAGE_MARK = "{page}"
_SIGNED = re.compile(r"^【[^】]*】")

mailbox = Table(
    "mailbox",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, nullable=False, autoincrement=False),  # of its row in the outbox
    Column("kind", String(16), nullable=False),
    Column("category", String(16), nullable=False),
    Column("words", Text, nullable=False),
    Column("words_sms", Text, nullable=False),  # with the signature
    Column("page", String(200)),
    moment("at"),
    Column("way", String(8)),
    Column("why", String(16)),
    moment("decided_at", nullable=True),
    moment("read_at", nullable=True),
    PrimaryKeyConstraint("subscriber_id", "id"),
    CheckConstraint(
        "kind IN ('points', 'vouchers', 'clubs', 'activities', 'gifts', 'service', 'marketing')",
        name="kind",
    ),
    CheckConstraint("category IN ('answer', 'notice', 'marketing')", name="category"),
    CheckConstraint("way IN ('wechat', 'template', 'sms', 'none')", name="way"),
    CheckConstraint("(way IS NULL) = (decided_at IS NULL)", name="decided"),
    CheckConstraint("(why IS NOT NULL) = (coalesce(way, '') = 'none')", name="why"),
    CheckConstraint("words <> '' AND words_sms <> ''", name="words"),
    Index("mailbox_unread", "subscriber_id", postgresql_where=text("read_at IS NULL")),
    Index(None, "at"),
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in somebody's mailbox; `way` None: not decided yet."""

    owner: int
    id: int
    kind: str
    category: str
    words: str
    words_sms: str
    page: str | None
    at: datetime
    way: str | None
    read_at: datetime | None

    @property
    def unsigned(self) -> str:
        """The words of the SMS without the signature, which every SMS gets anew."""
        return _SIGNED.sub("", self.words_sms)


_FIELDS = "subscriber_id, id, kind, category, words, words_sms, page, at, way, read_at"
# Nothing is kept for whoever is blocked or deleted, not even by somebody who does not know yet:
# whoever deletes a person holds the row against FOR KEY SHARE.
_KEEP = (
    "INSERT INTO mailbox (subscriber_id, id, kind, category, words, words_sms, page, at, way,"
    " decided_at) SELECT s.id, %(id)s, %(kind)s, %(category)s, %(words)s, %(words_sms)s, %(page)s,"
    " %(now)s, %(way)s, %(decided)s FROM subscribers s WHERE s.id = %(subscriber)s"
    " AND s.status IN ('active', 'merged') FOR KEY SHARE OF s"
)


def keeping(
    *, subscriber_id: int, letter_id: int, kind: str, category: str, words: str, words_sms: str,
    page: str | None, now: datetime, way: str | None = None,
) -> sql.Write:  # fmt: skip
    """What keeps a message; `way`: where it is decided already."""
    values: dict[str, Any] = {
        "subscriber": subscriber_id, "id": letter_id, "kind": kind, "category": category,
        "words": words, "words_sms": words_sms, "page": page, "now": now, "way": way,
        "decided": now if way else None,
    }  # fmt: skip
    return sql.Write(_KEEP, values)


def hold(tx: Tx, owners: list[int], letter_id: int) -> Letter | None:
    """One message of any of these, locked, or None."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM mailbox WHERE subscriber_id = ANY (%(owners)s) AND id = %(id)s"
        " FOR NO KEY UPDATE",
        {"owners": owners, "id": letter_id},
    )
    return Letter(*row) if row else None


def decided(
    tx: Tx, letter: Letter, *, owner: int, way: str, why: str | None, now: datetime
) -> None:
    """Note which way it goes; it is `owner`'s by now, who may have taken over who had it."""
    sql.change(
        tx,
        "UPDATE mailbox SET subscriber_id = %(owner)s, way = %(way)s, why = %(why)s,"
        " decided_at = %(now)s WHERE subscriber_id = %(was)s AND id = %(id)s",
        {
            "owner": owner, "was": letter.owner, "id": letter.id, "way": way, "why": why,
            "now": now,
        },
    )  # fmt: skip


def listed(tx: Tx, owner: int, *, limit: int, below: int | None = None) -> list[Letter]:
    """Somebody's messages, the newest first; `below`: only those with a lower id."""
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM mailbox WHERE subscriber_id = %(owner)s"
        " AND (%(below)s::bigint IS NULL OR id < %(below)s) ORDER BY id DESC LIMIT %(limit)s",
        {"owner": owner, "below": below, "limit": limit},
    )
    return [Letter(*row) for row in rows]


def one(tx: Tx, owner: int, letter_id: int) -> Letter | None:
    """A message of this person's, or None."""
    row = sql.first(
        tx, f"SELECT {_FIELDS} FROM mailbox WHERE subscriber_id = %(owner)s AND id = %(id)s",
        {"owner": owner, "id": letter_id},
    )  # fmt: skip
    return Letter(*row) if row else None


def unread(tx: Tx, owner: int) -> int:
    """How many messages this person has not looked at."""
    count: int = sql.value(
        tx, "SELECT count(*) FROM mailbox WHERE subscriber_id = %(owner)s AND read_at IS NULL",
        {"owner": owner},
    )  # fmt: skip
    return count


def mark_read(tx: Tx, owner: int, now: datetime, *, letter_id: int | None = None) -> int:
    """Note that one message was looked at, or that all were; returns how many were new."""
    return sql.change(
        tx,
        "UPDATE mailbox SET read_at = %(now)s WHERE subscriber_id = %(owner)s AND read_at IS NULL"
        " AND id = coalesce(%(id)s::bigint, id)",
        {"owner": owner, "id": letter_id, "now": now},
    )


def merge(tx: Tx, *, source: int, target: int) -> None:
    """What one had is the other's."""
    sql.change(
        tx, "UPDATE mailbox SET subscriber_id = %(target)s WHERE subscriber_id = %(source)s",
        {"source": source, "target": target},
    )  # fmt: skip


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete what is older, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM mailbox WHERE (subscriber_id, id) IN (SELECT subscriber_id, id FROM mailbox"
        " WHERE at < %(before)s ORDER BY at LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )
