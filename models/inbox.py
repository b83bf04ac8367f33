"""The inbox: which messages were heard, and what each was answered, so that a repeat gets the same.

take() holds the sender, so that a second delivery waits until the first has committed; keep() puts
the reply under the key, which the primary key allows once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, CheckConstraint, Column, Index, String, Table, Text, text

from models import sql
from models.base import Tx, document, metadata, moment
from models.subscribers import Subscriber, opens

# How a message was met that is no word, no entry and no answer: what it may have meant was opened
# at once, or asked; it was not understood; or a person was offered instead.
MET = GUESSED, ASKED, NOT_UNDERSTOOD, OFFERED = ("guessed", "asked", "not_understood", "offered")

inbox = Table(
    "inbox",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subscriber_id", BigInteger),  # not a foreign key: kept when the person is deleted
    document("reply"),
    moment("received_at"),
    Column("said", Text),  # what the person wrote, tapped or scanned, for customer service
    Column("met", String(16)),  # how it was met, where it was not understood at once
    Index(None, "channel", "received_at"),
    Index("inbox_of", "subscriber_id", "received_at",
          postgresql_where=text("subscriber_id IS NOT NULL")),
    Index("inbox_met", "received_at", postgresql_where=text("met IS NOT NULL")),
    CheckConstraint(f"met IN {MET}", name="met"),
)  # fmt: skip

# Far beyond every retry: customer service reads what was said as long as what we said (outbox). An
# SMS callback carries no time, so that a captured one would be good for ever; its key is kept as
# long as a consent.
KEPT_FOR = {"wechat": timedelta(days=90), "sms": timedelta(days=180)}

# A one-time code is worth an account, so digits that may be one are not kept, whatever stands
# between them: nobody needs them to understand what was said.
CODE_MARK = "••••••"
_CODE = re.compile(r"(?<!\d)(?:\d[\s.\-]?){5}\d(?![\s.\-]?\d)")
_CODE_ALONE = range(4, 9)  # digits of a message that is nothing else
SAID_MAX = 2000  # characters; both channels carry less


@dataclass(frozen=True, slots=True)
class Taken:
    """Who a message is from, what it was answered if it was heard before, and whether this person
    has an open conversation; and ids for the conversation and the message it may lead to."""

    who: Subscriber
    earlier_reply: Any
    has_open: bool
    conversation_id: int
    owed_id: int


_TAKE = "SELECT * FROM hold_subscriber(%(channel)s, %(sender)s, %(now)s, %(key)s, %(opens)s)"


def take(tx: Tx, *, key: str, channel: str, sender: str, kind: str, now: datetime) -> Taken:
    """Hold the sender, created if new, and see whether the message is a repeat.

    A repeat comes from the same sender, so it waits here until the first has been answered.
    """
    values = {
        "key": key, "channel": channel, "sender": sender, "now": now, "opens": opens(channel, kind),
    }  # fmt: skip
    row = sql.one(tx, _TAKE, values)
    return Taken(Subscriber(*row[:6]), *row[6:])


def keep(
    tx: Tx, *, key: str, channel: str, kind: str, subscriber_id: int, reply: Any, now: datetime,
    said: str = "", met: str | None = None, beside: Sequence[sql.Write] = (),
) -> None:  # fmt: skip
    """Keep what a message was answered, and in the same statement what else it leaves behind.

    The key can be kept once, whatever else went wrong.
    """
    values = {
        "key": key, "channel": channel, "kind": kind, "id": subscriber_id,
        "reply": Jsonb(reply), "now": now, "said": without_codes(said) or None, "met": met,
    }  # fmt: skip
    sql.together(tx, [*beside, sql.Write(_KEEP, values)])


_KEEP = (
    "INSERT INTO inbox (key, channel, kind, subscriber_id, reply, received_at, said, met)"
    " VALUES (%(key)s, %(channel)s, %(kind)s, %(id)s, %(reply)s, %(now)s, %(said)s, %(met)s)"
)


def not_understood(tx: Tx, subscriber_id: int, since: datetime) -> int:
    """How many messages of this person were not understood since then, or since a person was
    offered last."""
    rows = sql.rows(
        tx,
        "SELECT met FROM inbox WHERE subscriber_id = %(id)s AND received_at > %(since)s"
        " AND met IN ('not_understood', 'offered') ORDER BY received_at DESC LIMIT 10",
        {"id": subscriber_id, "since": since},
    )
    count = 0
    for (met,) in rows:
        if met == OFFERED:
            break
        count += 1
    return count


@dataclass(frozen=True, slots=True)
class Unclear:
    """Something that was said and not understood at once: how often, and how it was met last."""

    said: str
    met: str
    times: int
    people: int


def unclear(tx: Tx, since: datetime, limit: int) -> list[Unclear]:
    """What was said most often and not understood at once; what only one person said is theirs."""
    rows = sql.rows(
        tx,
        "SELECT lower(said), (array_agg(met ORDER BY received_at DESC))[1], count(*),"
        " count(DISTINCT subscriber_id) FROM inbox"
        " WHERE met IS NOT NULL AND received_at > %(since)s AND said IS NOT NULL"
        " GROUP BY lower(said) HAVING count(DISTINCT subscriber_id) > 1"
        " ORDER BY 4 DESC, 3 DESC, 1 LIMIT %(limit)s",
        {"since": since, "limit": limit},
    )
    return [Unclear(*row) for row in rows]


def heard_between(tx: Tx, prefix: str, *, since: datetime, until: datetime) -> str | None:
    """The newest key that begins so, of a message heard in that time; None without one."""
    key: str | None = sql.maybe_value(
        tx,
        "SELECT key FROM inbox WHERE starts_with(key, %(prefix)s) AND received_at >= %(since)s"
        " AND received_at < %(until)s ORDER BY received_at DESC LIMIT 1",
        {"prefix": prefix, "since": since, "until": until},
    )
    return key


def without_codes(text: str) -> str:
    """The text with a mark where a one-time code may stand; and without NUL, which SQL refuses."""
    text = text[:SAID_MAX].replace("\0", "")
    if not any(char.isdigit() for char in text):
        return text
    digits = "".join(char for char in unicodedata.normalize("NFKC", text) if char.isalnum())
    if digits.isdecimal() and len(digits) in _CODE_ALONE:
        return CODE_MARK
    return _CODE.sub(CODE_MARK, text)


def forget_before(tx: Tx, before: datetime, limit: int, *, channel: str) -> int:
    """Delete keys that no repeat can need any more, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM inbox WHERE key IN (SELECT key FROM inbox"
        " WHERE channel = %(channel)s AND received_at < %(before)s"
        " ORDER BY received_at LIMIT %(limit)s)",
        {"channel": channel, "before": before, "limit": limit},
    )
