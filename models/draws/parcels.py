"""Parcels: the person says where to, we send; what nobody claims in time is back in stock.

wants_address ──address──▶ to_send ──tracking number──▶ sent
     │  └─ reminded two days before the end
     └──────────▶ forfeited, and one more in stock
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import sql
from models.base import Tx
from models.draws import results, tables
from models.draws.results import WON, Won
from models.subscribers import Subscriber, lock_id

REMIND_BEFORE = timedelta(days=2)
FORGET_AFTER = timedelta(days=90)  # models/privacy/declared_draws.py says so, too
NAME_MOST, ADDRESS_MOST, CARRIER_MOST, TRACKING_MOST = 30, 200, 30, 40
ADDRESS_LEAST = 6
_PHONE = re.compile(r"\+?[0-9][0-9 -]{5,18}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes: as people write it on a form."""

    name: str
    phone: str
    address: str

    def wrong(self) -> dict[str, str]:
        """Field -> why it cannot be used: "missing", "long", "phone"."""
        found = {}
        for field, value, most in (
            ("name", self.name, NAME_MOST), ("address", self.address, ADDRESS_MOST),
        ):  # fmt: skip
            if not value.strip():
                found[field] = "missing"
            elif len(value.strip()) > most:
                found[field] = "long"
        if "address" not in found and len(self.address.strip()) < ADDRESS_LEAST:
            found["address"] = "missing"
        if not _PHONE.fullmatch(self.phone.strip()):
            found["phone"] = "phone"
        return found


class NoParcel(Exception):
    """This prize wants no address: it is none, or is sent, or forfeited: `state`."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the prize is {state}")
        self.state = state


def give_address(tx: Tx, who: Subscriber, result_id: int, address: Address, now: datetime) -> Won:
    """Keep where a parcel goes, also another one while it has not left. Who calls holds the person.

    Raises NoParcel, and ValueError for what Address.wrong() names.
    """
    if address.wrong():
        raise ValueError("not an address")
    won = results.won(tx, who, result_id, lock=True)
    if won is None or won.kind != "parcel":
        raise NoParcel("none")
    late = (
        won.state == tables.WANTS_ADDRESS and won.address_by is not None and now >= won.address_by
    )
    if late or won.state not in (tables.WANTS_ADDRESS, tables.TO_SEND):
        raise NoParcel(tables.FORFEITED if late else won.state)
    return _change(
        tx, won, now,
        "state = 'to_send', name = %(name)s, phone = %(phone)s, address = %(address)s",
        name=address.name.strip(), phone=address.phone.strip(), address=address.address.strip(),
    )  # fmt: skip


def sent(
    tx: Tx, *, subscriber_id: int, result_id: int, carrier: str, tracking: str, now: datetime
) -> Won:
    """Note that a parcel has left. Raises NoParcel, and ValueError without a tracking number."""
    if not tracking.strip() or not carrier.strip():
        raise ValueError("a carrier and a tracking number are needed")
    won = results.won(tx, lock_id(tx, subscriber_id), result_id, lock=True)
    if won is None or won.state != tables.TO_SEND:
        raise NoParcel(won.state if won else "none")
    return _change(
        tx, won, now, "state = 'sent', carrier = %(carrier)s, tracking = %(tracking)s",
        carrier=carrier.strip()[:CARRIER_MOST], tracking=tracking.strip()[:TRACKING_MOST],
    )  # fmt: skip


def to_send(tx: Tx, *, limit: int) -> list[Won]:
    """Parcels that can leave, the longest-waiting first."""
    rows = sql.rows(
        tx,
        f"SELECT {WON} FROM draw_deliveries w WHERE w.state = 'to_send'"
        " ORDER BY w.changed_at, w.result_id LIMIT %(limit)s",
        {"limit": limit},
    )
    return [Won(*row) for row in rows]


def to_remind(tx: Tx, now: datetime, limit: int) -> list[Won]:
    """Parcels without an address that will soon be forfeited, whose owners were not told yet."""
    return _wanting(
        tx, "w.reminded_at IS NULL AND w.address_by <= %(soon)s AND w.address_by > %(now)s",
        limit, now=now, soon=now + REMIND_BEFORE,
    )  # fmt: skip


def reminded(tx: Tx, won: Won, now: datetime) -> bool:
    """Note that the owner is told; False if that was noted already."""
    return bool(
        sql.change(
            tx,
            "UPDATE draw_deliveries SET reminded_at = %(now)s WHERE subscriber_id = %(id)s"
            " AND result_id = %(result)s AND reminded_at IS NULL AND state = 'wants_address'",
            {"now": now, "id": won.subscriber_id, "result": won.result_id},
        )
    )


def overdue(tx: Tx, now: datetime, limit: int) -> list[Won]:
    """Parcels whose time for an address is over."""
    return _wanting(tx, "w.address_by <= %(now)s", limit, now=now)


def forfeit(tx: Tx, won: Won, now: datetime) -> Won | None:
    """Put an unclaimed prize back into stock; None if it was claimed meanwhile."""
    lock_id(tx, won.subscriber_id)  # first the person, then what is theirs
    changed = sql.first(
        tx,
        "UPDATE draw_deliveries w SET state = 'forfeited', changed_at = %(now)s"
        " WHERE subscriber_id = %(id)s AND result_id = %(result)s AND state = 'wants_address'"
        f" AND address_by <= %(now)s RETURNING {WON}",
        {"now": now, "id": won.subscriber_id, "result": won.result_id},
    )
    if changed is None:
        return None
    sql.run(
        tx,
        "UPDATE draw_stock SET returned = returned + 1"
        " WHERE draw_code = %(code)s AND prize_code = %(prize)s",
        {"code": won.draw_code, "prize": won.prize_code},
    )
    return Won(*changed)


def forget(tx: Tx, now: datetime) -> int:
    """Delete where parcels went that were sent long ago. Returns how many."""
    return sql.change(
        tx,
        "UPDATE draw_deliveries SET name = NULL, phone = NULL, address = NULL"
        " WHERE state = 'sent' AND name IS NOT NULL AND changed_at < %(before)s",
        {"before": now - FORGET_AFTER},
    )


def _wanting(tx: Tx, where: str, limit: int, **values: object) -> list[Won]:
    rows = sql.rows(
        tx,
        f"SELECT {WON} FROM draw_deliveries w WHERE w.state = 'wants_address' AND {where}"
        " ORDER BY w.address_by, w.result_id LIMIT %(limit)s",
        {**values, "limit": limit},
    )
    return [Won(*row) for row in rows]


def _change(tx: Tx, won: Won, now: datetime, to: str, **values: object) -> Won:
    row = sql.one(
        tx,
        f"UPDATE draw_deliveries w SET {to}, changed_at = %(now)s"
        f" WHERE subscriber_id = %(id)s AND result_id = %(result)s RETURNING {WON}",
        {**values, "now": now, "id": won.subscriber_id, "result": won.result_id},
    )
    return Won(*row)
