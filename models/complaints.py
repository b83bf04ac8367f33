"""Complaints: what a person is unhappy about, who does what about it, and until when.

    received ◀──▶ with_merchant        each change is an event with who, when and why;
        │              │               `resolved` and `rejected` can be taken up again
        └──────┬───────┘
               ▼
    resolved · upheld · rejected

A complaint may name the serial number of a transfer of the person's; where that paid a voucher, it
is about its merchant. Words can be erased at the person's wish; nothing else of it ever changes but
by an event. What the clock does about it, and what merchants may see: complaint_desk.py.
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
    ForeignKeyConstraint,
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
from models.serials import is_theirs, voucher_of
from models.vouchers.vouchers import VOUCHER

RECEIVED, WITH_MERCHANT, RESOLVED, UPHELD, REJECTED = STATES = (
    "received", "with_merchant", "resolved", "upheld", "rejected",
)  # fmt: skip
OPEN, CLOSED = (RECEIVED, WITH_MERCHANT), (RESOLVED, UPHELD, REJECTED)
# Where a complaint may go from each state. What was upheld has had its consequences.
NEXT: Mapping[str, tuple[str, ...]] = {
    RECEIVED: (WITH_MERCHANT, RESOLVED, UPHELD, REJECTED),
    WITH_MERCHANT: (RECEIVED, RESOLVED, UPHELD, REJECTED),
    RESOLVED: (RECEIVED,),
    REJECTED: (RECEIVED,),
    UPHELD: (),
}
CATEGORIES = ("points", "merchant", "club", "message", "privacy", "other")
CHANNELS = ("console", "wechat", "sms", "page")
WORDS_MAX, BY_CHARS_MAX = 1000, 64
SUBSCRIBER = "subscriber"  # who opened it, unless an operator did
MERCHANT_LASTS = timedelta(hours=48)  # where nobody says otherwise

_STATE_CHECK = "state IN ('received', 'with_merchant', 'resolved', 'upheld', 'rejected')"

complaints = Table(
    "complaints",
    metadata,
    Column("number", BigInteger, Identity(start=10001), nullable=False),
    subscriber_id(),
    Column("category", String(16), nullable=False),
    Column("words", Text),  # null: erased
    Column("transfer_serial", BigInteger, ForeignKey("points_transfers.serial")),
    Column("state", String(16), nullable=False, server_default=RECEIVED),
    moment("deadline"),
    Column("channel", String(16), nullable=False),
    Column("opened_by", String(64), nullable=False),  # a login, or "subscriber"
    moment("opened_at"),
    moment("closed_at", nullable=True),
    Column("events", Integer, nullable=False, server_default="1"),
    # The voucher that the transfer paid. Its owner's row, who may have been merged since.
    Column("voucher_owner", BigInteger),
    Column("voucher_id", BigInteger),
    Column("merchant_code", String(32), ForeignKey("merchants.code")),
    moment("merchant_deadline", nullable=True),  # to answer, while it is with the merchant
    moment("reminded_at", nullable=True),  # whoever has it now
    moment("late_at", nullable=True),  # the person was told that it takes longer
    PrimaryKeyConstraint("number"),
    ForeignKeyConstraint(["voucher_owner", "voucher_id"], VOUCHER),
    CheckConstraint(
        "(voucher_owner IS NULL) = (voucher_id IS NULL)"
        " AND (voucher_id IS NULL OR merchant_code IS NOT NULL)",
        name="voucher",
    ),
    CheckConstraint(
        "state <> 'with_merchant' OR (merchant_code IS NOT NULL AND merchant_deadline IS NOT NULL)",
        name="with_merchant",
    ),
    CheckConstraint("subscriber_id > 0", name="person"),
    CheckConstraint(
        "category IN ('points', 'merchant', 'club', 'message', 'privacy', 'other')",
        name="category",
    ),
    CheckConstraint("btrim(words) <> '' AND char_length(words) <= 1000", name="words"),
    CheckConstraint(_STATE_CHECK, name="state"),
    CheckConstraint("channel IN ('console', 'wechat', 'sms', 'page')", name="channel"),
    CheckConstraint("btrim(opened_by) <> ''", name="opened_by"),
    CheckConstraint("deadline > opened_at", name="deadline"),
    CheckConstraint(
        "(state IN ('resolved', 'upheld', 'rejected')) = (closed_at IS NOT NULL)", name="closed"
    ),
    CheckConstraint("events > 0", name="events"),
    Index("complaints_open", "deadline", "number",
          postgresql_where=text("state IN ('received', 'with_merchant')")),
    Index("complaints_closed", "closed_at", "number",
          postgresql_where=text("state IN ('resolved', 'upheld', 'rejected')")),
    Index("complaints_of_merchant", "merchant_code", "number",
          postgresql_where=text("state = 'with_merchant'")),
    Index(None, "voucher_owner", "voucher_id", postgresql_where=text("voucher_id IS NOT NULL")),
    Index(None, "subscriber_id"),
    Index(None, "transfer_serial", postgresql_where=text("transfer_serial IS NOT NULL")),
)  # fmt: skip

# Never deleted, and never changed but for the words, which may be erased (migrations/).
events = Table(
    "complaint_events",
    metadata,
    Column("complaint", BigInteger, ForeignKey("complaints.number"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("what", String(8), nullable=False),
    Column("state", String(16), nullable=False),  # after it
    Column("words", Text),
    Column("by", String(BY_CHARS_MAX), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("complaint", "no"),
    CheckConstraint(
        "what IN ('opened', 'moved', 'noted', 'answered', 'reminded', 'paid')", name="what"
    ),
    CheckConstraint("(no = 1) = (what = 'opened')", name="first"),
    CheckConstraint(_STATE_CHECK, name="state"),
    CheckConstraint("char_length(words) <= 1000", name="words"),
    CheckConstraint("btrim(\"by\") <> ''", name="by"),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as it stands now. `words` None: erased."""

    number: int
    subscriber_id: int
    category: str
    words: str | None
    transfer_serial: int | None
    state: str
    deadline: datetime
    channel: str
    opened_by: str
    opened_at: datetime
    closed_at: datetime | None
    events: int
    voucher_owner: int | None
    voucher_id: int | None
    merchant_code: str | None
    merchant_deadline: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a complaint, and the `state` after it.

    `what`: opened, moved, noted, answered by the merchant, reminded by the clock, or paid for.
    """

    complaint: int
    no: int
    what: str
    state: str
    words: str | None
    by: str
    at: datetime


class NoSuchComplaint(Exception):
    """No complaint has this number."""


class NoWay(Exception):
    """The complaint cannot go there from where it is: `complaint` says where that is."""

    def __init__(self, complaint: Complaint, to: str) -> None:
        super().__init__(f"complaint {complaint.number} cannot go from {complaint.state} to {to}")
        self.complaint = complaint


class NoMerchant(Exception):
    """Nobody knows which merchant the complaint is about, so it can be with none."""


class NotTheirs(Exception):
    """The transfer is none of this person's, or there is no such transfer."""


_FIELDS = (
    "number, subscriber_id, category, words, transfer_serial, state, deadline, channel, opened_by,"
    " opened_at, closed_at, events, voucher_owner, voucher_id, merchant_code, merchant_deadline"
)


def open_one(
    tx: Tx, *, person: int, category: str, words: str, by: str, channel: str, lasts: timedelta,
    now: datetime, serial: int | None = None,
) -> Complaint:  # fmt: skip
    """Open a complaint of a person's, to be closed within `lasts`. Raises NotTheirs.

    `person` has taken over whoever was merged into it: their transfers count as its own.
    """
    words = said(words)
    if category not in CATEGORIES or channel not in CHANNELS:
        raise ValueError("no such category or channel")
    owner, voucher, merchant = voucher_of(tx, person, serial) or (None, None, None)
    if serial is not None and voucher is None and not is_theirs(tx, person, serial):
        raise NotTheirs(serial)
    row = sql.one(
        tx,
        "INSERT INTO complaints (subscriber_id, category, words, transfer_serial, deadline,"
        " channel, opened_by, opened_at, voucher_owner, voucher_id, merchant_code) VALUES"
        " (%(person)s, %(category)s, %(words)s, %(serial)s, %(deadline)s, %(channel)s, %(by)s,"
        f" %(now)s, %(owner)s, %(voucher)s, %(merchant)s) RETURNING {_FIELDS}",
        {
            "person": person, "category": category, "words": words, "serial": serial,
            "deadline": now + lasts, "channel": channel, "by": by, "now": now, "owner": owner,
            "voucher": voucher, "merchant": merchant,
        },
    )  # fmt: skip
    opened = Complaint(*row)
    _write(tx, opened, "opened", words=None, by=by, now=now)
    return opened


def opened_since(tx: Tx, *, person: int, words: str, by: str, since: datetime) -> Complaint | None:
    """A complaint of this person's that `by` has opened since then with the same words."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM complaints WHERE subscriber_id = %(person)s"
        " AND opened_at > %(since)s AND opened_by = %(by)s AND words = %(words)s LIMIT 1",
        {"person": person, "words": said(words), "by": by, "since": since},
    )
    return Complaint(*row) if row else None


def move(
    tx: Tx, number: int, *, to: str, words: str, by: str, now: datetime, what: str = "moved",
    merchant: str | None = None, merchant_lasts: timedelta = MERCHANT_LASTS,
) -> Complaint:  # fmt: skip
    """Bring a complaint to another state, with the reason.

    Raises NoWay, NoSuchComplaint, and NoMerchant for one that goes to a merchant without it being
    known, or said here, which one that is; it has `merchant_lasts` to answer.
    """
    words = said(words)
    found = get(tx, number, lock=True)
    if to not in NEXT[found.state]:
        raise NoWay(found, to)
    merchant = found.merchant_code or merchant
    if to == WITH_MERCHANT and merchant is None:
        raise NoMerchant(number)
    moved = _change(
        tx, number,
        "state = %(to)s, closed_at = %(closed)s, merchant_code = %(merchant)s,"
        " merchant_deadline = %(until)s, reminded_at = NULL",
        to=to, closed=now if to in CLOSED else None, merchant=merchant,
        until=now + merchant_lasts if to == WITH_MERCHANT else None,
    )  # fmt: skip
    _write(tx, moved, what, words=words, by=by, now=now)
    return moved


def note(
    tx: Tx, number: int, *, words: str, by: str, now: datetime, what: str = "noted"
) -> Complaint:
    """Add what somebody found out, in whatever state. Raises NoSuchComplaint."""
    words = said(words)
    get(tx, number, lock=True)
    noted = _change(tx, number, "state = state")
    _write(tx, noted, what, words=words, by=by, now=now)
    return noted


def get(tx: Tx, number: int, *, lock: bool = False) -> Complaint:
    """A complaint as it is now. Raises NoSuchComplaint."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM complaints WHERE number = %(number)s"
        + (" FOR NO KEY UPDATE" if lock else ""),
        {"number": number},
    )
    if row is None:
        raise NoSuchComplaint(number)
    return Complaint(*row)


def events_of(tx: Tx, number: int) -> list[Event]:
    """What has happened to a complaint, the oldest first."""
    found = sql.rows(
        tx,
        'SELECT complaint, no, what, state, words, "by", at FROM complaint_events'
        " WHERE complaint = %(number)s ORDER BY no",
        {"number": number},
    )
    return [Event(*row) for row in found]


def of(tx: Tx, people: Collection[int], limit: int) -> list[Complaint]:
    """The complaints of a person, given as all ids that are theirs, the newest first."""
    found = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM complaints WHERE subscriber_id = ANY (%(people)s)"
        " ORDER BY number DESC LIMIT %(limit)s",
        {"people": list(people), "limit": limit},
    )
    return [Complaint(*row) for row in found]


def waiting(
    tx: Tx, *, limit: int, after: tuple[datetime, int] | None = None, state: str | None = None,
    category: str | None = None,
) -> list[Complaint]:  # fmt: skip
    """Complaints that are open, the most urgent first; `after` is the last one's deadline, number.

    `state` and `category` narrow it down.
    """
    begin = after or (datetime.min.replace(tzinfo=UTC), 0)
    where = "state IN ('received', 'with_merchant') AND (deadline, number) >"
    return _listed(tx, where, "deadline, number", begin, limit, state, category)


def closed(
    tx: Tx, *, limit: int, after: tuple[datetime, int] | None = None, state: str | None = None,
    category: str | None = None,
) -> list[Complaint]:  # fmt: skip
    """Complaints that are closed, the latest first; `after`: when the last one was, its number."""
    begin = after or (datetime.max.replace(tzinfo=UTC), 0)
    where = "state IN ('resolved', 'upheld', 'rejected') AND (closed_at, number) <"
    return _listed(tx, where, "closed_at DESC, number DESC", begin, limit, state, category)


def _listed(
    tx: Tx, where: str, order: str, begin: tuple[datetime, int], limit: int, state: str | None,
    category: str | None,
) -> list[Complaint]:  # fmt: skip
    found = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM complaints WHERE {where} (%(at)s, %(number)s)"
        " AND (%(state)s::text IS NULL OR state = %(state)s)"
        " AND (%(category)s::text IS NULL OR category = %(category)s)"
        f" ORDER BY {order} LIMIT %(limit)s",
        {
            "at": begin[0], "number": begin[1], "state": state, "category": category,
            "limit": limit,
        },
    )  # fmt: skip
    return [Complaint(*row) for row in found]


def name(number: int) -> str:
    """10001 -> "TS10001", as people write it."""
    return f"TS{number}"


def said(words: str) -> str:
    """Words without the space around them. Raises ValueError: none, or too many."""
    words = words.strip()
    if not words or len(words) > WORDS_MAX:
        raise ValueError(f"1 to {WORDS_MAX} characters")
    return words


def _change(tx: Tx, number: int, what: str, **values: object) -> Complaint:
    row = sql.one(
        tx,
        f"UPDATE complaints SET {what}, events = events + 1 WHERE number = %(number)s"
        f" RETURNING {_FIELDS}",
        {"number": number, **values},
    )
    return Complaint(*row)


def _write(
    tx: Tx, after: Complaint, what: str, *, words: str | None, by: str, now: datetime
) -> None:
    sql.change(
        tx,
        'INSERT INTO complaint_events (complaint, no, what, state, words, "by", at)'
        " VALUES (%(complaint)s, %(no)s, %(what)s, %(state)s, %(words)s, %(by)s, %(now)s)",
        {
            "complaint": after.number, "no": after.events, "what": what, "state": after.state,
            "words": words, "by": by, "now": now,
        },
    )  # fmt: skip
