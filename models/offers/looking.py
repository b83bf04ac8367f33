"""What one could take: an offer with its shop; all that is live; what a person could take now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import points, sql, tiers
from models.base import Tx
from models.offers import stock, terms
from models.offers.terms import COLUMNS, NotOffered, Offer
from models.points import SHANGHAI
from models.subscribers import Subscriber

NUMBER_MAX = 2**31 - 1  # of an offer, as it is stored


@dataclass(frozen=True, slots=True)
class Place:
    """A store where vouchers of an offer are used."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Card:
    """An offer with what stands around it; `left` is None where there is no limit in number."""

    offer: Offer
    merchant: str
    category: str
    club: str | None  # its name, of an offer for members
    about: str
    left: int | None


_CARD = (
    f"SELECT {COLUMNS}, m.name, m.category, c.name, o.about, s.total - s.taken FROM offers o"
    " JOIN merchants m ON m.code = o.merchant_code LEFT JOIN clubs c ON c.code = o.club_code"
    " LEFT JOIN offer_stock s ON s.offer_code = o.code"
)
# What everybody can take at this moment, of those who are admitted at all.
_OPEN_NOW = (
    "o.state = 'live' AND (o.starts_at IS NULL OR o.starts_at <= %(now)s)"
    " AND (o.ends_at IS NULL OR o.ends_at > %(now)s)"
    " AND (o.weekdays >> %(weekday)s) & 1 = 1"
    " AND o.from_minute <= %(minute)s AND o.until_minute > %(minute)s"
    " AND (s.total IS NULL OR s.taken < s.total)"
)
_ADMITTED = (
    "(o.club_code IS NULL OR EXISTS (SELECT 1 FROM memberships b"
    " WHERE b.subscriber_id = %(id)s AND b.club_code = o.club_code AND b.state = 'active'"
    " AND (o.level IS DISTINCT FROM 'premium' OR b.level = 'premium')))"
    " AND (o.tier IS NULL OR o.tier = ANY (%(tiers)s))"
)
_NOT_HAD = (
    "(o.per_person IS NULL OR o.per_person > coalesce((SELECT t.taken FROM offer_takings t"
    " WHERE t.subscriber_id = %(id)s AND t.offer_code = o.code AND t.day = %(ever)s), 0))"
    " AND (o.per_person_day IS NULL OR o.per_person_day > coalesce((SELECT t.taken"
    " FROM offer_takings t WHERE t.subscriber_id = %(id)s AND t.offer_code = o.code"
    " AND t.day = %(today)s), 0))"
)


def numbered(tx: Tx, number: int) -> Card | None:
    """The offer with this number, whatever its state; None if there is none."""
    if not 0 < number <= NUMBER_MAX:
        return None
    row = sql.first(tx, f"{_CARD} WHERE o.number = %(number)s", {"number": number})
    return _card(row) if row else None


def of_code(tx: Tx, code: str) -> Card:
    """The offer with this code, which must exist."""
    return _card(sql.one(tx, f"{_CARD} WHERE o.code = %(code)s", {"code": code}))


def places(tx: Tx, offer_code: str) -> list[Place]:
    """Where its vouchers are used: the stores it names, or all of its merchant's."""
    rows = sql.rows(
        tx,
        "SELECT s.name, s.address FROM offers o JOIN stores s ON s.merchant_code = o.merchant_code"
        " WHERE o.code = %(code)s AND (NOT EXISTS (SELECT 1 FROM offer_stores WHERE offer_code ="
        " o.code) OR EXISTS (SELECT 1 FROM offer_stores x WHERE x.offer_code = o.code"
        " AND x.store_no = s.store_no)) ORDER BY s.store_no",
        {"code": offer_code},
    )
    return [Place(*row) for row in rows]


def live(
    tx: Tx, now: datetime, *, club: str | None = None, category: str | None = None,
    most_points: int | None = None, after: tuple[int, int] | None = None, limit: int,
) -> list[Card]:  # fmt: skip
    """Offers that are live now or later today, the cheapest first; `after`: points and number."""
    rows = sql.rows(
        tx,
        f"{_CARD} WHERE o.state = 'live' AND (o.ends_at IS NULL OR o.ends_at > %(now)s)"
        " AND (%(club)s::text IS NULL OR o.club_code = %(club)s)"
        " AND (%(category)s::text IS NULL OR m.category = %(category)s)"
        " AND (%(most)s::int IS NULL OR o.price_points <= %(most)s)"
        " AND (o.price_points, o.number) > (%(points)s, %(number)s)"
        " ORDER BY o.price_points, o.number LIMIT %(limit)s",
        {
            "now": now, "club": club, "category": category, "most": most_points, "limit": limit,
            "points": after[0] if after else 0, "number": after[1] if after else 0,
        },
    )  # fmt: skip
    return [_card(row) for row in rows]


def categories(tx: Tx) -> list[str]:
    """The categories of merchants that have something live."""
    rows = sql.rows(
        tx,
        "SELECT DISTINCT m.category FROM offers o JOIN merchants m ON m.code = o.merchant_code"
        " WHERE o.state = 'live' ORDER BY 1",
    )
    return [row[0] for row in rows]


def within_reach(
    tx: Tx, who: Subscriber, points_usable: int, now: datetime, *, skip: int = 0, limit: int
) -> list[Card]:
    """What this person could take now with so many points, the dearest first."""
    local = now.astimezone(SHANGHAI)
    values: Mapping[str, Any] = {
        "id": who.id, "now": now, "weekday": local.weekday(),
        "minute": local.hour * 60 + local.minute, "tiers": _tiers(tx, who, now),
        "ever": stock.EVER, "today": points.day_of(now), "points": points_usable, "skip": skip,
        "limit": limit,
    }  # fmt: skip
    rows = sql.rows(
        tx,
        f"{_CARD} WHERE {_OPEN_NOW} AND o.price_points <= %(points)s AND {_ADMITTED}"
        f" AND {_NOT_HAD} ORDER BY o.price_points DESC, o.number"
        " OFFSET %(skip)s LIMIT %(limit)s",
        values,
    )
    return [_card(row) for row in rows]


def check(tx: Tx, card: Card, who: Subscriber, now: datetime) -> None:
    """Raises NotOffered where redeeming would, as far as one can see before; changes nothing.

    What joining a club would not help against comes first: nobody joins for what is sold out.
    """
    offer = card.offer
    terms.check_window(offer, now)
    if card.left is not None and card.left <= 0:
        raise NotOffered("sold_out")
    stock.may_count(tx, offer, who, now)
    have = points.balance(tx, who, now=now, expiring_days=1).usable
    if have < offer.price_points:
        raise NotOffered("points", have=have, price=offer.price_points)
    terms.check_person(tx, offer, who, now)


def _tiers(tx: Tx, who: Subscriber, now: datetime) -> list[str]:
    """The tiers that this person has, and those below."""
    rules, standing = tiers.live(tx), tiers.standing(tx, who, now)
    if rules is None or standing is None:
        return []
    rank = rules.rank(standing.tier.code)
    return [tier.code for tier in rules.tiers[: rank + 1]]


def _card(row: tuple[Any, ...]) -> Card:
    *columns, merchant, category, club, about, left = row
    return Card(Offer(*columns), merchant, category, club, about, left)
