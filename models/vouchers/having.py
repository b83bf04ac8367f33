"""What vouchers a person has, with the shop of each: those of people they took over included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import sql
from models.base import Tx
from models.subscribers import Subscriber
from models.vouchers.vouchers import COLUMNS, EXPIRED, ISSUED, NoSuchVoucher, Voucher

# A voucher of a subscriber belongs to whoever took that subscriber over.
_MINE = (
    "WITH RECURSIVE mine (id) AS (SELECT %(person)s::bigint UNION"
    " SELECT s.id FROM subscribers s JOIN mine ON s.merged_into = mine.id)"
)
_HELD = (
    f"{_MINE} SELECT {COLUMNS}, m.name, g.at IS NOT NULL,"
    " coalesce(coalesce(t.status, s.status) = 'deleted', false) FROM vouchers v"
    " JOIN mine ON mine.id = v.subscriber_id JOIN merchants m ON m.code = v.merchant_code"
    " LEFT JOIN voucher_gifts g"
    " ON g.to_subscriber_id = v.subscriber_id AND g.to_voucher_id = v.id"
    " LEFT JOIN subscribers s ON s.id = g.subscriber_id"
    " LEFT JOIN subscribers t ON t.id = s.merged_into"
)


@dataclass(frozen=True, slots=True)
class Held:
    """A voucher, the name of its merchant, whether somebody gave it, and is deleted by now."""

    voucher: Voucher
    merchant: str
    is_gift: bool
    giver_gone: bool

    def state(self, now: datetime) -> str:
        """Its state, "expired" also while the clock has not come round to it."""
        over = self.voucher.state == ISSUED and now >= self.voucher.valid_until
        return EXPIRED if over else self.voucher.state


@dataclass(frozen=True, slots=True)
class Use:
    """Where and when a voucher was used."""

    store: str
    at: datetime


def usable(tx: Tx, who: Subscriber, now: datetime, limit: int) -> list[Held]:
    """Those that can be used now, the soonest to run out first."""
    return _held(
        tx,
        "WHERE v.state = 'issued' AND v.valid_until > %(now)s"
        " ORDER BY v.valid_until, v.id LIMIT %(limit)s",
        {"person": who.id, "now": now, "limit": limit},
    )


def ended(tx: Tx, who: Subscriber, now: datetime, limit: int) -> list[Held]:
    """Those that cannot be used any more, the newest first."""
    return _held(
        tx,
        "WHERE v.state <> 'issued' OR v.valid_until <= %(now)s ORDER BY v.id DESC LIMIT %(limit)s",
        {"person": who.id, "now": now, "limit": limit},
    )


def one(tx: Tx, who: Subscriber, voucher_id: int) -> Held:
    """One of theirs. Raises NoSuchVoucher."""
    found = _held(tx, "WHERE v.id = %(id)s", {"person": who.id, "id": voucher_id})
    if not found:
        raise NoSuchVoucher
    return found[0]


def last_use(tx: Tx, voucher: Voucher) -> Use | None:
    """Where a voucher was used, or None."""
    row = sql.first(
        tx,
        "SELECT s.name, n.at FROM verifications n JOIN stores s USING (merchant_code, store_no)"
        " WHERE n.subscriber_id = %(subscriber)s AND n.voucher_id = %(id)s"
        " AND n.undone_at IS NULL",
        {"subscriber": voucher.subscriber_id, "id": voucher.id},
    )
    return Use(*row) if row else None


def _held(tx: Tx, where: str, values: Mapping[str, Any]) -> list[Held]:
    return [
        Held(Voucher(*columns), name, gift, gone)
        for *columns, name, gift, gone in sql.rows(tx, f"{_HELD} {where}", values)
    ]
