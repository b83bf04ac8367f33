"""Granting: a voucher that the house pays for, such as a prize; its owner pays nothing.

The offer's points go from an account of the house, a budget, to the merchant's account, so that the
voucher is verified and settled like any other. Its owner has nothing to get back: it is not
refunded. Neither the offer's stock nor its limits count: who gives it has its own.
"""

from __future__ import annotations

from datetime import datetime

from models import points, sql
from models.base import HOUSE, Tx
from models.offers import terms
from models.offers.terms import NotOffered
from models.points import NEVER, POINTS, Cause
from models.subscribers import Subscriber
from models.vouchers import vouchers
from models.vouchers.redeeming import account, issue
from models.vouchers.vouchers import COLUMNS, ISSUED, Voucher


def grant(
    tx: Tx, who: Subscriber, offer_code: str, *, key: str, paid_by: str, channel: str,
    origin: str, now: datetime,
) -> Voucher:  # fmt: skip
    """Issue a voucher that the account `paid_by` of the house pays for. Who calls holds the person.

    The same key returns the first voucher again. Raises NotOffered("unknown"), and NotEnough when
    the account has not got the points.
    """
    found = sql.first(
        tx,
        f"SELECT {COLUMNS} FROM vouchers v WHERE v.subscriber_id = %(id)s AND v.key = %(key)s",
        {"id": who.id, "key": key},
    )
    if found is not None:
        return Voucher(*found)
    offer = terms.find(tx, offer_code)
    if offer is None:
        raise NotOffered("unknown")
    paid = points.move(
        tx, payer=HOUSE, payer_kinds=[paid_by], payee=HOUSE,
        payee_kind=account(offer.merchant_code), payee_expires_on=NEVER,
        points=offer.price_points, unit=POINTS, now=now,
        cause=Cause(f"voucher:{who.id}:{key}", "grant", channel, origin),
    )  # fmt: skip
    issued = issue(tx, who, offer, key=key, serial=paid.serial, now=now, paid_by=paid_by)
    vouchers.note(tx, issued, ISSUED, why="granted", by=origin, now=now)
    return issued


def take_back(tx: Tx, voucher: Voucher, *, now: datetime) -> int:
    """Give the points of a granted voucher that nobody used back to who paid; the serial."""
    cause = Cause(f"voucher-unused:{voucher.id}", "grant_back", "clock", f"voucher {voucher.id}")
    return points.move(
        tx, payer=HOUSE, payer_kinds=[account(voucher.merchant_code)], payee=HOUSE,
        payee_kind=voucher.paid_by or "", payee_expires_on=NEVER, points=voucher.price_points,
        unit=POINTS, cause=cause, now=now,
    ).serial  # fmt: skip
