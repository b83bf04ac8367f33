"""Pictures of feedback: wanted from WeChat by their media id, then kept as a picture of our own.

wanted ──a worker fetches it, draws it anew without what the camera wrote──▶ kept
  └──▶ failed: WeChat has it no more, or it is no picture
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment

WANTED, KEPT, FAILED = STATES = ("wanted", "kept", "failed")
MOST = 3  # of one feedback
MOST_A_PERSON = 60  # that are there at once, of all their feedback: 90 MB where each is the largest
BYTES_MAX = 1_500_000  # of one, drawn anew
MEDIA_ID_MAX = 200

pictures = Table(
    "feedback_pictures",
    metadata,
    Column("feedback", BigInteger, ForeignKey("feedback.number"), nullable=False),
    Column("no", SmallInteger, nullable=False),
    Column("state", String(8), nullable=False),
    Column("media_id", String(MEDIA_ID_MAX)),  # WeChat's; null: it came with a form
    Column("jpeg", LargeBinary),
    moment("at"),
    PrimaryKeyConstraint("feedback", "no"),
    UniqueConstraint("feedback", "media_id"),
    CheckConstraint(f"no BETWEEN 1 AND {MOST}", name="no"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(
        f"(state = 'kept') = (jpeg IS NOT NULL) AND octet_length(jpeg) <= {BYTES_MAX}",
        name="jpeg",
    ),
    CheckConstraint("state = 'kept' OR media_id IS NOT NULL", name="media"),
    Index("feedback_pictures_kept", "at", postgresql_where=text("state = 'kept'")),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the pictures of a feedback, without what is on it."""

    feedback: int
    no: int
    state: str


def want(tx: Tx, feedback: int, media_id: str, now: datetime) -> int | None:
    """Note a picture that WeChat has; its number, or None: it is noted, or there are enough.

    The caller holds the person, so that no two come at once.
    """
    return _add(tx, feedback, state=WANTED, media_id=media_id[:MEDIA_ID_MAX], jpeg=None, now=now)


def attach(tx: Tx, feedback: int, jpeg: bytes, now: datetime) -> int | None:
    """Keep a picture that came with a form; its number, or None: there are enough."""
    return _add(tx, feedback, state=KEPT, media_id=None, jpeg=jpeg, now=now)


def fetched(tx: Tx, feedback: int, no: int, jpeg: bytes | None, now: datetime) -> bool:
    """Keep what was fetched, None where there is nothing to keep; False if that is known."""
    changed = sql.change(
        tx,
        "UPDATE feedback_pictures SET state = %(state)s, jpeg = %(jpeg)s, at = %(now)s"
        " WHERE feedback = %(feedback)s AND no = %(no)s AND state = 'wanted'",
        {
            "state": FAILED if jpeg is None else KEPT, "jpeg": jpeg, "now": now,
            "feedback": feedback, "no": no,
        },
    )  # fmt: skip
    return changed == 1


def of(tx: Tx, feedback: int) -> list[Picture]:
    """The pictures of a feedback, in their order."""
    rows = sql.rows(
        tx,
        "SELECT feedback, no, state FROM feedback_pictures WHERE feedback = %(feedback)s"
        " ORDER BY no",
        {"feedback": feedback},
    )
    return [Picture(*row) for row in rows]


def jpeg_of(tx: Tx, feedback: int, no: int) -> bytes | None:
    """What is on a picture, or None."""
    found = sql.maybe_value(
        tx,
        "SELECT jpeg FROM feedback_pictures WHERE feedback = %(feedback)s AND no = %(no)s",
        {"feedback": feedback, "no": no},
    )
    return bytes(found) if found is not None else None


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete pictures of what was answered before then, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM feedback_pictures WHERE (feedback, no) IN ("
        " SELECT p.feedback, p.no FROM feedback_pictures p"
        " JOIN feedback f ON f.number = p.feedback"
        " WHERE f.answered_at < %(before)s AND p.at < %(before)s ORDER BY p.at LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )


def _add(
    tx: Tx, feedback: int, *, state: str, media_id: str | None, jpeg: bytes | None, now: datetime
) -> int | None:
    found = sql.maybe_value(
        tx,
        "INSERT INTO feedback_pictures (feedback, no, state, media_id, jpeg, at)"
        " SELECT %(feedback)s, count(*) + 1, %(state)s, %(media)s, %(jpeg)s, %(now)s"
        " FROM feedback_pictures WHERE feedback = %(feedback)s HAVING count(*) < %(most)s"
        " AND (SELECT count(*) FROM feedback_pictures p JOIN feedback f ON f.number = p.feedback"
        "   WHERE p.state <> 'failed' AND f.subscriber_id ="
        "     (SELECT subscriber_id FROM feedback WHERE number = %(feedback)s)"
        ") < %(most_a_person)s"
        " ON CONFLICT (feedback, media_id) DO NOTHING RETURNING no",
        {
            "feedback": feedback, "state": state, "media": media_id, "jpeg": jpeg, "now": now,
            "most": MOST, "most_a_person": MOST_A_PERSON,
        },
    )  # fmt: skip
    return int(found) if found is not None else None
