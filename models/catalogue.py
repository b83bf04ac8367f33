"""What points and memberships lead to: merchants and their stores, screenings.

Reference data, seeded and (later) edited by operators; every server may read it from a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment

# Of a merchant: models/merchants/partners.py.
MERCHANT_STATES = NEGOTIATED, SIGNED, OPEN, PAUSED, ENDED = (
    "negotiated", "signed", "open", "paused", "ended",
)  # fmt: skip
RATINGS = ("A+", "A", "B", "B-")  # the best first

merchants = Table(
    "merchants",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("category", String(32), nullable=False),
    Column("city", String(32), nullable=False),
    Column("state", String(12), nullable=False, server_default=NEGOTIATED),
    Column("legal_name", String(100), nullable=False, server_default=""),
    Column("contract_no", String(40), nullable=False, server_default=""),
    # Whom to call there, on business.
    Column("contact_name", String(40), nullable=False, server_default=""),
    Column("contact_tel", String(20), nullable=False, server_default=""),
    Column("capital_yuan", BigInteger),
    Column("turnover_yuan", BigInteger),
    Column("rating", String(2)),
    Column("score", Integer),
    moment("rated_at", nullable=True),
    Column("events", Integer, nullable=False, server_default="0"),
    CheckConstraint(f"state IN {MERCHANT_STATES}", name="state"),
    CheckConstraint(f"rating IN {RATINGS} AND score BETWEEN 0 AND 10000", name="rating"),
    CheckConstraint("capital_yuan >= 0 AND turnover_yuan >= 0", name="yuan"),
)

stores = Table(
    "stores",
    metadata,
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("store_no", Integer, nullable=False),
    Column("name", String(60), nullable=False),
    Column("address", Text, nullable=False),
    Column("latitude", Float, nullable=False),
    Column("longitude", Float, nullable=False),
    Column("city", String(32)),  # None: its merchant's
    moment("closed_at", nullable=True),
    PrimaryKeyConstraint("merchant_code", "store_no"),
)

screenings = Table(
    "screenings",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("club_code", String(32), ForeignKey("clubs.code"), nullable=False),
    Column("film", String(60), nullable=False),
    Column("cinema", String(60), nullable=False),
    moment("starts_at"),
    Column("price_points", Integer, nullable=False),
    Column("price_fen", Integer, nullable=False),
    CheckConstraint("price_points > 0 AND price_fen >= 0", name="price"),
)


@dataclass(frozen=True, slots=True)
class Screening:
    film: str
    cinema: str
    starts_at: datetime
    price_points: int
    price_fen: int


def merchant_name(tx: Tx, code: str) -> str:
    """What a merchant is called, "" where there is none of this code."""
    name: str | None = sql.maybe_value(
        tx, "SELECT name FROM merchants WHERE code = %(code)s", {"code": code}
    )
    return name or ""


def upcoming_screenings(tx: Tx, club_code: str, now: datetime) -> list[Screening]:
    """What a club's members can still see, the soonest first."""
    rows = sql.rows(
        tx,
        "SELECT film, cinema, starts_at, price_points, price_fen FROM screenings"
        " WHERE club_code = %(code)s AND starts_at > %(now)s ORDER BY starts_at, film",
        {"code": club_code, "now": now},
    )
    return [Screening(*row) for row in rows]


def club_offers(tx: Tx, club_code: str) -> list[tuple[str, str, int, int]]:
    """(merchant, title, points, fen) of a club's offers, the cheapest first."""
    rows = sql.rows(
        tx,
        "SELECT m.name, o.title, o.price_points, o.price_fen FROM offers o"
        " JOIN merchants m ON m.code = o.merchant_code"
        " WHERE o.club_code = %(code)s AND o.state = 'live'"
        " ORDER BY o.price_points, o.title",
        {"code": club_code},
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
