"""A merchant's stores: added, edited, closed. A closed one stays, for what was verified there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from models import sql
from models.audit import By
from models.base import Tx
from models.catalogue import OPEN
from models.merchants import partners
from models.offers.happening import said


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is. `city` "": the merchant's."""

    name: str
    address: str
    city: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Store:
    """A store as it is now."""

    merchant_code: str
    store_no: int
    closed_at: datetime | None
    place: Place

    @property
    def name(self) -> str:
        return self.place.name


class NoSuchStore(Exception):
    """The merchant has no store of this number, or it is closed."""


class Needed(Exception):
    """The store cannot be closed: an offer is taken there alone, people work there alone, or
    (neither) it is the last one."""

    def __init__(self, titles: list[str], people: int) -> None:
        super().__init__(", ".join(titles))
        self.titles, self.people = titles, people


_PLACE = ", ".join(field.name for field in fields(Place))


def of(tx: Tx, merchant_code: str, *, closed: bool = True) -> list[Store]:
    """A merchant's stores, by number; without those that are closed if not `closed`."""
    rows = sql.rows(
        tx,
        "SELECT s.merchant_code, s.store_no, s.closed_at, s.name, s.address,"
        " coalesce(s.city, m.city), s.latitude, s.longitude FROM stores s"
        " JOIN merchants m ON m.code = s.merchant_code WHERE s.merchant_code = %(code)s"
        " AND (%(closed)s OR s.closed_at IS NULL) ORDER BY s.store_no",
        {"code": merchant_code, "closed": closed},
    )
    return [Store(row[0], row[1], row[2], Place(*row[3:])) for row in rows]


def get(tx: Tx, merchant_code: str, store_no: int) -> Store:
    """A store that is open. Raises NoSuchStore."""
    for store in of(tx, merchant_code, closed=False):
        if store.store_no == store_no:
            return store
    raise NoSuchStore(merchant_code, store_no)


def add(tx: Tx, merchant_code: str, place: Place, *, by: By, now: datetime) -> int:
    """Add a store; returns its number. Raises NoSuchMerchant."""
    partners.get(tx, merchant_code, lock=True)  # so that numbers follow one another
    number = int(
        sql.value(
            tx,
            "INSERT INTO stores (merchant_code, store_no, name, address, city, latitude,"
            " longitude) SELECT %(code)s::varchar, coalesce(max(store_no), 0) + 1, %(name)s,"
            " %(address)s, nullif(%(city)s, ''), %(latitude)s, %(longitude)s FROM stores"
            " WHERE merchant_code = %(code)s::varchar RETURNING store_no",
            {"code": merchant_code, **asdict(place)},
        )
    )
    _note(tx, merchant_code, number, None, place, why="", by=by, now=now)
    return number


def edit(
    tx: Tx, merchant_code: str, store_no: int, place: Place, *, by: By, now: datetime
) -> None:  # fmt: skip
    """Write where a store is now. Raises NoSuchMerchant, NoSuchStore."""
    partners.get(tx, merchant_code, lock=True)
    before = get(tx, merchant_code, store_no).place
    sql.run(
        tx,
        "UPDATE stores SET name = %(name)s, address = %(address)s, city = nullif(%(city)s, ''),"
        " latitude = %(latitude)s, longitude = %(longitude)s"
        " WHERE merchant_code = %(code)s AND store_no = %(no)s",
        {"code": merchant_code, "no": store_no, **asdict(place)},
    )
    if before != place:
        _note(tx, merchant_code, store_no, before, place, why="", by=by, now=now)


def close(
    tx: Tx, merchant_code: str, store_no: int, *, why: str, by: By, now: datetime
) -> None:  # fmt: skip
    """Close a store. Raises NoSuchMerchant, NoSuchStore, Needed; ValueError without a reason."""
    why = said(why)
    merchant = partners.get(tx, merchant_code, lock=True)
    place = get(tx, merchant_code, store_no).place
    alone = sql.rows(
        tx,
        "SELECT o.title FROM offers o JOIN offer_stores here ON here.offer_code = o.code"
        " AND here.store_no = %(no)s WHERE o.merchant_code = %(code)s AND o.state <> 'ended'"
        " AND NOT EXISTS (SELECT 1 FROM offer_stores other JOIN stores s"
        "  ON s.merchant_code = other.merchant_code AND s.store_no = other.store_no"
        "  WHERE other.offer_code = o.code AND s.store_no <> %(no)s AND s.closed_at IS NULL)"
        " ORDER BY o.number",
        {"code": merchant_code, "no": store_no},
    )
    last = len(of(tx, merchant_code, closed=False)) == 1
    people = sql.value(
        tx,
        "SELECT count(*) FROM merchant_staff WHERE merchant_code = %(code)s AND store_no = %(no)s",
        {"code": merchant_code, "no": store_no},
    )
    if alone or people or (last and merchant.state == OPEN):
        raise Needed([title for (title,) in alone], people)
    sql.run(
        tx,
        "UPDATE stores SET closed_at = %(now)s WHERE merchant_code = %(code)s"
        " AND store_no = %(no)s",
        {"code": merchant_code, "no": store_no, "now": now},
    )
    _note(tx, merchant_code, store_no, place, None, why=why, by=by, now=now)


def _note(
    tx: Tx, code: str, no: int, before: Place | None, after: Place | None, *, why: str, by: By,
    now: datetime,
) -> None:  # fmt: skip
    partners.note(
        tx, code, "store", why=why, by=by, now=now, before=_plain(no, before),
        after=_plain(no, after),
    )  # fmt: skip


def _plain(no: int, place: Place | None) -> dict[str, Any] | None:
    return {"store_no": no, **asdict(place)} if place else None
