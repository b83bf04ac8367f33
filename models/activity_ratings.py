"""What people thought of activities they came to: one to five stars, asked once for each.

checked in ──owe──▶ owed ──the clock, when it is over──▶ asked ──▶ given (stars, perhaps words)
                      └──▶ dropped: nobody to ask, or too late to ask

The sibling of ratings.py, which is about vouchers and counts for merchants; this counts for nobody
but those who plan the next activity. The title stands here as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.ratings import GIVE_UP, LEAST, MOST, WORDS_MAX

STATES = OWED, ASKED, GIVEN, DROPPED = "owed", "asked", "given", "dropped"
TITLE_MAX = 80
# After the end of an activity people are on their way home.
ASK_AFTER = timedelta(minutes=30)

activity_ratings = Table(
    "activity_ratings",
    metadata,
    subscriber_id(),
    Column("activity", BigInteger, nullable=False),
    Column("title", String(TITLE_MAX), nullable=False),
    Column("state", String(8), nullable=False, server_default=OWED),
    moment("due_at"),
    moment("asked_at", nullable=True),
    Column("stars", SmallInteger),
    Column("words", Text),  # null: none, or erased
    moment("at", nullable=True),
    PrimaryKeyConstraint("subscriber_id", "activity"),
    CheckConstraint("title <> ''", name="title"),
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
    Index("activity_ratings_owed", "due_at", postgresql_where=text("state = 'owed'")),
    Index("activity_ratings_given", "activity", postgresql_include=["stars"],
          postgresql_where=text("state = 'given'")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ActivityRating:
    """What is owed, asked or given about one activity."""

    subscriber_id: int
    activity: int
    title: str
    state: str
    due_at: datetime
    stars: int | None
    words: str | None


_FIELDS = ", ".join(ActivityRating.__dataclass_fields__)
_ONE = "subscriber_id = %(subscriber)s AND activity = %(activity)s"


def owe(tx: Tx, *, subscriber_id: int, activity: int, title: str, ends_at: datetime) -> None:
    """Have somebody who came asked when it is over; once for each activity."""
    sql.change(
        tx,
        "INSERT INTO activity_ratings (subscriber_id, activity, title, due_at)"
        " VALUES (%(subscriber)s, %(activity)s, %(title)s, %(due)s) ON CONFLICT DO NOTHING",
        {
            "subscriber": subscriber_id, "activity": activity, "title": title[:TITLE_MAX],
            "due": ends_at + ASK_AFTER,
        },
    )  # fmt: skip


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(subscriber id, activity) of those to be asked now, the longest waiting first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, activity FROM activity_ratings WHERE state = 'owed'"
        " AND due_at <= %(now)s ORDER BY due_at LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def take_owed(tx: Tx, *, subscriber_id: int, activity: int, now: datetime) -> ActivityRating | None:
    """What is to be asked, held; None where it is nothing to ask any more, which is noted."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM activity_ratings WHERE {_ONE} AND state = 'owed'"
        " AND due_at <= %(now)s FOR NO KEY UPDATE",
        {"subscriber": subscriber_id, "activity": activity, "now": now},
    )
    if row is None:
        return None
    found = ActivityRating(*row)
    if now - found.due_at > GIVE_UP:
        drop(tx, found)
        return None
    return found


def postpone(tx: Tx, rating: ActivityRating, *, until: datetime) -> None:
    """Ask later: something else is being asked just now."""
    _change(tx, rating.subscriber_id, rating.activity, "due_at = %(until)s", OWED, until=until)


def drop(tx: Tx, rating: ActivityRating) -> None:
    """Never mind: nobody is to be asked about this."""
    _change(tx, rating.subscriber_id, rating.activity, "state = 'dropped'", OWED)


def asked(tx: Tx, rating: ActivityRating, *, now: datetime) -> None:
    """Note that it has been asked."""
    _change(
        tx, rating.subscriber_id, rating.activity, "state = 'asked', asked_at = %(now)s", OWED,
        now=now,
    )  # fmt: skip


def give(tx: Tx, *, subscriber_id: int, activity: int, stars: int, now: datetime) -> bool:
    """Keep what somebody thinks, once; False where it was not asked, or is answered already."""
    if not LEAST <= stars <= MOST:
        raise ValueError(f"{LEAST} to {MOST} stars")
    return _change(
        tx, subscriber_id, activity, "state = 'given', stars = %(stars)s, at = %(now)s", ASKED,
        stars=stars, now=now,
    )  # fmt: skip


def say(tx: Tx, *, subscriber_id: int, activity: int, words: str) -> bool:
    """Add the person's own words to a rating that has none; False where there is nothing to add."""
    words = words.strip()[:WORDS_MAX]
    return bool(words) and _change(
        tx, subscriber_id, activity, "words = coalesce(words, %(words)s)", GIVEN, words=words
    )


def get(tx: Tx, *, subscriber_id: int, activity: int) -> ActivityRating | None:
    """What is known of somebody's rating of an activity, or None."""
    row = sql.first(
        tx, f"SELECT {_FIELDS} FROM activity_ratings WHERE {_ONE}",
        {"subscriber": subscriber_id, "activity": activity},
    )  # fmt: skip
    return ActivityRating(*row) if row else None


def stars_of(tx: Tx, activity: int) -> dict[int, int]:
    """How many people gave an activity how many stars."""
    rows = sql.rows(
        tx,
        "SELECT stars, count(*) FROM activity_ratings WHERE activity = %(activity)s"
        " AND state = 'given' GROUP BY stars",
        {"activity": activity},
    )
    return {row[0]: row[1] for row in rows}


def _change(tx: Tx, subscriber: int, activity: int, what: str, of: str, **values: object) -> bool:
    changed = sql.change(
        tx, f"UPDATE activity_ratings SET {what} WHERE {_ONE} AND state = %(of)s",
        {"subscriber": subscriber, "activity": activity, "of": of, **values},
    )  # fmt: skip
    return changed == 1
