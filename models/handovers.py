"""Hand-overs: somebody talks with a person of ours, at the console or in WeChat's own desk.

    waiting ──taken──▶ taken ──closed──▶ closed     by the person (结束), an operator, or the clock
       ▲                 │ put back                 after so many hours in which nobody said a word
       └─────────────────┘

One is open per person, by a unique index. What both say is kept in its order until the retention
rule forgets the whole. A merge leaves rows where they are: what is open is found by all ids that
are the person's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.subscribers import Subscriber, family

WAITING, TAKEN, CLOSED = STATES = ("waiting", "taken", "closed")
# Who has ended it.
BY_PERSON, BY_OPERATOR, BY_CLOCK, BY_MERGE = ENDED_BY = ("person", "operator", "clock", "merge")
THEM, US = "person", "operator"  # who said something
WORDS_MAX = 1000
SAID_MOST = 500  # in one talk, by both
KEPT_FOR = timedelta(days=180)

handovers = Table(
    "handovers",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, Identity(start=10001), nullable=False),
    Column("state", String(8), nullable=False, server_default=WAITING),
    Column("channel", String(8), nullable=False),  # on which they asked for a person
    Column("at_wechat", Boolean, nullable=False),  # in WeChat's own desk: not in our inbox
    Column("operator_id", BigInteger),  # who has it, or had it last
    Column("said", Integer, nullable=False, server_default="0"),  # number of the last words
    Column("unread", Integer, nullable=False, server_default="0"),  # of theirs, since we answered
    moment("opened_at"),
    moment("heard_at"),  # the last words of theirs, or when they asked
    moment("ends_at"),
    moment("closed_at", nullable=True),
    Column("ended_by", String(8)),
    PrimaryKeyConstraint("subscriber_id", "id"),
    CheckConstraint("subscriber_id > 0", name="person"),
    CheckConstraint("state IN ('waiting', 'taken', 'closed')", name="state"),
    CheckConstraint("channel IN ('wechat', 'sms')", name="channel"),
    CheckConstraint("NOT at_wechat OR channel = 'wechat'", name="at_wechat"),
    CheckConstraint("state <> 'taken' OR operator_id IS NOT NULL", name="taken"),
    CheckConstraint(f"said BETWEEN 0 AND {SAID_MOST} AND unread BETWEEN 0 AND said", name="said"),
    CheckConstraint("ends_at > opened_at", name="ends"),
    CheckConstraint(
        "(state = 'closed') = (closed_at IS NOT NULL) AND (state = 'closed') = (ended_by IS NOT"
        " NULL)",
        name="closed",
    ),
    CheckConstraint("ended_by IN ('person', 'operator', 'clock', 'merge')", name="ended_by"),
    Index(
        "handovers_one_open",
        "subscriber_id",
        unique=True,
        postgresql_where=text("state <> 'closed'"),
    ),
    Index("handovers_open", "heard_at", "id", postgresql_where=text("state <> 'closed'")),
    Index("handovers_due", "ends_at", postgresql_where=text("state <> 'closed'")),
    Index("handovers_over", "closed_at", postgresql_where=text("state = 'closed'")),
    Index(None, "id"),
)

messages = Table(
    "handover_messages",
    metadata,
    subscriber_id(),
    Column("handover_id", BigInteger, nullable=False),
    Column("no", Integer, nullable=False),
    Column("who", String(8), nullable=False),
    Column("kind", String(16), nullable=False),  # text, image, voice, ...
    Column("words", Text, nullable=False),
    Column("key", String(200)),  # of the message that they sent: none counts twice
    Column("operator_id", BigInteger),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "handover_id", "no"),
    UniqueConstraint("subscriber_id", "key"),
    ForeignKeyConstraint(
        ["subscriber_id", "handover_id"], ["handovers.subscriber_id", "handovers.id"],
        ondelete="CASCADE",
    ),
    CheckConstraint("no >= 1", name="no"),
    CheckConstraint("who IN ('person', 'operator')", name="who"),
    CheckConstraint(f"char_length(words) <= {WORDS_MAX}", name="words"),
    CheckConstraint(
        "(who = 'operator') = (operator_id IS NOT NULL) AND (who = 'person') = (key IS NOT NULL)",
        name="whose",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Handover:
    """A hand-over as it is now; `subscriber_id` is the row that it began with."""

    subscriber_id: int
    id: int
    state: str
    channel: str
    at_wechat: bool
    operator_id: int | None
    said: int
    unread: int
    opened_at: datetime
    heard_at: datetime
    ends_at: datetime
    closed_at: datetime | None
    ended_by: str | None

    @property
    def is_open(self) -> bool:
        return self.state != CLOSED


@dataclass(frozen=True, slots=True)
class Said:
    """Words of one of the two."""

    no: int
    who: str
    kind: str
    words: str
    operator_id: int | None
    at: datetime


class NoSuchHandover(Exception):
    """No hand-over has this number."""


class Over(Exception):
    """It is closed already."""


class Elsewhere(Exception):
    """Another operator has it: `operator_id`; or nobody, of what only one's own can be put back."""

    def __init__(self, operator_id: int | None) -> None:
        super().__init__("somebody else has it")
        self.operator_id = operator_id


COLUMNS = (
    "subscriber_id, id, state, channel, at_wechat, operator_id, said, unread, opened_at, heard_at,"
    " ends_at, closed_at, ended_by"
)


def of(tx: Tx, who: Subscriber | int, now: datetime) -> Handover | None:
    """The one in which this person is, or None; of those, too, whom they took over."""
    person = who.id if isinstance(who, Subscriber) else who
    row = sql.first(
        tx,
        f"SELECT {COLUMNS} FROM handovers WHERE state <> 'closed' AND ends_at > %(now)s"
        " AND (subscriber_id = %(id)s OR subscriber_id IN"
        " (SELECT id FROM subscribers WHERE merged_into = %(id)s)) ORDER BY id DESC LIMIT 1",
        {"id": person, "now": now},
    )
    return Handover(*row) if row else None


def begin(
    tx: Tx, who: Subscriber, *, channel: str, at_wechat: bool, lasts: timedelta, now: datetime
) -> Handover:
    """Have somebody of ours talk with this person, who is held; the open one, if there is one."""
    close_due(tx, now, people=family(tx, who.id))
    found = of(tx, who, now)
    if found is not None:
        return found
    row = sql.one(
        tx,
        "INSERT INTO handovers (subscriber_id, channel, at_wechat, opened_at, heard_at, ends_at)"
        " VALUES (%(id)s, %(channel)s, %(at_wechat)s, %(now)s, %(now)s, %(ends)s)"
        f" RETURNING {COLUMNS}",
        {
            "id": who.id, "channel": channel, "at_wechat": at_wechat, "now": now,
            "ends": now + lasts,
        },
    )  # fmt: skip
    return Handover(*row)


def hear(
    tx: Tx, found: Handover, *, kind: str, words: str, key: str, lasts: timedelta, now: datetime
) -> int | None:
    """Keep what the person has said, who is held; returns its number. It lasts so long again.

    None, and nothing is kept: more was said than one talk takes, or an operator has just ended it.
    """
    no: int | None = sql.maybe_value(
        tx,
        "UPDATE handovers SET said = said + 1, unread = unread + 1, heard_at = %(now)s,"
        " ends_at = %(ends)s WHERE subscriber_id = %(subscriber)s AND id = %(id)s"
        " AND state <> 'closed' AND said < %(most)s RETURNING said",
        {**_named(found), "now": now, "ends": now + lasts, "most": SAID_MOST},
    )
    if no is None:
        return None
    _keep(tx, found, no, THEM, kind, words, key, None, now)
    return no


def take(tx: Tx, number: int, *, operator_id: int) -> Handover:
    """Let this operator have it. Raises Elsewhere, Over and NoSuchHandover."""
    found = _open(tx, number)
    if found.state == TAKEN and found.operator_id != operator_id:
        raise Elsewhere(found.operator_id)
    return _set(tx, found, "state = 'taken', operator_id = %(operator)s", operator=operator_id)


def put_back(tx: Tx, number: int, *, operator_id: int) -> Handover:
    """Let somebody else have it: it waits again. Raises Elsewhere, Over and NoSuchHandover."""
    found = _open(tx, number)
    if found.state != TAKEN or found.operator_id != operator_id:
        raise Elsewhere(found.operator_id if found.state == TAKEN else None)
    return _set(tx, found, "state = 'waiting'")


def answer(
    tx: Tx, number: int, *, words: str, operator_id: int, lasts: timedelta, now: datetime
) -> Handover:
    """Keep what an operator answers, who has it from now on; whoever calls owes the message.

    Raises Elsewhere, Over and NoSuchHandover.
    """
    found = take(tx, number, operator_id=operator_id)
    if found.said >= SAID_MOST:
        raise Over(number)
    after = _set(
        tx, found, "said = said + 1, unread = 0, ends_at = %(ends)s", ends=now + lasts
    )  # fmt: skip
    _keep(tx, found, after.said, US, "text", words, None, operator_id, now)
    return after


def close(tx: Tx, found: Handover, *, by: str, now: datetime) -> bool:
    """End it. False if it has ended already."""
    closed = sql.change(
        tx,
        "UPDATE handovers SET state = 'closed', closed_at = %(now)s, ended_by = %(by)s"
        " WHERE subscriber_id = %(subscriber)s AND id = %(id)s AND state <> 'closed'",
        {**_named(found), "now": now, "by": by},
    )
    return closed == 1


def close_due(
    tx: Tx, now: datetime, *, limit: int = 100, people: Collection[int] | None = None
) -> list[Handover]:
    """End what nobody has said a word in for too long, so many at most; returns them as closed."""
    rows = sql.rows(
        tx,
        "UPDATE handovers SET state = 'closed', closed_at = %(now)s, ended_by = 'clock'"
        " WHERE (subscriber_id, id) IN (SELECT subscriber_id, id FROM handovers"
        " WHERE state <> 'closed' AND ends_at <= %(now)s"
        " AND (%(people)s::bigint[] IS NULL OR subscriber_id = ANY (%(people)s))"
        f" ORDER BY ends_at LIMIT %(limit)s FOR UPDATE{'' if people else ' SKIP LOCKED'})"
        f" RETURNING {COLUMNS}",
        {"now": now, "limit": limit, "people": None if people is None else list(people)},
    )
    return [Handover(*row) for row in rows]


def get(tx: Tx, number: int) -> Handover:
    """A hand-over by its number. Raises NoSuchHandover."""
    return _one(tx, number, "")


def merge(tx: Tx, *, source: int, target: int, now: datetime) -> None:
    """Of two that are open the target's goes on; both were taken over by one conversation."""
    sql.change(
        tx,
        "UPDATE handovers SET state = 'closed', closed_at = %(now)s, ended_by = 'merge'"
        " WHERE state <> 'closed' AND (subscriber_id = %(source)s OR subscriber_id IN"
        " (SELECT id FROM subscribers WHERE merged_into = %(source)s)) AND EXISTS (SELECT 1"
        " FROM handovers t WHERE t.state <> 'closed' AND (t.subscriber_id = %(target)s"
        " OR t.subscriber_id IN (SELECT id FROM subscribers WHERE merged_into = %(target)s)))",
        {"source": source, "target": target, "now": now},
    )


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete what ended long ago with all its words, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM handovers WHERE (subscriber_id, id) IN (SELECT subscriber_id, id"
        " FROM handovers WHERE state = 'closed' AND closed_at < %(before)s LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )


def _named(found: Handover) -> dict[str, object]:
    return {"subscriber": found.subscriber_id, "id": found.id}


def _one(tx: Tx, number: int, lock: str) -> Handover:
    row = sql.first(tx, f"SELECT {COLUMNS} FROM handovers WHERE id = %(id)s {lock}", {"id": number})
    if row is None:
        raise NoSuchHandover(number)
    return Handover(*row)


def _open(tx: Tx, number: int) -> Handover:
    found = _one(tx, number, "FOR NO KEY UPDATE")
    if not found.is_open:
        raise Over(number)
    return found


def _set(tx: Tx, found: Handover, change: str, **values: object) -> Handover:
    row = sql.one(
        tx,
        f"UPDATE handovers SET {change}"
        f" WHERE subscriber_id = %(subscriber)s AND id = %(id)s RETURNING {COLUMNS}",
        {**_named(found), **values},
    )
    return Handover(*row)


def _keep(
    tx: Tx, found: Handover, no: int, who: str, kind: str, words: str, key: str | None,
    operator_id: int | None, now: datetime,
) -> None:  # fmt: skip
    sql.change(
        tx,
        "INSERT INTO handover_messages"
        " (subscriber_id, handover_id, no, who, kind, words, key, operator_id, at) VALUES"
        " (%(subscriber)s, %(id)s, %(no)s, %(who)s, %(kind)s, %(words)s, %(key)s, %(operator)s,"
        " %(now)s)",
        {
            **_named(found), "no": no, "who": who, "kind": kind, "words": words[:WORDS_MAX],
            "key": key, "operator": operator_id, "now": now,
        },
    )  # fmt: skip
