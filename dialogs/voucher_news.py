"""What owners of vouchers are told unasked, or because somebody else has acted; owed, not sent.

runs_out, expired      by the clock               gift_received      to the friend
gift_came_back         to whoever had paid        gift_given         to whoever gives
"""

from __future__ import annotations

from datetime import datetime

from dialogs import offer_words, pages
from dialogs.delivery import Delivery
from dialogs.dialog import Saying
from menus.menus import Menus
from models import outbox, sending_policy, sql, subscribers
from models.base import Tx
from models.subscribers import Subscriber
from models.vouchers import giving
from models.vouchers.reminding import Due
from models.vouchers.vouchers import ISSUED, REFUNDED, Voucher
from sms.numbers import masked

UNKNOWN = "朋友"  # somebody without a number


def told(tx: Tx, menus: Menus, public_url: str, due: Due, now: datetime) -> bool:
    """Tell an owner that a voucher runs out or has expired, and whoever paid that points are back.

    False if nobody may be told.
    """
    owner = subscribers.get(tx, due.owner)
    voucher = due.voucher
    payer = giving.giver(tx, voucher)
    if voucher.state == REFUNDED:
        return payer is not None and came_back(tx, menus, public_url, voucher, payer[0], now)
    if voucher.state == ISSUED:
        saying = Saying(
            "vouchers.runs_out", {**_named(voucher, due.merchant), **_code(voucher)},
            page=pages.voucher(voucher.id),
        )  # fmt: skip
    else:
        # What a friend had paid goes back to the friend, who hears of it.
        back = voucher.refund_serial is not None and payer is None
        key = "vouchers.expired_back" if back else "vouchers.expired"
        saying = Saying(key, {**_named(voucher, due.merchant), "price": voucher.price_points})
        if payer is not None and voucher.refund_serial is not None:
            came_back(tx, menus, public_url, voucher, payer[0], now)
    return _owe(tx, menus, public_url, owner, saying, now)


def came_back(
    tx: Tx, menus: Menus, public_url: str, voucher: Voucher, payer: int, now: datetime
) -> bool:
    """Tell whoever had paid for a gift that the points are back."""
    saying = Saying(
        "vouchers.gift_came_back",
        {
            "title": offer_words.title(voucher.title), "price": voucher.price_points,
            "serial": voucher.refund_serial,
        },
    )  # fmt: skip
    return _owe(tx, menus, public_url, subscribers.get(tx, payer), saying, now)


def given(
    tx: Tx, menus: Menus, public_url: str, voucher: Voucher, *, giver: Subscriber,
    friend: Subscriber, now: datetime,
) -> None:  # fmt: skip
    """Tell both of a gift; `voucher` is the friend's."""
    merchant = sql.value(
        tx, "SELECT name FROM merchants WHERE code = %(code)s", {"code": voucher.merchant_code}
    )
    received = Saying(
        "gift.received",
        {**_named(voucher, merchant), **_code(voucher), "phone": _called(giver)},
        page=pages.voucher(voucher.id),
    )
    _owe(tx, menus, public_url, friend, received, now)
    confirmed = Saying(
        "gift.given", {"title": offer_words.title(voucher.title), "phone": _called(friend)}
    )
    _owe(tx, menus, public_url, giver, confirmed, now, category=sending_policy.ANSWER)


def _owe(
    tx: Tx, menus: Menus, public_url: str, who: Subscriber, saying: Saying, now: datetime,
    *, category: str = sending_policy.NOTICE,
) -> bool:  # fmt: skip
    if sending_policy.silence(who, category):
        return False
    queue = outbox.REPLY if category == sending_policy.ANSWER else outbox.BULK
    out = Delivery(
        tx, menus, public_url, who, "wechat", now, passive=False, category=category, queue=queue
    )
    owed_id = out.say(saying)
    out.flush()
    return owed_id is not None


def _named(voucher: Voucher, merchant: str) -> dict[str, object]:
    return {"title": offer_words.title(voucher.title), "shop": offer_words.shop(merchant)}


def _code(voucher: Voucher) -> dict[str, object]:
    return {
        "code": offer_words.code(voucher.short_code),
        "until": offer_words.last_day(voucher.valid_until),
    }


def _called(who: Subscriber) -> str:
    return masked(who.msisdn) if who.msisdn else UNKNOWN
