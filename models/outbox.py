"""The outbox: everything owed to the outside, written in the commit that made it owed.

    owed ──take──▶ taken ──▶ sent ──▶ delivered          messages (a receipt moves it on)
      ▲              │  └──▶ accepted ──▶ answered       calls (the answer may come later)
      └── put_off ───┤
                     └──▶ failed (a definite no) · dead (gave up; an operator can re-queue it)

This table is the truth; the queues in Redis are only nudges to look here. A worker that dies
leaves a lease behind, which runs out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
    String,
    Table,
    Text,
    desc,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, document, metadata, moment

# Then what was settled is deleted: it holds numbers and words. Consents are kept elsewhere.
KEPT_FOR = timedelta(days=90)

REPLY, CALL, BULK = QUEUES = ("reply", "call", "bulk")

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("subscriber_id", BigInteger, nullable=False),
    Column("queue", String(8), nullable=False),
    # sms | wechat | template | call; notice: its way is not decided; mailbox: it stays there
    Column("kind", String(16), nullable=False),
    Column("category", String(16), nullable=False),  # answer | notice | marketing
    document("payload"),
    Column("conversation_id", BigInteger),
    Column("state", String(16), nullable=False, server_default="owed"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("leases", Integer, nullable=False, server_default="0"),  # ever; never counted anew
    moment("created_at"),
    moment("due_at"),
    moment("leased_until", nullable=True),
    moment("submitted_at", nullable=True),
    moment("settled_at", nullable=True),
    Column("provider_id", String(64)),
    Column("status", String(16)),  # what the gateway says of it, never going backwards
    Column("error", Text),
    document("result", nullable=True),
    CheckConstraint("queue IN ('reply', 'call', 'bulk')", name="queue"),
    CheckConstraint(
        "kind IN ('sms', 'wechat', 'call', 'notice', 'template', 'mailbox')", name="kind"
    ),
    CheckConstraint(
        "state IN ('owed', 'taken', 'sent', 'delivered', 'accepted', 'answered',"
        " 'failed', 'dead', 'dropped')",
        name="state",
    ),
    CheckConstraint("(state = 'taken') = (leased_until IS NOT NULL)", name="leased"),
    Index("outbox_owed", "queue", "due_at", postgresql_where=text("state = 'owed'")),
    Index("outbox_open", "subscriber_id", "kind", "queue", "id",
          postgresql_where=text("state IN ('owed', 'taken')")),
    Index("outbox_calls_of", "subscriber_id", postgresql_where=text("kind = 'call'")),
    Index("outbox_sms", desc("queue"), desc("category"), "due_at", "id",
          postgresql_where=text("state = 'owed' AND kind = 'sms'")),
    Index("outbox_unknown", "submitted_at",
          postgresql_where=text("state = 'owed' AND kind = 'sms' AND submitted_at IS NOT NULL")),
    Index("outbox_unreceipted", "status", "settled_at", postgresql_where=text(  # receipts.late
        "state = 'sent' AND kind = 'sms' AND status <> 'asked 3' AND provider_id LIKE 'smpp:%'")),
    Index("outbox_leased", "leased_until", postgresql_where=text("state = 'taken'")),
    Index("outbox_accepted", "due_at", postgresql_where=text("state = 'accepted'")),
    Index("outbox_dead", "id", postgresql_where=text("state = 'dead'")),
    Index("outbox_failed", "id", postgresql_where=text("state IN ('failed', 'dropped')")),
    Index("outbox_to", text("(payload ->> 'to')"), "created_at",
          postgresql_where=text("kind = 'sms'")),
    Index("outbox_provider", "provider_id", postgresql_where=text("provider_id IS NOT NULL")),
    Index("outbox_words_of", "subscriber_id", "created_at",
          postgresql_where=text("kind <> 'call'")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Owed:
    """One row, as a worker needs it."""

    id: int
    subscriber_id: int
    queue: str
    kind: str
    category: str
    payload: Mapping[str, Any]
    conversation_id: int | None
    state: str
    attempts: int
    leases: int
    created_at: datetime
    submitted_at: datetime | None
    provider_id: str | None
    status: str | None
    error: str | None
    result: Any = None


FIELDS = (
    "id, subscriber_id, queue, kind, category, payload, conversation_id, state, attempts, leases,"
    " created_at, submitted_at, provider_id, status, error, result"
)


def next_id(tx: Tx) -> int:
    """An id for what is about to be owed: also its idempotency key outside.

    Whoever takes it holds the person, so that a person's ids are in the order of what was said.
    """
    return int(sql.value(tx, "SELECT nextval('outbox_id_seq')"))


def owing(
    *,
    owed_id: int,
    subscriber_id: int,
    kind: str,
    payload: Mapping[str, Any],
    now: datetime,
    queue: str = REPLY,
    category: str = "answer",
    conversation_id: int | None = None,
) -> sql.Write:
    """What makes a message or a call owed."""
    values = {
        "id": owed_id, "subscriber": subscriber_id, "queue": queue, "kind": kind,
        "category": category, "payload": Jsonb(payload), "conversation": conversation_id,
        "now": now,
    }  # fmt: skip
    return sql.Write(_OWE, values)


_OWE = (
    "INSERT INTO outbox (id, subscriber_id, queue, kind, category, payload, conversation_id,"
    " created_at, due_at) VALUES (%(id)s, %(subscriber)s, %(queue)s, %(kind)s, %(category)s,"
    " %(payload)s, %(conversation)s, %(now)s, %(now)s)"
)


def owe(tx: Tx, **what: Any) -> int:
    """Owe a message or a call at once, as owing() takes it. Returns its id."""
    owed_id = next_id(tx)
    sql.together(tx, [owing(owed_id=owed_id, **what)])
    return owed_id


# A message waits for the earlier ones to the same person, so that "opening" never comes after
# "welcome"; a call waits for nobody. (Not NOT EXISTS: see models/submissions.py.)
_TAKE = f"""
    UPDATE outbox SET state = 'taken', attempts = attempts + 1, leases = leases + 1,
                      leased_until = %(until)s
    WHERE id = ANY (ARRAY(
        SELECT o.id FROM outbox o
        WHERE o.state = 'owed' AND o.queue = %(queue)s AND o.due_at <= %(now)s
          AND (o.kind = 'call' OR (
            SELECT 1 FROM outbox e
            WHERE e.subscriber_id = o.subscriber_id AND e.kind = o.kind AND e.queue = o.queue
              AND e.state IN ('owed', 'taken') AND e.id < o.id
            LIMIT 1) IS NULL)
        ORDER BY o.due_at, o.id
        LIMIT %(limit)s
        FOR UPDATE OF o SKIP LOCKED))
    RETURNING {FIELDS}
"""
# As way() says it.
_WAY = "CASE o.kind WHEN 'call' THEN split_part(o.payload ->> 'service', '.', 1) ELSE o.kind END"
_TAKE_BUT = _TAKE.replace("AND (o.kind", f"AND {_WAY} <> ALL (%(but)s) AND (o.kind", 1)
# What leaves over a bind is the sender's (models/submissions.py); TWILIO's is everybody's.
TWILIO = "twilio"
_BY_US = f"coalesce(o.payload ->> 'gateway', %(usual)s) = '{TWILIO}'"
_TAKE_OURS = _TAKE_BUT.replace("AND (o.kind", f"AND (o.kind <> 'sms' OR {_BY_US}) AND (o.kind", 1)


def take(
    tx: Tx, *, queue: str, limit: int, lease: timedelta, now: datetime, but: Collection[str] = (),
    usual_gateway: str | None = None,
) -> list[Owed]:  # fmt: skip
    """Take what is due, for `lease`: nobody else gets it until then.

    `but`: ways that are shut; what would go there stays where it is, untouched. `usual_gateway`:
    of SMS that name none, where a sender takes all that is not Twilio's.
    """
    values = {"queue": queue, "limit": limit, "until": now + lease, "now": now}
    if usual_gateway is not None:
        values |= {"but": [*but], "usual": usual_gateway}
        rows = sql.rows(tx, _TAKE_OURS, values)
    else:
        rows = sql.rows(tx, *((_TAKE_BUT, {**values, "but": [*but]}) if but else (_TAKE, values)))
    # What is new first: a row that fails and fails is not what a breaker tries again and again.
    return sorted((Owed(*row) for row in rows), key=lambda owed: (owed.leases, owed.id))


def way(owed: Owed) -> str:
    """Which way a row goes: "sms", "wechat", or "boss" of a call of "boss.open_service"."""
    return str(owed.payload["service"]).partition(".")[0] if owed.kind == "call" else owed.kind


def get(tx: Tx, owed_id: int, *, lock: bool = False) -> Owed | None:
    """One row, or None."""
    row = sql.first(
        tx,
        f"SELECT {FIELDS} FROM outbox WHERE id = %(id)s" + (" FOR UPDATE" if lock else ""),
        {"id": owed_id},
    )
    return Owed(*row) if row else None


def submitting(tx: Tx, owed: Owed, *, lease: timedelta, now: datetime) -> bool:
    """Note, before the first byte leaves, that we are sending; the lease begins anew.

    False if the row is not ours any more: our lease ran out while it waited its turn.
    """
    return set_ours(
        tx, owed, "submitted_at = %(now)s, leased_until = %(until)s", now=now, until=now + lease
    )


# A code is worth an account: its words are not kept once the gateway has them.
_FORGET_CODE = (
    "payload = CASE WHEN (payload -> 'secret') IS NULL THEN payload ELSE payload - 'text' END"
)


def sent(tx: Tx, owed: Owed, *, provider_id: str | None, status: str, now: datetime) -> bool:
    """The gateway has it."""
    return set_ours(
        tx,
        owed,
        "state = 'sent', leased_until = NULL, provider_id = %(provider)s, error = NULL,"
        f" {_FORGET_CODE}, status = coalesce(status, %(status)s), settled_at = %(now)s",
        provider=provider_id,
        status=status,
        now=now,
    )


def accepted(tx: Tx, owed: Owed, *, ask_again_at: datetime, now: datetime) -> bool:
    """The other system works on it; ask it again at a time if it has not called back."""
    return set_ours(
        tx, owed,
        "state = 'accepted', leased_until = NULL, error = NULL, due_at = %(due)s,"
        " settled_at = %(now)s",
        due=ask_again_at, now=now,
    )  # fmt: skip


def answered(tx: Tx, owed_id: int, *, result: Mapping[str, Any], now: datetime) -> bool:
    """A definite answer has come. False if one had come before: it counts once."""
    return set_where(
        tx,
        owed_id,
        "state = 'answered', leased_until = NULL, error = NULL, result = %(result)s,"
        " settled_at = %(now)s",
        "kind = 'call' AND state <> 'answered'",
        result=Jsonb(result),
        now=now,
    )


def put_off(tx: Tx, owed: Owed, *, until: datetime, error: str, tried: bool = True) -> bool:
    """Try again later. What was not even tried has as many attempts left as before."""
    return set_ours(
        tx,
        owed,
        "state = 'owed', leased_until = NULL, due_at = %(until)s, error = %(error)s,"
        " attempts = attempts - %(untried)s",
        until=until, error=error, untried=int(not tried),
    )  # fmt: skip


def give_up(tx: Tx, owed: Owed, *, state: str, error: str, now: datetime) -> bool:
    """No more tries: `failed` on a definite refusal, `dead` when patience ran out."""
    return set_ours(
        tx,
        owed,
        "state = %(state)s, leased_until = NULL, error = %(error)s, settled_at = %(now)s",
        state=state,
        error=error,
        now=now,
    )


def reroute_to_sms(tx: Tx, owed: Owed, *, payload: Mapping[str, Any], error: str) -> bool:
    """WeChat will not take it: the same message goes by SMS."""
    return set_ours(
        tx, owed,
        "state = 'owed', kind = 'sms', leased_until = NULL, submitted_at = NULL,"
        " attempts = 0, payload = %(payload)s, error = %(error)s",
        payload=Jsonb(payload), error=error,
    )  # fmt: skip


def has_left(tx: Tx, owed_id: int) -> bool:
    """Whether a message was handed to its gateway and not refused there."""
    row = sql.first(
        tx,
        "SELECT submitted_at IS NOT NULL AND state NOT IN ('failed', 'dead', 'dropped')"
        " FROM outbox WHERE id = %(id)s",
        {"id": owed_id},
    )
    return row is None or bool(row[0])  # rows of long ago are deleted: it had left


def receipt(tx: Tx, owed_id: int, *, provider_id: str, status: str, state: str) -> bool:
    """What the gateway says became of a message; the caller has settled that it is newer."""
    return set_where(
        tx, owed_id,
        "status = %(status)s, provider_id = coalesce(provider_id, %(provider)s),"
        # A receipt can overtake the gateway's own answer: then sent() finds nothing left to do.
        f" {_FORGET_CODE}, state = %(state)s, leased_until = NULL,"
        " settled_at = coalesce(settled_at, submitted_at)",
        "kind = 'sms' AND state IN ('taken', 'sent', 'delivered', 'failed')",
        status=status, provider=provider_id, state=state,
    )  # fmt: skip


def release_expired(tx: Tx, now: datetime) -> int:
    """Give back what dead workers held. Returns how many."""
    return sql.change(
        tx,
        "UPDATE outbox SET state = 'owed', leased_until = NULL, due_at = %(now)s"
        " WHERE state = 'taken' AND leased_until < %(now)s",
        {"now": now},
    )


def queues_due(tx: Tx, now: datetime) -> list[str]:
    """The queues in which something is owed now."""
    rows = sql.rows(
        tx,
        "SELECT q FROM unnest(ARRAY['reply', 'call', 'bulk']) q WHERE EXISTS (SELECT 1"
        " FROM outbox WHERE queue = q AND state = 'owed' AND due_at <= %(now)s)",
        {"now": now},
    )
    return [row[0] for row in rows]


def waiting(tx: Tx, queue: str, *, most: int) -> int:
    """How many rows wait in a queue, counted up to `most`."""
    count: int = sql.value(
        tx,
        "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE queue = %(queue)s AND state = 'owed'"
        " LIMIT %(most)s) AS rows",
        {"queue": queue, "most": most},
    )
    return count


def ask_again(tx: Tx, now: datetime) -> int:
    """Have accepted calls whose answer is overdue asked about. Returns how many."""
    return sql.change(
        tx,
        "UPDATE outbox SET state = 'owed', attempts = 0"
        " WHERE state = 'accepted' AND due_at <= %(now)s",
        {"now": now},
    )


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete rows that were settled long ago, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox"
        " WHERE id < (SELECT coalesce(max(id), 0) FROM outbox) AND created_at < %(before)s"
        " AND state NOT IN ('owed', 'taken', 'accepted', 'dead') ORDER BY id LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )


def set_ours(tx: Tx, owed: Owed, what: str, **values: Any) -> bool:
    """Change a row that we have taken, unless its lease ran out and somebody else has it now."""
    where = "state = 'taken' AND leases = %(lease)s"
    return set_where(tx, owed.id, what, where, lease=owed.leases, **values)


def set_where(tx: Tx, owed_id: int, what: str, where: str, **values: Any) -> bool:
    changed = sql.change(
        tx, f"UPDATE outbox SET {what} WHERE id = %(id)s AND {where}", {"id": owed_id, **values}
    )
    return changed == 1
