"""What operators change about a club: its name, words, fee, and whether it takes members.

A change is what it was proposed as, or nothing: whoever approves it sees what it was before, and a
club that has changed since is not changed again unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from models import sql
from models.base import Tx, metadata

NAME_CHARS_MAX, INTRO_CHARS_MAX = 40, 500
PRICE_FEN_MAX = 100_000  # a month: 1,000 yuan

# Kept by a trigger (migration 0017).
members = Table(
    "club_members",
    metadata,
    Column("club_code", String(32), ForeignKey("clubs.code"), nullable=False),
    Column("stripe", SmallInteger, nullable=False),
    Column("members", BigInteger, nullable=False),
    Column("opening", BigInteger, nullable=False),
    PrimaryKeyConstraint("club_code", "stripe"),
)


class ChangedSince(Exception):
    """The club is not as it was when the change was proposed."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What can be changed about a club; the fee in fen a month."""

    name: str
    intro: str
    price_fen: int
    is_open: bool

    def plain(self) -> dict[str, Any]:
        """As a proposal carries it."""
        return asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Terms:
        """From a proposal."""
        return cls(**{field.name: plain[field.name] for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class Standing:
    """A club as operators see it; `opening` of them wait for BOSS."""

    code: str
    terms: Terms
    boss_service: str
    members: int
    opening: int
    position: int


_STANDING = """
    SELECT c.code, c.name, c.intro, c.price_fen, c.is_open, c.boss_service,
           coalesce(sum(m.members), 0)::bigint, coalesce(sum(m.opening), 0)::bigint, c.position
    FROM clubs c LEFT JOIN club_members m ON m.club_code = c.code
    WHERE %(code)s::text IS NULL OR c.code = %(code)s
    GROUP BY c.code ORDER BY c.position, c.code
"""


def standings(tx: Tx, code: str | None = None) -> list[Standing]:
    """All clubs in the operator's order, or the one with this code."""
    return [
        Standing(row[0], Terms(*row[1:5]), *row[5:])
        for row in sql.rows(tx, _STANDING, {"code": code})
    ]


def change(tx: Tx, code: str, *, before: Terms, after: Terms) -> None:
    """Make the club so. Raises ChangedSince, and LookupError where there is no such club."""
    row = sql.one(
        tx,
        "SELECT name, intro, price_fen, is_open FROM clubs WHERE code = %(code)s FOR NO KEY UPDATE",
        {"code": code},
    )
    if Terms(*row) != before:
        raise ChangedSince(code)
    sql.change(
        tx,
        "UPDATE clubs SET name = %(name)s, intro = %(intro)s, price_fen = %(price_fen)s,"
        " is_open = %(is_open)s WHERE code = %(code)s",
        {"code": code, **after.plain()},
    )
