"""When owners are told that a voucher runs out, or has run out: each once, resumable.

    issued ──▶ 3 days before ──▶ 1 day before ──▶ (expired) ──▶ told so ──▶ never again
    a gift, refunded by the friend ──▶ whoever had paid is told ──▶ never again

`remind_at` of a voucher is the next moment; whoever tells moves it on in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models import sql
from models.base import Tx
from models.vouchers.vouchers import COLUMNS, EXPIRED, ISSUED, REFUNDED, Voucher

DAYS_BEFORE = (3, 1)


@dataclass(frozen=True, slots=True)
class Due:
    """A voucher whose owner is to be told something; `owner` is who has it now."""

    voucher: Voucher
    owner: int
    merchant: str


def first(valid_until: datetime, now: datetime) -> datetime | None:
    """When the owner of a voucher is first reminded; the first moment that is still to come."""
    moments = (valid_until - timedelta(days=days) for days in DAYS_BEFORE)
    return next((at for at in moments if at > now), None)


def take(tx: Tx, now: datetime, limit: int) -> list[Due] | None:
    """Vouchers whose owners are to be told, held and moved on; None when nothing is due.

    What has been used or ended meanwhile is moved on, too, and is not among them.
    """
    due = sql.rows(
        tx,
        f"SELECT {COLUMNS}, coalesce(s.merged_into, s.id), m.name FROM vouchers v"
        " JOIN subscribers s ON s.id = v.subscriber_id JOIN merchants m ON m.code = v.merchant_code"
        " WHERE v.remind_at <= %(now)s ORDER BY v.remind_at LIMIT %(limit)s"
        " FOR NO KEY UPDATE OF v SKIP LOCKED",
        {"now": now, "limit": limit},
    )
    found = [Due(Voucher(*columns), owner, name) for *columns, owner, name in due]
    for one in found:
        voucher = one.voucher
        following = first(voucher.valid_until, now) if voucher.state == ISSUED else None
        sql.run(
            tx,
            "UPDATE vouchers SET remind_at = %(at)s"
            " WHERE subscriber_id = %(subscriber)s AND id = %(id)s",
            {"at": following, "subscriber": voucher.subscriber_id, "id": voucher.id},
        )
    if not found:
        return None
    return [one for one in found if _is_news(one.voucher, now)]


def _is_news(voucher: Voucher, now: datetime) -> bool:
    return voucher.state in (EXPIRED, REFUNDED) or (
        voucher.state == ISSUED and now < voucher.valid_until
    )
