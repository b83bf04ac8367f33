"""Redeeming: points for a voucher, in one transaction: paid, counted and issued, or nothing.

No hold is needed, since nobody outside has to agree: the points go to the merchant's account in
the same commit that issues the voucher (what waits for a cinema or for BOSS holds them instead).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from models import clubs, points, sql
from models.base import Tx
from models.offers import stock, terms
from models.offers.terms import NotOffered, Offer
from models.points import SHANGHAI, Cause, NotEnough
from models.subscribers import Subscriber
from models.vouchers import reminding, vouchers
from models.vouchers.vouchers import COLUMNS, ISSUED, Voucher


def account(merchant_code: str) -> str:
    """The house's account of what a merchant's vouchers have cost in points."""
    return f"merchant:{merchant_code}"


def redeem(
    tx: Tx, who: Subscriber, offer_code: str, *, key: str, channel: str, origin: str,
    now: datetime, agreed: str | None = None,
) -> Voucher:  # fmt: skip
    """Pay for an offer and issue its voucher. The same key returns the first voucher again.

    `agreed` is what the person was shown (Offer.agreed). Raises NotOffered, which leaves nothing
    behind: "unknown", "changed" (what was shown holds no more), "points" (with what the person
    `have`), or what the offer's terms and stock say.
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
    if agreed is not None and agreed != offer.agreed:
        raise NotOffered("changed")
    terms.check(tx, offer, who, now)
    with tx.begin_nested():  # what has been counted and paid goes with a refusal
        return _take(tx, who, offer, key=key, channel=channel, origin=origin, now=now)


def _take(
    tx: Tx, who: Subscriber, offer: Offer, *, key: str, channel: str, origin: str, now: datetime
) -> Voucher:
    stock.count_person(tx, offer, who, now)
    try:
        paid = points.spend(
            tx, who, points=offer.price_points, into=account(offer.merchant_code), now=now,
            cause=Cause(f"voucher:{who.id}:{key}", "redeem", channel, origin),
        )  # fmt: skip
    except NotEnough as short:
        raise NotOffered("points", have=short.have, price=offer.price_points) from None
    issued = issue(tx, who, offer, key=key, serial=paid.serial, now=now)
    vouchers.note(tx, issued, ISSUED, why="redeemed", by=origin, now=now)
    if offer.club_code is not None:  # it counts towards premium
        clubs.look_again(tx, who.id, offer.club_code, now)
    stock.take(tx, offer)  # last, since everybody who wants this offer waits for it
    return issued


def issue(
    tx: Tx, who: Subscriber, offer: Offer, *, key: str, serial: int, now: datetime,
    paid_by: str | None = None,
) -> Voucher:  # fmt: skip
    """A new voucher, paid for by the transfer `serial`: the person's, or the house's `paid_by`."""
    until = _end_of_day(now, offer.valid_days)
    return vouchers.add(
        tx,
        {
            "id": who.id, "key": key, "offer": offer.code, "merchant": offer.merchant_code,
            "title": offer.title, "points": offer.price_points, "fen": offer.price_fen,
            "face": offer.face_fen, "pays": offer.pays_cents, "serial": serial, "now": now,
            "until": until, "remind": reminding.first(until, now), "paid_by": paid_by,
        },
    )  # fmt: skip


def _end_of_day(now: datetime, days: int) -> datetime:
    """The end, in China, of the day that is so many days away: what people take "30 days" for."""
    last = now.astimezone(SHANGHAI).date() + timedelta(days=days + 1)
    return datetime.combine(last, time(), SHANGHAI).astimezone(now.tzinfo)
