"""The inbox: which messages were heard, and what each was answered, so that a repeat gets the same.

Claiming is inserting: a second delivery waits on the key until the first has committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, Column, Index, String, Table

from models import sql
from models.base import Tx, document, metadata, moment

inbox = Table(
    "inbox",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subscriber_id", BigInteger),  # not a foreign key: kept when the person is deleted
    document("reply", nullable=True),
    moment("received_at"),
    Index(None, "received_at"),
)

# Far beyond every retry of every channel (WeChat: three tries in 15 s; Twilio: 24 h at most).
KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Claim:
    """`fresh`: ours to handle; else `reply` is what the first delivery was answered."""

    fresh: bool
    reply: Any = None


def claim(tx: Tx, *, key: str, channel: str, kind: str, now: datetime) -> Claim:
    """Claim a message. A repeat is told the reply of the first delivery."""
    values = {"key": key, "channel": channel, "kind": kind, "now": now}
    inserted = sql.change(
        tx,
        "INSERT INTO inbox (key, channel, kind, received_at)"
        " VALUES (%(key)s, %(channel)s, %(kind)s, %(now)s) ON CONFLICT DO NOTHING",
        values,
    )
    if inserted == 1:
        return Claim(fresh=True)
    row = sql.one(tx, "SELECT reply FROM inbox WHERE key = %(key)s", {"key": key})
    return Claim(fresh=False, reply=row[0])


def answered(tx: Tx, *, key: str, subscriber_id: int, reply: Any) -> None:
    """Keep the reply beside the claim."""
    sql.change(
        tx,
        "UPDATE inbox SET reply = %(reply)s, subscriber_id = %(id)s WHERE key = %(key)s",
        {"reply": Jsonb(reply), "id": subscriber_id, "key": key},
    )


def forget_old(tx: Tx, now: datetime) -> int:
    """Delete claims that no repeat can need any more; returns how many."""
    return tx.execute(inbox.delete().where(inbox.c.received_at < now - KEPT_FOR)).rowcount
