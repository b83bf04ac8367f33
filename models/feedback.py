"""Feedback: what a person wants to tell us, who of ours deals with it, and what they answer.

    received ──somebody takes it──▶ handling ──answer──▶ answered      each change is an event:
        └──────────────answer─────────────────────────────▲ │           who, when, and the words
                                     handling ◀──once more───┘

Words and answers can be erased at the person's wish; nothing else of it ever changes but by an
event. It is no complaint: nothing is refunded for it, and no merchant answers (complaints.py).
Its pictures: feedback_pictures.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id

RECEIVED, HANDLING, ANSWERED = STATES = ("received", "handling", "answered")
OPEN = (RECEIVED, HANDLING)
CATEGORIES = ("points", "club", "merchant", "message", "idea", "other")
LOW, NORMAL, HIGH = PRIORITIES = ("low", "normal", "high")
CHANNELS = ("wechat", "sms", "page")
WORDS_MAX, BY_CHARS_MAX = 1000, 64
SUBSCRIBER = "subscriber"  # who wrote an event, unless an operator did
DAY = timedelta(hours=24)
SAME_AGAIN = timedelta(minutes=2)  # the same words so soon after are a form that was sent twice

feedback = Table(
    "feedback",
    metadata,
    Column("number", BigInteger, Identity(start=20001), nullable=False),
    subscriber_id(),
    Column("category", String(16), nullable=False),
    Column("words", Text),  # null: erased
    Column("state", String(16), nullable=False, server_default=RECEIVED),
    Column("priority", String(8), nullable=False, server_default=NORMAL),
    Column("owner", String(BY_CHARS_MAX)),  # the login of whoever deals with it
    moment("deadline"),
    Column("channel", String(16), nullable=False),
    moment("opened_at"),
    moment("answered_at", nullable=True),
    Column("events", Integer, nullable=False, server_default="1"),
    PrimaryKeyConstraint("number"),
    CheckConstraint("subscriber_id > 0", name="person"),
    CheckConstraint(f"category IN {CATEGORIES}", name="category"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(f"priority IN {PRIORITIES}", name="priority"),
    CheckConstraint(f"channel IN {CHANNELS}", name="channel"),
    CheckConstraint(
        f"btrim(words) <> '' AND char_length(words) <= {WORDS_MAX}", name="words"
    ),
    CheckConstraint("state = 'received' OR owner IS NOT NULL", name="owner"),
    CheckConstraint("(state = 'answered') = (answered_at IS NOT NULL)", name="answered"),
    CheckConstraint("deadline > opened_at", name="deadline"),
    CheckConstraint("events > 0", name="events"),
    Index("feedback_open", "deadline", "number",
          postgresql_where=text("state IN ('received', 'handling')")),
    Index("feedback_answered", "answered_at", "number",
          postgresql_where=text("state = 'answered'")),
    Index(None, "subscriber_id"),
)  # fmt: skip

# Never deleted, and never changed but for the words, which may be erased (migrations/).
events = Table(
    "feedback_events",
    metadata,
    Column("feedback", BigInteger, ForeignKey("feedback.number"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("what", String(8), nullable=False),
    Column("state", String(16), nullable=False),  # after it
    Column("words", Text),
    Column("by", String(BY_CHARS_MAX), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("feedback", "no"),
    CheckConstraint(
        "what IN ('opened', 'added', 'taken', 'answered', 'noted', 'sorted')", name="what"
    ),
    CheckConstraint("(no = 1) = (what = 'opened')", name="first"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(f"char_length(words) <= {WORDS_MAX}", name="words"),
    CheckConstraint("btrim(\"by\") <> ''", name="by"),
)


class NoSuchFeedback(Exception):
    """No feedback has this number."""


class Answered(Exception):
    """It is answered already, and was not taken up again."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """As it stands now. `words` None: erased."""

    number: int
    subscriber_id: int
    category: str
    words: str | None
    state: str
    priority: str
    owner: str | None
    deadline: datetime
    channel: str
    opened_at: datetime
    answered_at: datetime | None
    events: int

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to it, and the `state` after it.

    `what`: opened, added to by the person, taken by somebody of ours, sorted anew, noted, answered.
    """

    feedback: int
    no: int
    what: str
    state: str
    words: str | None
    by: str
    at: datetime


_FIELDS = ", ".join(Feedback.__dataclass_fields__)


# -- the person -----------------------------------------------------------------------------------


def keep(
    tx: Tx, *, person: int, category: str, words: str, channel: str, lasts: timedelta, now: datetime
) -> Feedback:
    """Keep what somebody says, to be answered within `lasts`. Raises ValueError: no words."""
    values = {
        "person": person, "category": category, "words": said(words), "channel": channel,
        "deadline": now + lasts, "now": now,
    }  # fmt: skip
    row = sql.one(
        tx,
        "INSERT INTO feedback (subscriber_id, category, words, channel, deadline, opened_at)"
        " VALUES (%(person)s, %(category)s, %(words)s, %(channel)s, %(deadline)s, %(now)s)"
        f" RETURNING {_FIELDS}",
        values,
    )
    made = Feedback(*row)
    _write(tx, made, "opened", words=None, by=SUBSCRIBER, now=now)
    return made


def add(tx: Tx, number: int, *, words: str, now: datetime) -> Feedback:
    """Add what the person says besides. Raises ValueError, NoSuchFeedback."""
    return _happens(tx, number, "added", "state = state", words=words, by=SUBSCRIBER, now=now)


def kept_today(tx: Tx, people: Collection[int], now: datetime) -> int:
    """How much feedback a person, given as all their ids, has left within a day."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM feedback WHERE subscriber_id = ANY (%(people)s)"
            " AND opened_at > %(since)s",
            {"people": list(people), "since": now - DAY},
        )
    )


def said_again(tx: Tx, people: Collection[int], *, words: str, now: datetime) -> Feedback | None:
    """What a person has said with the very same words a moment ago, or None."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM feedback WHERE subscriber_id = ANY (%(people)s)"
        " AND words = %(words)s AND opened_at > %(since)s ORDER BY number DESC LIMIT 1",
        {"people": list(people), "words": words.strip(), "since": now - SAME_AGAIN},
    )
    return Feedback(*row) if row else None


def of(tx: Tx, people: Collection[int], limit: int) -> list[Feedback]:
    """The feedback of a person, given as all ids that are theirs, the newest first."""
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM feedback WHERE subscriber_id = ANY (%(people)s)"
        " ORDER BY number DESC LIMIT %(limit)s",
        {"people": list(people), "limit": limit},
    )
    return [Feedback(*row) for row in rows]


def one_of(tx: Tx, people: Collection[int], number: int) -> Feedback | None:
    """The feedback of this number, if it is this person's."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM feedback WHERE number = %(number)s"
        " AND subscriber_id = ANY (%(people)s)",
        {"number": number, "people": list(people)},
    )
    return Feedback(*row) if row else None


# -- those who answer ------------------------------------------------------------------------------


def take(tx: Tx, number: int, *, by: str, words: str = "", now: datetime) -> Feedback:
    """Deal with it from now on; what was answered is taken up again. Raises NoSuchFeedback."""
    return _happens(
        tx, number, "taken", "state = 'handling', owner = %(by)s, answered_at = NULL",
        words=words or None, by=by, now=now,
    )  # fmt: skip


def answer(tx: Tx, number: int, *, words: str, by: str, now: datetime) -> Feedback:
    """Answer it, once: `words` go to the person. Raises ValueError, NoSuchFeedback, Answered."""
    words = said(words)
    if get(tx, number, lock=True).state == ANSWERED:
        raise Answered(number)
    return _happens(
        tx, number, "answered",
        "state = 'answered', owner = coalesce(owner, %(by)s), answered_at = %(now)s",
        words=words, by=by, now=now,
    )  # fmt: skip


def note(tx: Tx, number: int, *, words: str, by: str, now: datetime) -> Feedback:
    """Add what only we see. Raises ValueError, NoSuchFeedback."""
    return _happens(tx, number, "noted", "state = state", words=words, by=by, now=now)


def sort(
    tx: Tx, number: int, *, category: str, priority: str, owner: str | None, deadline: datetime,
    words: str, by: str, now: datetime,
) -> Feedback:  # fmt: skip
    """Give it a category, a priority, an owner and a deadline; `words` say what has changed.

    What has an owner keeps one. Raises ValueError, NoSuchFeedback.
    """
    found = get(tx, number, lock=True)
    if category not in CATEGORIES or priority not in PRIORITIES or deadline <= found.opened_at:
        raise ValueError("category, priority or deadline")
    return _happens(
        tx, number, "sorted",
        "category = %(category)s, priority = %(priority)s, deadline = %(deadline)s,"
        " owner = coalesce(%(owner)s, owner)",
        words=words, by=by, now=now, category=category, priority=priority, deadline=deadline,
        owner=owner,
    )  # fmt: skip


def get(tx: Tx, number: int, *, lock: bool = False) -> Feedback:
    """Feedback as it is now. Raises NoSuchFeedback."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM feedback WHERE number = %(number)s"
        + (" FOR NO KEY UPDATE" if lock else ""),
        {"number": number},
    )
    if row is None:
        raise NoSuchFeedback(number)
    return Feedback(*row)


def events_of(tx: Tx, number: int) -> list[Event]:
    """What has happened to it, the oldest first."""
    rows = sql.rows(
        tx,
        'SELECT feedback, no, what, state, words, "by", at FROM feedback_events'
        " WHERE feedback = %(number)s ORDER BY no",
        {"number": number},
    )
    return [Event(*row) for row in rows]


def waiting(
    tx: Tx, *, limit: int, after: tuple[datetime, int] | None, filters: Mapping[str, str]
) -> list[Feedback]:
    """What is not answered, the most urgent first; `after`: the last one's deadline and number.

    `filters`: category, priority, owner ("-": nobody's).
    """
    at, number = after or (datetime.min.replace(tzinfo=UTC), 0)
    return _listed(
        tx,
        "state IN ('received', 'handling') AND (deadline, number) > (%(at)s, %(number)s)",
        "deadline, number", {"at": at, "number": number, "limit": limit}, filters,
    )  # fmt: skip


def answered(
    tx: Tx, *, limit: int, after: tuple[datetime, int] | None, filters: Mapping[str, str]
) -> list[Feedback]:
    """What is answered, the newest first; `after`: when the last one was, and its number."""
    at, number = after or (datetime.max.replace(tzinfo=UTC), 0)
    return _listed(
        tx, "state = 'answered' AND (answered_at, number) < (%(at)s, %(number)s)",
        "answered_at DESC, number DESC", {"at": at, "number": number, "limit": limit}, filters,
    )  # fmt: skip


def overdue(tx: Tx, now: datetime) -> int:
    """How much is past its deadline and not answered."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM feedback WHERE state IN ('received', 'handling')"
            " AND deadline <= %(now)s",
            {"now": now},
        )
    )


def name(number: int) -> str:
    """20001 -> "FK20001", as people write it."""
    return f"FK{number}"


def said(words: str) -> str:
    """Words without the space around them. Raises ValueError: none, or too many."""
    words = words.strip()
    if not words or len(words) > WORDS_MAX:
        raise ValueError(f"1 to {WORDS_MAX} characters")
    return words


def _listed(
    tx: Tx, where: str, order: str, values: Mapping[str, object], filters: Mapping[str, str]
) -> list[Feedback]:
    owner = filters.get("owner")
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM feedback WHERE {where}"
        " AND (%(category)s::text IS NULL OR category = %(category)s)"
        " AND (%(priority)s::text IS NULL OR priority = %(priority)s)"
        " AND (%(owner)s::text IS NULL OR coalesce(owner, '-') = %(owner)s)"
        f" ORDER BY {order} LIMIT %(limit)s",
        {
            **values, "category": filters.get("category"), "priority": filters.get("priority"),
            "owner": owner,
        },
    )  # fmt: skip
    return [Feedback(*row) for row in rows]


def _happens(
    tx: Tx, number: int, what: str, change: str, *, words: str | None, by: str, now: datetime,
    **values: object,
) -> Feedback:  # fmt: skip
    words = said(words) if words is not None else None
    row = sql.first(
        tx,
        f"UPDATE feedback SET {change}, events = events + 1 WHERE number = %(number)s"
        f" RETURNING {_FIELDS}",
        {"number": number, "by": by, "now": now, **values},
    )
    if row is None:
        raise NoSuchFeedback(number)
    after = Feedback(*row)
    _write(tx, after, what, words=words, by=by, now=now)
    return after


def _write(
    tx: Tx, after: Feedback, what: str, *, words: str | None, by: str, now: datetime
) -> None:
    sql.change(
        tx,
        'INSERT INTO feedback_events (feedback, no, what, state, words, "by", at)'
        " VALUES (%(feedback)s, %(no)s, %(what)s, %(state)s, %(words)s, %(by)s, %(now)s)",
        {
            "feedback": after.number, "no": after.events, "what": what, "state": after.state,
            "words": words, "by": by, "now": now,
        },
    )  # fmt: skip
