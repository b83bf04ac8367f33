"""Partner stores near a place, or in one that somebody names, with what can be had there now."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from models import sql
from models.base import Tx

FARTHEST_M = 50_000  # a store that is farther away is not near to anybody
MEAN_RADIUS_M = 6_371_000
DEGREE_M = 111_000  # of latitude
OFFERS_NAMED = 2
# What people write around the name of a place: 长沙市附近的店 is 长沙.
_AROUND = re.compile(
    r"^(?:我?在|去)|附近|周边|旁边|这边|那边|这里|[,。.!?~ ]"
    r"|(?:有?什么|有哪些|有没有|哪些|哪家|的|有).*$|合作|(?:门店|商家|商户|优惠|店|地方)$"
)
_KIND = re.compile(r"[市县区镇街路]$")


@dataclass(frozen=True, slots=True)
class NearStore:
    """`meters`: from where somebody is, if that is known; `offers`: titles, the cheapest first."""

    merchant_code: str
    store_no: int
    name: str
    address: str
    city: str
    latitude: float
    longitude: float
    meters: float | None
    offers: tuple[str, ...]

    @property
    def place(self) -> tuple[str, int]:
        """Which of all stores it is."""
        return self.merchant_code, self.store_no


_OPEN = (
    "SELECT s.merchant_code, s.store_no, s.name, s.address, coalesce(s.city, m.city) AS city,"
    " s.latitude, s.longitude FROM stores s JOIN merchants m ON m.code = s.merchant_code"
    " WHERE s.closed_at IS NULL AND m.state = 'open'"
)
_OFFERS = (
    "ARRAY(SELECT o.title FROM offers o WHERE o.merchant_code = f.merchant_code"
    " AND o.state = 'live' AND (o.starts_at IS NULL OR o.starts_at <= %(now)s)"
    " AND (o.ends_at IS NULL OR o.ends_at > %(now)s)"
    " AND (NOT EXISTS (SELECT 1 FROM offer_stores x WHERE x.offer_code = o.code)"
    " OR EXISTS (SELECT 1 FROM offer_stores x WHERE x.offer_code = o.code"
    f" AND x.store_no = f.store_no)) ORDER BY o.price_points, o.number LIMIT {OFFERS_NAMED})"
)
# As the crow flies (haversine).
_METERS = (
    f"2 * {MEAN_RADIUS_M} * asin(least(1, sqrt(power(sind((p.latitude - %(latitude)s) / 2), 2)"
    " + cosd(p.latitude) * cosd(%(latitude)s)"
    " * power(sind((p.longitude - %(longitude)s) / 2), 2))))"
)


def around(
    tx: Tx, latitude: float, longitude: float, now: datetime, *, limit: int
) -> list[NearStore]:
    """The stores around a place, the nearest first; none that is farther than FARTHEST_M."""
    rows = sql.rows(
        tx,
        f"SELECT f.*, {_OFFERS} FROM (SELECT * FROM (SELECT p.*, {_METERS} AS meters"
        f" FROM ({_OPEN} AND s.latitude BETWEEN %(south)s AND %(north)s) p) d"
        " WHERE d.meters <= %(farthest)s"
        " ORDER BY d.meters, d.merchant_code, d.store_no LIMIT %(limit)s) f"
        " ORDER BY f.meters, f.merchant_code, f.store_no",
        {
            "latitude": latitude, "longitude": longitude, "now": now, "limit": limit,
            "south": latitude - FARTHEST_M / DEGREE_M, "north": latitude + FARTHEST_M / DEGREE_M,
            "farthest": FARTHEST_M,
        },
    )  # fmt: skip
    return [_store(row) for row in rows]


def place_in(where: str) -> str:
    """The name of a place in what somebody writes behind 附近; "" if there is none in it."""
    return _AROUND.sub("", where)


def named(tx: Tx, where: str, now: datetime, *, limit: int) -> list[NearStore]:
    """The stores in a place that somebody names: 长沙, 长沙五一大道, 万家丽路.

    Where a street or a store was said, it comes first, and then what is nearest to it.
    """
    said = place_in(where)
    if not said:
        return []
    rows = sql.rows(
        tx,
        "SELECT here, merchant_code, store_no, name, address, city, latitude, longitude,"
        f" NULL::float8, {_OFFERS} FROM (SELECT * FROM (SELECT p.*,"
        "  position(p.city IN %(said)s) > 0 AS there,"
        "  replace(replace(%(said)s, p.city || '市', ''), p.city, '') AS rest"
        f"  FROM ({_OPEN}) p) q"
        "  CROSS JOIN LATERAL (SELECT rest <> '' AND (position(rest IN address) > 0"
        "   OR position(rest IN name) > 0 OR position(%(short)s IN address) > 0"
        "   OR position(%(short)s IN name) > 0) AS here) h"
        "  WHERE there OR here ORDER BY here DESC, there DESC, merchant_code, store_no"
        "  LIMIT %(limit)s) f ORDER BY here DESC, there DESC, merchant_code, store_no",
        {"said": said, "short": _short(said), "now": now, "limit": limit},
    )
    if rows and rows[0][0]:
        best = _store(rows[0][1:])
        found = around(tx, best.latitude, best.longitude, now, limit=limit + 1)
        others = [one for one in found if one.place != best.place]
        return [replace(one, meters=None) for one in (best, *others[: limit - 1])]
    return [_store(row[1:]) for row in rows]


def is_place(tx: Tx, said: str) -> bool:
    """Whether a message is nothing but the city, the street or the name of a partner store."""
    return bool(
        sql.rows(
            tx,
            f"SELECT 1 FROM ({_OPEN}) p WHERE %(said)s IN (p.city, p.city || '市')"
            " OR position(%(said)s IN p.name) > 0 OR position(%(said)s IN p.address) > 0 LIMIT 1",
            {"said": said},
        )
    )


def cities(tx: Tx) -> list[str]:
    """Where there are stores, the city with the most of them first."""
    rows = sql.rows(tx, f"SELECT city FROM ({_OPEN}) p GROUP BY city ORDER BY count(*) DESC, city")
    return [row[0] for row in rows]


def _short(said: str) -> str:
    """芙蓉 of 芙蓉区: addresses often leave the last character out. A single one says nothing."""
    short = _KIND.sub("", said)
    return short if len(short) > 1 else said


def _store(row: tuple[Any, ...]) -> NearStore:
    values = [*row[:-1], tuple(row[-1])]
    return NearStore(*values)
