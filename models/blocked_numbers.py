"""Numbers that get nothing unasked, until somebody takes them off: who wanted so, when and why.

Beside notices.blocklist of the settings, which needs a restart; models/sending_policy.py asks both.
Who is blocked here still gets answers to what they text: a subscriber is shut out by blocking them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    String,
    Table,
    UniqueConstraint,
)  # fmt: skip

from models import audit, sql
from models.audit import By
from models.base import Tx, metadata, moment

WHY_CHARS = 300

blocked_numbers = Table(
    "blocked_numbers",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("number", String(20), nullable=False),
    moment("at"),
    Column("by", String(60), nullable=False),  # a login, or command:<user>
    Column("why", String(WHY_CHARS), nullable=False),
    UniqueConstraint("number"),
    CheckConstraint("number ~ '^[+][0-9]{8,15}$'", name="number"),
    CheckConstraint("why <> ''", name="why"),
)


class AlreadyBlocked(Exception):
    """The number is on the list; `blocked` says since when and why."""

    def __init__(self, blocked: Blocked) -> None:
        super().__init__("already blocked")
        self.blocked = blocked


class NotBlocked(LookupError):
    """The number is not on the list, or not any more."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """A number on the list."""

    id: int
    number: str  # E.164
    at: datetime
    by: str
    why: str


_FIELDS = "id, number, at, by, why"


def block(tx: Tx, by: By, *, number: str, why: str, now: datetime) -> Blocked:
    """Write nothing unasked to a number from now on. Raises AlreadyBlocked, ValueError."""
    why = why.strip()[:WHY_CHARS]
    if not why:
        raise ValueError("a reason is needed")
    row = sql.first(
        tx,
        "INSERT INTO blocked_numbers (number, at, by, why)"
        " VALUES (%(number)s, %(now)s, %(by)s, %(why)s)"
        f" ON CONFLICT (number) DO NOTHING RETURNING {_FIELDS}",
        {"number": number, "now": now, "by": by.login, "why": why},
    )
    if row is None:
        known = find(tx, number)
        if known is None:  # taken off in this moment
            return block(tx, by, number=number, why=why, now=now)
        raise AlreadyBlocked(known)
    blocked = Blocked(*row)
    audit.write(
        tx, by, action="blocklist.add", subject=f"blocklist:{blocked.id}", reason=why, now=now
    )
    return blocked


def unblock(tx: Tx, by: By, *, blocked_id: int, why: str, now: datetime) -> None:
    """Take a number off the list. Raises NotBlocked, ValueError."""
    if not why.strip():
        raise ValueError("a reason is needed")
    gone = sql.first(
        tx, f"DELETE FROM blocked_numbers WHERE id = %(id)s RETURNING {_FIELDS}",
        {"id": blocked_id},
    )  # fmt: skip
    if gone is None:
        raise NotBlocked(blocked_id)
    was = Blocked(*gone)
    audit.write(
        tx, by, action="blocklist.remove", subject=f"blocklist:{was.id}", reason=why.strip(),
        before={"at": was.at.isoformat(), "by": was.by, "why": was.why}, now=now,
    )  # fmt: skip


def find(tx: Tx, number: str) -> Blocked | None:
    """What the list has of a number, or None."""
    row = sql.first(
        tx, f"SELECT {_FIELDS} FROM blocked_numbers WHERE number = %(number)s", {"number": number}
    )
    return Blocked(*row) if row else None


def get(tx: Tx, blocked_id: int) -> Blocked | None:
    """An entry of the list, or None."""
    row = sql.first(
        tx, f"SELECT {_FIELDS} FROM blocked_numbers WHERE id = %(id)s", {"id": blocked_id}
    )
    return Blocked(*row) if row else None


def listed(tx: Tx, *, limit: int, below: int | None = None) -> list[Blocked]:
    """The newest first; `below`: only those with a lower id."""
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM blocked_numbers WHERE id < coalesce(%(below)s, 9223372036854775807)"
        " ORDER BY id DESC LIMIT %(limit)s",
        {"below": below, "limit": limit},
    )
    return [Blocked(*row) for row in rows]
