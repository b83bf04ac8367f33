"""Ratings: what people thought of what they used, one to five stars, asked once for each voucher.

owed ──the clock, some minutes after the till──▶ asked ──▶ given (stars, perhaps words)
  └──▶ dropped: taken back at the till, nobody to ask, or too late to ask
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment
from models.vouchers.verifying import Verification
from models.vouchers.vouchers import VERIFIED, VOUCHER

STATES = OWED, ASKED, GIVEN, DROPPED = "owed", "asked", "given", "dropped"
LEAST, MOST = 1, 5  # stars
LOW = 2  # so many or fewer: something went wrong, and a complaint is offered
WORDS_MAX = 500  # characters
# Whoever cannot be asked by then has forgotten how it was: a night, and a day of other questions.
GIVE_UP = timedelta(hours=36)
# What a merchant is judged by: what people said within this time.
COUNTS_FOR = timedelta(days=365)

ratings = Table(
    "ratings",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False),
    Column("voucher_id", BigInteger, nullable=False),
    Column("merchant_code", String(32), nullable=False),
    Column("store_no", Integer, nullable=False),
    Column("state", String(8), nullable=False, server_default=OWED),
    moment("used_at"),
    moment("due_at"),
    moment("asked_at", nullable=True),
    Column("stars", SmallInteger),
    Column("words", Text),  # null: none, or erased
    moment("at", nullable=True),
    PrimaryKeyConstraint("subscriber_id", "voucher_id"),
    ForeignKeyConstraint(["subscriber_id", "voucher_id"], VOUCHER),
    ForeignKeyConstraint(
        ["merchant_code", "store_no"], ["stores.merchant_code", "stores.store_no"]
    ),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(f"stars BETWEEN {LEAST} AND {MOST}", name="stars"),
    CheckConstraint(
        "(state = 'given') = (stars IS NOT NULL) AND (state = 'given') = (at IS NOT NULL)"
        " AND (state IN ('asked', 'given')) = (asked_at IS NOT NULL)",
        name="given",
    ),
    CheckConstraint(
        f"words IS NULL OR (state = 'given' AND char_length(words) <= {WORDS_MAX})", name="words"
    ),
    Index("ratings_owed", "due_at", postgresql_where=text("state = 'owed'")),
    # A merchant's score is read from the index alone.
    Index("ratings_of_merchant", "merchant_code", "at", postgresql_include=["stars"],
          postgresql_where=text("state = 'given'")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rating:
    """What is owed, asked or given about one voucher."""

    subscriber_id: int
    voucher_id: int
    merchant_code: str
    store_no: int
    state: str
    used_at: datetime
    due_at: datetime
    asked_at: datetime | None
    stars: int | None
    words: str | None
    at: datetime | None


_FIELDS = ", ".join(Rating.__dataclass_fields__)
_ONE = "subscriber_id = %(subscriber)s AND voucher_id = %(voucher)s"


def owe(tx: Tx, used: Verification, *, due_at: datetime) -> None:
    """Have the owner of a voucher that was just used asked from then on; once for each voucher.

    A voucher that was taken back and used again is asked about after its last use.
    """
    sql.run(
        tx,
        "INSERT INTO ratings AS r (subscriber_id, voucher_id, merchant_code, store_no, used_at,"
        " due_at) VALUES (%(subscriber)s, %(voucher)s, %(merchant)s, %(store)s, %(used)s, %(due)s)"
        " ON CONFLICT (subscriber_id, voucher_id) DO UPDATE SET state = 'owed',"
        " merchant_code = excluded.merchant_code, store_no = excluded.store_no,"
        " used_at = excluded.used_at, due_at = excluded.due_at"
        " WHERE r.state IN ('owed', 'dropped')",
        {
            "subscriber": used.subscriber_id, "voucher": used.voucher_id, "used": used.at,
            "merchant": used.merchant_code, "store": used.store_no, "due": due_at,
        },
    )  # fmt: skip


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(subscriber id, voucher id) of those to be asked now, the longest waiting first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, voucher_id FROM ratings WHERE state = 'owed' AND due_at <= %(now)s"
        " ORDER BY due_at LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def take_owed(tx: Tx, *, subscriber_id: int, voucher_id: int, now: datetime) -> Rating | None:
    """What is to be asked, held; None where it is nothing to ask any more, which is noted."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM ratings WHERE {_ONE} AND state = 'owed' AND due_at <= %(now)s"
        " FOR NO KEY UPDATE",
        {"subscriber": subscriber_id, "voucher": voucher_id, "now": now},
    )
    if row is None:
        return None
    found = Rating(*row)
    # Who has complained of it has said how it was.
    state, complained = sql.one(
        tx,
        "SELECT v.state, EXISTS (SELECT 1 FROM complaints c WHERE c.voucher_owner = v.subscriber_id"
        " AND c.voucher_id = v.id) FROM vouchers v"
        " WHERE v.subscriber_id = %(subscriber)s AND v.id = %(voucher)s",
        {"subscriber": subscriber_id, "voucher": voucher_id},
    )
    if state != VERIFIED or complained or now - found.used_at > GIVE_UP:
        drop(tx, found)
        return None
    return found


def postpone(tx: Tx, rating: Rating, *, until: datetime) -> None:
    """Ask later: something else is being asked just now."""
    _change(tx, rating.subscriber_id, rating.voucher_id, "due_at = %(until)s", "owed", until=until)


def drop(tx: Tx, rating: Rating) -> None:
    """Never mind: nobody is to be asked about this."""
    _change(tx, rating.subscriber_id, rating.voucher_id, "state = 'dropped'", "owed")


def asked(tx: Tx, rating: Rating, *, now: datetime) -> None:
    """Note that it has been asked."""
    _change(
        tx, rating.subscriber_id, rating.voucher_id, "state = 'asked', asked_at = %(now)s", "owed",
        now=now,
    )  # fmt: skip


def give(tx: Tx, *, subscriber_id: int, voucher_id: int, stars: int, now: datetime) -> bool:
    """Keep what somebody thinks, once; False where it was not asked, or is answered already."""
    if not LEAST <= stars <= MOST:
        raise ValueError(f"{LEAST} to {MOST} stars")
    return _change(
        tx, subscriber_id, voucher_id, "state = 'given', stars = %(stars)s, at = %(now)s", "asked",
        stars=stars, now=now,
    )  # fmt: skip


def say(tx: Tx, *, subscriber_id: int, voucher_id: int, words: str) -> bool:
    """Add the person's own words to a rating that has none; False where there is nothing to add."""
    words = words.strip()[:WORDS_MAX]
    return bool(words) and _change(
        tx, subscriber_id, voucher_id, "words = coalesce(words, %(words)s)", "given", words=words
    )


def get(tx: Tx, *, subscriber_id: int, voucher_id: int) -> Rating | None:
    """What is known of the rating of a voucher, or None."""
    row = sql.first(
        tx, f"SELECT {_FIELDS} FROM ratings WHERE {_ONE}",
        {"subscriber": subscriber_id, "voucher": voucher_id},
    )  # fmt: skip
    return Rating(*row) if row else None


def score(tx: Tx, merchant_code: str, now: datetime) -> tuple[int, int] | None:
    """A merchant's stars in hundredths, on average of the last year, and how many people gave some.

    None: nobody has said. What a merchant's rating counts as word of mouth.
    """
    count, total = sql.one(
        tx,
        "SELECT count(*), coalesce(sum(stars), 0)::bigint FROM ratings"
        " WHERE merchant_code = %(merchant)s AND state = 'given'"
        " AND at > %(since)s AND at <= %(now)s",
        {"merchant": merchant_code, "since": now - COUNTS_FOR, "now": now},
    )
    return ((total * 100 + count // 2) // count, count) if count else None


def _change(tx: Tx, subscriber: int, voucher: int, what: str, of: str, **values: object) -> bool:
    changed = sql.change(
        tx, f"UPDATE ratings SET {what} WHERE {_ONE} AND state = %(of)s",
        {"subscriber": subscriber, "voucher": voucher, "of": of, **values},
    )  # fmt: skip
    return changed == 1
