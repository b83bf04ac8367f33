"""Conversations: one row per dialog that somebody is in, naming the step that comes next.

    asking ──answer──▶ asking | calling | ended
    calling ──result──▶ asking | calling | ended

At most one row per subscriber is `asking`, by a unique index, so that 是 is never ambiguous.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, document, metadata, moment, subscriber_id
from models.subscribers import AFTER_MESSAGE

# How far the known end of WeChat's window may be behind the true one, so that who writes often is
# not noted every time.
WINDOW_SLACK = timedelta(minutes=1)

conversations = Table(
    "conversations",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("dialog", String(40), nullable=False),
    Column("step", String(40), nullable=False),
    Column("late_step", String(40)),
    Column("state", String(16), nullable=False),
    Column("expects", String(16)),
    document("notes"),
    document("question", nullable=True),  # the text key and values, to ask again
    Column("call_id", BigInteger),  # the outbox row whose answer it waits for
    Column("channel", String(16), nullable=False),  # where answers that come later go
    Column("wait_no", Integer, nullable=False, server_default="0"),
    Column("repeats", Integer, nullable=False, server_default="0"),
    moment("opened_at"),
    moment("waiting_since"),
    moment("expires_at", nullable=True),
    Column("ended_as", String(16)),
    moment("ended_at", nullable=True),
    PrimaryKeyConstraint("subscriber_id", "id"),
    CheckConstraint("state IN ('asking', 'calling', 'ended')", name="state"),
    CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended"),
    # Every wait ends.
    CheckConstraint("state = 'ended' OR expires_at IS NOT NULL", name="expires"),
    Index(
        "conversations_one_question",
        "subscriber_id",
        unique=True,
        postgresql_where=text("state = 'asking'"),
    ),
    Index(
        "conversations_due",
        "expires_at",
        postgresql_where=text("state <> 'ended'"),
    ),
    # However long somebody's history, what is open is found at once.
    Index(
        "conversations_open",
        "subscriber_id",
        postgresql_where=text("state <> 'ended'"),
    ),
    Index(
        "conversations_ended",
        "subscriber_id",
        "ended_at",
        postgresql_where=text("ended_at IS NOT NULL"),
    ),
)

# How long a lapsed question is remembered, so that a late 是 can be told that it lapsed.
# Then an ended conversation is deleted; what it led to stands in the tables of its own noun.
KEPT_FOR = timedelta(days=90)
LAPSED_IS_REMEMBERED = timedelta(hours=72)


@dataclass(slots=True)
class Conversation:
    """A row, as the engine works on it; id 0 until it is stored."""

    subscriber_id: int
    dialog: str
    channel: str
    opened_at: datetime
    id: int = 0
    step: str = "opened"
    late_step: str | None = None
    state: str = "ended"
    expects: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    question: dict[str, Any] | None = None
    call_id: int | None = None
    wait_no: int = 0
    repeats: int = 0
    waiting_since: datetime | None = None
    expires_at: datetime | None = None
    ended_as: str | None = None
    ended_at: datetime | None = None


_FIELDS = (
    "id, dialog, step, late_step, state, expects, notes, question, call_id, channel, wait_no,"
    " repeats, opened_at, waiting_since, expires_at, ended_as, ended_at"
)


def _read(subscriber: int, row: Any) -> Conversation:
    names = _FIELDS.split(", ")
    return Conversation(subscriber_id=subscriber, **dict(zip(names, row, strict=True)))


def waiting(tx: Tx, subscriber_id: int) -> list[Conversation]:
    """The conversations that wait for this person or for a call, the open question first."""
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM conversations WHERE subscriber_id = %(id)s"
        " AND state <> 'ended' ORDER BY state, id",
        {"id": subscriber_id},
    )
    return [_read(subscriber_id, row) for row in rows]


def glanced_at(tx: Tx, openid: str, now: datetime) -> bool:
    """Whether the follower who has just written has an open question.

    By the way it is noted that WeChat's window is open by what they wrote, where that is not known
    to within WINDOW_SLACK: in a statement of its own, which waits for nobody (whoever holds the row
    is about to note the same) and not for the disk (a crash could lose one window, and no more).
    """
    row = sql.first(
        tx,
        "SELECT open_until, EXISTS (SELECT 1 FROM conversations c"
        " WHERE c.subscriber_id = a.subscriber_id AND c.state = 'asking')"
        " FROM subscriber_addresses a WHERE channel = 'wechat' AND address = %(openid)s",
        {"openid": openid},
    )
    if row is None:
        return False
    open_until, is_asking = row
    until = now + AFTER_MESSAGE
    if not is_asking and (open_until is None or open_until < until - WINDOW_SLACK):
        sql.run(tx, _OPENED, {"openid": openid, "now": now, "until": until})
    return bool(is_asking)


_OPENED = """
    WITH opened AS (
        UPDATE subscriber_addresses a
        SET heard_at = %(now)s, open_until = greatest(a.open_until, %(until)s)
        FROM (SELECT address FROM subscriber_addresses
              WHERE channel = 'wechat' AND address = %(openid)s
              FOR NO KEY UPDATE SKIP LOCKED) found
        WHERE a.channel = 'wechat' AND a.address = found.address
    )
    SELECT set_config('synchronous_commit', 'off', true)
"""


def get(tx: Tx, subscriber_id: int, conversation_id: int) -> Conversation | None:
    """One conversation, or None."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM conversations WHERE subscriber_id = %(subscriber)s AND id = %(id)s",
        {"subscriber": subscriber_id, "id": conversation_id},
    )
    return _read(subscriber_id, row) if row else None


def lapsed(tx: Tx, subscriber_id: int, now: datetime) -> Conversation | None:
    """The last question of this person that ended without an answer, if it was lately."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM conversations"
        " WHERE subscriber_id = %(id)s AND ended_at > %(since)s ORDER BY ended_at DESC LIMIT 1",
        {"id": subscriber_id, "since": now - LAPSED_IS_REMEMBERED},
    )
    found = _read(subscriber_id, row) if row else None
    return found if found and found.ended_as in ("expired", "replaced") else None


def next_id(tx: Tx) -> int:
    """An id for a conversation that begins."""
    return int(sql.value(tx, "SELECT nextval('conversations_id_seq')"))


def store(tx: Tx, talk: Conversation) -> None:
    """Write a conversation, giving it an id if it is new."""
    new = talk.id == 0
    if new:
        talk.id = next_id(tx)
    sql.together(tx, [stored(talk, new=new)])


def stored(talk: Conversation, *, new: bool) -> sql.Write:
    """What writes a conversation, which has its id."""
    values = {
        "subscriber_id": talk.subscriber_id,
        "id": talk.id,
        "dialog": talk.dialog,
        "step": talk.step,
        "late_step": talk.late_step,
        "state": talk.state,
        "expects": talk.expects,
        "notes": Jsonb(talk.notes),
        "question": Jsonb(talk.question) if talk.question is not None else None,
        "call_id": talk.call_id,
        "channel": talk.channel,
        "wait_no": talk.wait_no,
        "repeats": talk.repeats,
        "opened_at": talk.opened_at,
        "waiting_since": talk.waiting_since or talk.opened_at,
        "expires_at": talk.expires_at,
        "ended_as": talk.ended_as,
        "ended_at": talk.ended_at,
    }
    return sql.Write(_INSERT if new else _UPDATE, values)


_WRITTEN = [name for name in _FIELDS.split(", ") if name != "id"]
_INSERT = (
    f"INSERT INTO conversations (subscriber_id, id, {', '.join(_WRITTEN)})"
    " VALUES (%(subscriber_id)s, %(id)s, " + ", ".join(f"%({name})s" for name in _WRITTEN) + ")"
)
_UPDATE = (
    "UPDATE conversations SET "
    + ", ".join(f"{name} = %({name})s" for name in _WRITTEN)
    + " WHERE subscriber_id = %(subscriber_id)s AND id = %(id)s"
)


def end_questions(tx: Tx, subscriber_id: int, now: datetime) -> None:
    """End what is being asked of this person: somebody else answers here from now on."""
    sql.change(
        tx,
        "UPDATE conversations SET state = 'ended', ended_as = 'replaced', ended_at = %(now)s"
        " WHERE subscriber_id = %(id)s AND state = 'asking'",
        {"now": now, "id": subscriber_id},
    )


def end_by_operator(tx: Tx, subscriber_id: int, conversation_id: int, now: datetime) -> bool:
    """End an open question, unanswered. False if it is over, or waits for another system.

    What waits for another system is not anybody's to end: its answer would find nobody.
    """
    changed = sql.change(
        tx,
        "UPDATE conversations SET state = 'ended', ended_as = 'operator', ended_at = %(now)s"
        " WHERE subscriber_id = %(subscriber)s AND id = %(id)s AND state = 'asking'",
        {"now": now, "subscriber": subscriber_id, "id": conversation_id},
    )
    return changed == 1


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete conversations that ended long ago, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM conversations WHERE (subscriber_id, id) IN ("
        "SELECT subscriber_id, id FROM conversations WHERE ended_at < %(before)s LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )


def postpone(tx: Tx, subscriber_id: int, conversation_id: int, until: datetime) -> None:
    """Look at a wait again later."""
    sql.change(
        tx,
        "UPDATE conversations SET expires_at = %(until)s"
        " WHERE subscriber_id = %(subscriber)s AND id = %(id)s AND state <> 'ended'",
        {"until": until, "subscriber": subscriber_id, "id": conversation_id},
    )


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int, int]]:
    """(subscriber, conversation, wait_no) of waits that are over, oldest first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, id, wait_no FROM conversations"
        " WHERE state <> 'ended' AND expires_at <= %(now)s ORDER BY expires_at LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1], row[2]) for row in rows]
