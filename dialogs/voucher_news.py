"""What owners of vouchers are told unasked, or because somebody else has acted; owed, not sent.

runs_out, expired      by the clock               gift_received      to the friend
gift_came_back         to whoever had paid        gift_given         to whoever gives
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dialogs import notices, offer_words, pages
from menus.menus import Menus
from models import sql
from models.base import Tx
from models.subscribers import Subscriber
from models.vouchers import giving
from models.vouchers.reminding import Due
from models.vouchers.vouchers import ISSUED, REFUNDED, Voucher
from sms.numbers import masked

UNKNOWN = "朋友"  # somebody without a number


def told(tx: Tx, menus: Menus, due: Due, now: datetime) -> bool:
    """Tell an owner that a voucher runs out or has expired, and whoever paid that points are back.

    False if there is nobody to tell.
    """
    voucher = due.voucher
    payer = giving.giver(tx, voucher)
    if voucher.state == REFUNDED:
        if payer is not None:
            came_back(tx, menus, voucher, payer[0], now)
        return payer is not None
    if voucher.state == ISSUED:
        notices.tell(
            tx, menus, due.owner, "vouchers.runs_out", kind="vouchers", now=now,
            page=pages.voucher(voucher.id), **_named(voucher, due.merchant), **_code(voucher),
        )  # fmt: skip
        return True
    # What a friend had paid goes back to the friend, who hears of it.
    back = voucher.refund_serial is not None and payer is None
    notices.tell(
        tx, menus, due.owner, "vouchers.expired_back" if back else "vouchers.expired",
        kind="vouchers", now=now, price=voucher.price_points, **_named(voucher, due.merchant),
    )  # fmt: skip
    if payer is not None and voucher.refund_serial is not None:
        came_back(tx, menus, voucher, payer[0], now)
    return True


def came_back(tx: Tx, menus: Menus, voucher: Voucher, payer: int, now: datetime) -> None:
    """Tell whoever had paid for a gift that the points are back."""
    notices.tell(
        tx, menus, payer, "vouchers.gift_came_back", kind="gifts", now=now,
        title=offer_words.title(voucher.title), price=voucher.price_points,
        serial=voucher.refund_serial,
    )  # fmt: skip


def given(
    tx: Tx, menus: Menus, voucher: Voucher, *, giver: Subscriber, friend: Subscriber,
    now: datetime,
) -> None:  # fmt: skip
    """Tell both of a gift; `voucher` is the friend's."""
    merchant = sql.value(
        tx, "SELECT name FROM merchants WHERE code = %(code)s", {"code": voucher.merchant_code}
    )
    notices.tell(
        tx, menus, friend, "gift.received", kind="gifts", now=now, page=pages.voucher(voucher.id),
        phone=_called(giver), **_named(voucher, merchant), **_code(voucher),
    )  # fmt: skip
    notices.answer(
        tx, menus, giver, "gift.given", kind="gifts", now=now,
        title=offer_words.title(voucher.title), phone=_called(friend),
    )  # fmt: skip


def _named(voucher: Voucher, merchant: str) -> dict[str, Any]:
    return {"title": offer_words.title(voucher.title), "shop": offer_words.shop(merchant)}


def _code(voucher: Voucher) -> dict[str, Any]:
    return {
        "code": offer_words.code(voucher.short_code),
        "until": offer_words.last_day(voucher.valid_until),
    }


def _called(who: Subscriber) -> str:
    return masked(who.msisdn) if who.msisdn else UNKNOWN
