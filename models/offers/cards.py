"""What a card on a merchant's counter says about an offer: only of offers that can be taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import sql
from models.base import Tx
from models.offers.terms import LIVE


@dataclass(frozen=True, slots=True)
class Card:
    """An offer that is live now or will be; `club` is the name of the one whose members it is for.

    Money in fen; minutes after midnight in China.
    """

    number: int
    title: str
    merchant_code: str
    merchant: str
    club: str | None
    price_points: int
    price_fen: int
    starts_at: datetime | None
    ends_at: datetime | None
    weekdays: int
    from_minute: int
    until_minute: int
    narrowed: bool  # to a level or a tier

    @property
    def scene(self) -> str:
        """The scene that its code says to WeChat."""
        return scene_of(self.number)


_CARDS = """
    SELECT o.number, o.title, o.merchant_code, m.name, c.name, o.price_points, o.price_fen,
           o.starts_at, o.ends_at, o.weekdays, o.from_minute, o.until_minute,
           o.level IS NOT NULL OR o.tier IS NOT NULL
    FROM offers o JOIN merchants m ON m.code = o.merchant_code
    LEFT JOIN clubs c ON c.code = o.club_code
    WHERE o.state = %(live)s AND (o.ends_at IS NULL OR o.ends_at > %(now)s)
"""


def scene_of(number: int) -> str:
    """What the code on an offer's card opens; the engine knows it by its number."""
    return f"offer-{number}"


def find(tx: Tx, number: int, now: datetime, *, merchant: str | None = None) -> Card | None:
    """The card of an offer, None if there is no such offer, it is not live, or it is another's."""
    row = sql.first(
        tx,
        f"{_CARDS} AND o.number = %(number)s"
        " AND (%(merchant)s::text IS NULL OR o.merchant_code = %(merchant)s)",
        {"live": LIVE, "now": now, "number": number, "merchant": merchant},
    )
    return Card(*row) if row else None


def found(
    tx: Tx, now: datetime, *, words: str = "", merchant: str | None = None, after: int = 0,
    limit: int,
) -> list[Card]:  # fmt: skip
    """Cards in the order of their numbers; `words` is in the title or the merchant's name."""
    values: Mapping[str, Any] = {
        "live": LIVE, "now": now, "after": after, "limit": limit, "merchant": merchant,
        "words": words,
    }  # fmt: skip
    rows = sql.rows(
        tx,
        f"{_CARDS} AND o.number > %(after)s"
        " AND (%(merchant)s::text IS NULL OR o.merchant_code = %(merchant)s)"
        " AND (strpos(o.title, %(words)s) > 0 OR strpos(m.name, %(words)s) > 0"
        " OR o.number::text = %(words)s OR %(words)s = '')"
        " ORDER BY o.number LIMIT %(limit)s",
        values,
    )
    return [Card(*row) for row in rows]
