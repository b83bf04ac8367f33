"""The shelf: what everybody can get for points at this moment, as a balance names it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from models import sql
from models.base import Tx
from models.offers import terms
from models.offers.terms import Offer

# A new offer shows in balances after this at most; every balance would read them all otherwise.
SHELF_LASTS = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Attainable:
    """Something that everybody can get by points alone; an offer only while its terms say so."""

    title: str
    price_points: int
    offer: Offer | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it can be had at this moment."""
        return self.offer is None or terms.is_open(self.offer, now)


class Shelf:
    """A process's copy of what points can get, renewed when it is older than SHELF_LASTS."""

    def __init__(self) -> None:
        self._things: list[Attainable] = []
        self._read_at: datetime | None = None

    def within_reach(self, tx: Tx, points: int, limit: int, now: datetime) -> list[Attainable]:
        """The dearest `limit` things that this many points can get."""
        if self._read_at is None or now - self._read_at > SHELF_LASTS:
            self._things, self._read_at = attainable(tx), now
        affordable = (
            each for each in self._things if each.price_points <= points and each.is_open(now)
        )
        return list(islice(affordable, limit))


def attainable(tx: Tx) -> list[Attainable]:
    """All that points alone can get, whoever one is, the dearest first.

    What is for members of a club or for a tier shows where the person is known (offers/looking.py):
    to promise it here to everybody would be a lie to most, and to ask costs every balance a trip.
    """
    offers = sql.rows(
        tx,
        f"SELECT {terms.COLUMNS} FROM offers o LEFT JOIN offer_stock s ON s.offer_code = o.code"
        " WHERE o.price_fen = 0 AND o.state = 'live' AND o.club_code IS NULL AND o.tier IS NULL"
        " AND (s.total IS NULL OR s.taken < s.total)",
    )
    found = [
        Attainable(each.title, each.price_points, each) for each in (Offer(*o) for o in offers)
    ]
    draws = sql.rows(
        tx,
        "SELECT title || '一次', price_points FROM draws"
        " WHERE version > 0 AND state = 'live' AND price_points > 0",
    )
    found += [Attainable(*row) for row in draws]
    return sorted(found, key=lambda each: (-each.price_points, each.title))
