"""How an unused voucher ends: refunded to its lots at its owner's wish, or expired."""

from __future__ import annotations

from datetime import datetime

from models import sql, subscribers
from models.agents import commission
from models.base import Tx
from models.offers import stock, terms
from models.points import Cause, refunds
from models.subscribers import lock_id
from models.vouchers import giving, granting, vouchers
from models.vouchers.vouchers import COLUMNS, EXPIRED, ISSUED, REFUNDED, Voucher

GRANTED = "granted"
GIVER_GONE = "giver_gone"


class NotRefundable(Exception):
    """It has been used, has ended in another way, or nobody could be paid: `state`.

    GRANTED: it was a present of ours. GIVER_GONE: of somebody who has been deleted since; it can
    be used, and to give it back would help nobody.
    """

    def __init__(self, state: str) -> None:
        super().__init__(f"the voucher is {state}")
        self.state = state


def refund(
    tx: Tx, *, subscriber_id: int, voucher_id: int, by: str, channel: str, now: datetime,
    grace_days: int,
) -> Voucher:  # fmt: skip
    """Give the points of an unused voucher back. A voucher that was refunded stays as it is.

    Raises NotRefundable and NoSuchVoucher. One more of the offer can be taken afterwards.
    """
    owner = lock_id(tx, subscriber_id)  # first the person, then what is theirs
    voucher = vouchers.get(tx, subscriber_id=subscriber_id, voucher_id=voucher_id, lock=True)
    if voucher.state == REFUNDED:
        return voucher
    if voucher.paid_by is not None:
        raise NotRefundable(GRANTED)  # its owner has paid nothing
    if voucher.state != ISSUED or now >= voucher.valid_until:
        raise NotRefundable(voucher.state if voucher.state != ISSUED else EXPIRED)
    payer = giving.giver(tx, voucher)
    if payer is not None and not subscribers.still_there(tx, payer[0]):
        raise NotRefundable(GIVER_GONE)
    serial = _pay_back(tx, voucher, reason="refund", channel=channel, now=now, grace=grace_days)
    vouchers.note(
        tx, voucher, REFUNDED, why="refunded", by=by, now=now, refund_serial=serial,
        remind_at=now if payer else None,  # whoever had paid for a gift hears of it
    )  # fmt: skip
    offer = terms.find(tx, voucher.offer_code)
    if offer is not None:  # one more can be taken, by whoever took this one and whoever has it
        stock.give_back(tx, offer, subscriber_id=owner.id, taken_at=voucher.issued_at)
        if payer:
            stock.uncount(tx, offer, subscriber_id=payer[0], taken_at=payer[1])
    return vouchers.get(tx, subscriber_id=subscriber_id, voucher_id=voucher_id)


def expire_due(tx: Tx, now: datetime, limit: int, *, grace_days: int) -> int:
    """End what nobody used in time, of so many vouchers at most; returns of how many.

    Where the offer says so, the points go back to whoever paid them; the clock tells the owner
    (reminding.py). Vouchers at a till just now are left for later.
    """
    due = sql.rows(
        tx,
        f"SELECT {COLUMNS}, o.refunds_expired FROM vouchers v"
        " JOIN offers o ON o.code = v.offer_code JOIN subscribers s ON s.id = v.subscriber_id"
        " WHERE v.state = 'issued' AND v.valid_until <= %(now)s ORDER BY v.valid_until"
        " LIMIT %(limit)s FOR NO KEY UPDATE OF v, s SKIP LOCKED",
        {"now": now, "limit": limit},
    )
    for *columns, refunds_expired in due:
        voucher = Voucher(*columns)
        more: dict[str, object] = {"remind_at": now}
        if voucher.paid_by is not None:
            granting.take_back(tx, voucher, now=now)
        elif refunds_expired:
            more["refund_serial"] = _pay_back(
                tx, voucher, reason="voucher_expired", channel="clock", now=now, grace=grace_days
            )
        vouchers.note(tx, voucher, EXPIRED, why="not used in time", by="clock", now=now, **more)
    return len(due)


def _pay_back(
    tx: Tx, voucher: Voucher, *, reason: str, channel: str, now: datetime, grace: int
) -> int:
    commission.take_back(tx, voucher.serial, now)
    cause = Cause(f"voucher-refund:{voucher.id}", reason, channel, f"voucher {voucher.id}")
    return refunds.refund(tx, serial=voucher.serial, cause=cause, now=now, grace_days=grace).serial
