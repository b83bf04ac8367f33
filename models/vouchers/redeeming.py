"""Redeeming: points for a voucher, in one transaction: paid, counted and issued, or nothing.

No hold is needed, since nobody outside has to agree: the points go to the merchant's account in
the same commit that issues the voucher (what waits for a cinema or for BOSS holds them instead).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from models import points, sql
from models.base import Tx
from models.offers import stock, terms
from models.offers.terms import NotOffered, Offer
from models.points import SHANGHAI, Cause, NotEnough
from models.subscribers import Subscriber
from models.vouchers import vouchers
from models.vouchers.vouchers import COLUMNS, ISSUED, Voucher


def account(merchant_code: str) -> str:
    """The house's account of what a merchant's vouchers have cost in points."""
    return f"merchant:{merchant_code}"


def redeem(
    tx: Tx, who: Subscriber, offer_code: str, *, key: str, channel: str, origin: str, now: datetime
) -> Voucher:
    """Pay for an offer and issue its voucher. The same key returns the first voucher again.

    Raises NotOffered, which leaves nothing behind: "unknown", "points" (with what the person
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
    issued = _issue(tx, who, offer, key=key, serial=paid.serial, now=now)
    vouchers.note(tx, issued, ISSUED, why="redeemed", by=origin, now=now)
    stock.take(tx, offer)  # last, since everybody who wants this offer waits for it
    return issued


def _issue(
    tx: Tx, who: Subscriber, offer: Offer, *, key: str, serial: int, now: datetime
) -> Voucher:
    code = vouchers.new_code()
    row = sql.one(
        tx,
        "WITH v AS (INSERT INTO vouchers (subscriber_id, key, offer_code, merchant_code, title,"
        " code, short_code, price_points, price_fen, face_fen, pays_cents, serial, issued_at,"
        " valid_until) VALUES (%(id)s, %(key)s, %(offer)s, %(merchant)s, %(title)s, %(code)s,"
        " %(short)s, %(points)s, %(fen)s, %(face)s, %(pays)s, %(serial)s, %(now)s, %(until)s)"
        " RETURNING *), looked_up AS (INSERT INTO voucher_codes (merchant_code, code,"
        " subscriber_id, voucher_id) SELECT v.merchant_code, each, v.subscriber_id, v.id"
        f" FROM v, unnest(ARRAY[v.code, v.short_code]) each) SELECT {COLUMNS} FROM v",
        {
            "id": who.id, "key": key, "offer": offer.code, "merchant": offer.merchant_code,
            "title": offer.title, "code": code, "points": offer.price_points,
            "short": vouchers.new_short_code(tx, offer.merchant_code), "fen": offer.price_fen,
            "face": offer.face_fen, "pays": offer.pays_cents, "serial": serial, "now": now,
            "until": _end_of_day(now, offer.valid_days),
        },
    )  # fmt: skip
    return Voucher(*row)


def _end_of_day(now: datetime, days: int) -> datetime:
    """The end, in China, of the day that is so many days away: what people take "30 days" for."""
    last = now.astimezone(SHANGHAI).date() + timedelta(days=days + 1)
    return datetime.combine(last, time(), SHANGHAI).astimezone(now.tzinfo)
