"""Parts of long texts that phones have sent, until the last of them has come.

A part is kept before the carrier is told so: whoever dies in between loses nothing, and parts may
come over different binds to different processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment

parts = Table(
    "heard_parts",
    metadata,
    Column("sender", String(20), nullable=False),
    Column("recipient", String(24), nullable=False),
    Column("reference", Integer, nullable=False),
    Column("is_wide", Boolean, nullable=False),  # a reference of 16 bits
    Column("of", SmallInteger, nullable=False),
    Column("part_no", SmallInteger, nullable=False),
    Column("coding", SmallInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    moment("heard_at"),
    PrimaryKeyConstraint("sender", "recipient", "reference", "is_wide", "of", "part_no"),
    CheckConstraint("part_no BETWEEN 1 AND of", name="part_no"),
    Index(None, "heard_at"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Whose text a part belongs to, and where it stands in it."""

    sender: str
    recipient: str
    reference: int
    is_wide: bool
    of: int


Pieces = list[tuple[bytes, int]]  # bytes and their coding, in order

_WHERE = (
    "sender = %(sender)s AND recipient = %(recipient)s AND reference = %(reference)s"
    " AND is_wide = %(is_wide)s AND of = %(of)s"
)


@dataclass(frozen=True, slots=True)
class Text:
    """What has come of a text: its parts by number, and when the first of them came."""

    parts: dict[int, tuple[bytes, int]]  # bytes and their coding
    began: datetime

    @property
    def pieces(self) -> Pieces:
        return [piece for _, piece in sorted(self.parts.items())]


def keep(
    tx: Tx, where: Place, *, part_no: int, body: bytes, coding: int, now: datetime
) -> Text | None:
    """Keep a part; the text if this was the last one of it, else None.

    forget() it once it has been heard: whoever dies before is told the last part again.
    """
    values = _values(where) | {"part": part_no, "body": body, "coding": coding, "now": now}
    # Two processes with two parts of one text: the second waits here, and sees the first's.
    sql.run(tx, "SELECT pg_advisory_xact_lock(hashtextextended(%(whose)s, 0))",
            {"whose": f"heard:{where}"})  # fmt: skip
    sql.change(
        tx,
        "INSERT INTO heard_parts (sender, recipient, reference, is_wide, of, part_no, coding, body,"
        " heard_at) VALUES (%(sender)s, %(recipient)s, %(reference)s, %(is_wide)s, %(of)s,"
        " %(part)s, %(coding)s, %(body)s, %(now)s) ON CONFLICT DO NOTHING",
        values,
    )
    come = text(tx, where)
    return come if come is not None and len(come.parts) == where.of else None


def another(tx: Tx, where: Place, *, part_no: int, body: bytes) -> Text | None:
    """The unfinished text under the same reference that has another part of this number."""
    come = text(tx, where)
    if come is None or part_no not in come.parts or come.parts[part_no][0] == body:
        return None
    return come


def text(tx: Tx, where: Place) -> Text | None:
    """What has come of a text; None: nothing, or it has been heard."""
    rows = sql.rows(
        tx, f"SELECT part_no, body, coding, heard_at FROM heard_parts WHERE {_WHERE}",
        _values(where),
    )  # fmt: skip
    if not rows:
        return None
    come = {part_no: (bytes(body), coding) for part_no, body, coding, _ in rows}
    return Text(come, min(row[3] for row in rows))


def forget(tx: Tx, where: Place, heard: Text) -> int:
    """The parts that have been heard are not kept any longer; how many these were."""
    return sql.change(
        tx, f"DELETE FROM heard_parts WHERE {_WHERE} AND part_no = ANY (%(heard)s)",
        _values(where) | {"heard": [*heard.parts]},
    )  # fmt: skip


def overdue(tx: Tx, before: datetime, limit: int) -> Sequence[Place]:
    """Texts whose first part came before then, and which are not complete."""
    rows = sql.rows(
        tx,
        "SELECT sender, recipient, reference, is_wide, of FROM heard_parts"
        " WHERE heard_at < %(before)s GROUP BY 1, 2, 3, 4, 5 ORDER BY min(heard_at)"
        " LIMIT %(limit)s",
        {"before": before, "limit": limit},
    )
    return [Place(*row) for row in rows]


def _values(where: Place) -> dict[str, object]:
    return {
        "sender": where.sender, "recipient": where.recipient, "reference": where.reference,
        "is_wide": where.is_wide, "of": where.of,
    }  # fmt: skip
