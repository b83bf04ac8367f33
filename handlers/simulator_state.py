"""What the product remembers of a person: dialogs, memberships, and what is owed to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from models import clubs, conversations, outbox, subscribers
from models.base import Tx
from models.conversations import Conversation
from models.subscribers import Subscriber

ENDED_SHOWN = 3
OWED_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Owed:
    """A row of the outbox, in a few words."""

    id: int
    kind: str
    state: str
    attempts: int
    status: str
    error: str
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """One subscriber behind the phone: two until WeChat and number are bound."""

    who: Subscriber
    waiting: tuple[Conversation, ...]
    ended: tuple[Conversation, ...]
    memberships: tuple[tuple[str, str], ...]  # (club, state)
    owed: tuple[Owed, ...]


def remembered(tx: Tx, *, openid: str, msisdn: str) -> list[Remembered]:
    """What is known of whoever has this openid or this number."""
    addresses = (("wechat", openid), ("sms", msisdn))
    found = [subscribers.find(tx, channel, address) for channel, address in addresses if address]
    people = {who.id: who for who in found if who is not None}
    return [_of(tx, who) for who in people.values()]


def _of(tx: Tx, who: Subscriber) -> Remembered:
    return Remembered(
        who=who,
        waiting=tuple(conversations.waiting(tx, who.id)),
        ended=tuple(_ended(tx, who.id)),
        memberships=tuple(_memberships(tx, who.id)),
        owed=tuple(_owed(tx, who.id)),
    )


def _ended(tx: Tx, subscriber_id: int) -> list[Conversation]:
    table = conversations.conversations.c
    rows = tx.execute(
        select(table.id)
        .where(table.subscriber_id == subscriber_id, table.state == "ended")
        .order_by(table.ended_at.desc(), table.id.desc())
        .limit(ENDED_SHOWN)
    ).scalars()
    talks = [conversations.get(tx, subscriber_id, talk_id) for talk_id in rows.all()]
    return [talk for talk in talks if talk is not None]


def _memberships(tx: Tx, subscriber_id: int) -> list[tuple[str, str]]:
    joined = clubs.memberships.join(clubs.clubs)
    rows = tx.execute(
        select(clubs.clubs.c.name, clubs.memberships.c.state)
        .select_from(joined)
        .where(clubs.memberships.c.subscriber_id == subscriber_id)
        .order_by(clubs.clubs.c.position)
    )
    return [(row[0], row[1]) for row in rows]


def _owed(tx: Tx, subscriber_id: int) -> list[Owed]:
    table = outbox.outbox.c
    rows = tx.execute(
        select(
            table.id, table.kind, table.state, table.attempts, table.status, table.error,
            table.payload, table.created_at,
        )
        .where(table.subscriber_id == subscriber_id)
        .order_by(table.id.desc())
        .limit(OWED_SHOWN)
    )  # fmt: skip
    return [
        Owed(
            id=row.id, kind=row.kind, state=row.state, attempts=row.attempts,
            status=row.status or "", error=row.error or "", what=_words(row.payload),
            at=row.created_at,
        )
        for row in rows
    ]  # fmt: skip


def _words(payload: dict[str, Any]) -> str:
    return str(payload.get("text") or payload.get("service") or "")
