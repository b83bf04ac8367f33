"""What a till owes the owner of a voucher: the news that it was used, and the question how it was.

till ──▶ tell ──▶ "already used, serial number ..." at once, by night too: it may be a theft
             └──▶ models/ratings.py ──the clock, after the time to take it back──▶ dialogs/rate.py
     ──▶ tell_undone ──▶ "it was not used after all", for whoever has heard that it was
"""

from __future__ import annotations

from datetime import datetime

from dialogs import notices
from dialogs.engine import Engine
from dialogs.naming import shortened, store_name
from models import outbox, ratings
from models.base import Tx
from models.vouchers import vouchers
from models.vouchers.verifying import Verification
from models.vouchers.vouchers import Voucher


def tell(tx: Tx, engine: Engine, used: Verification, now: datetime) -> frozenset[str]:
    """Owe the owner the news, in the transaction that verified; returns the queues to nudge.

    To be called for a verification that has just been made, not for one that a form sent again
    has found: who calls knows by `used.at == now`.
    """
    voucher = vouchers.get(tx, subscriber_id=used.subscriber_id, voucher_id=used.voucher_id)
    ratings.owe(tx, used, due_at=now + engine.rules.complaining.ask_rating_after)
    where = store_name(tx, used.merchant_code, used.store_no)
    return _say(tx, engine, "verified.used", used.subscriber_id, voucher, where, now)


def tell_undone(
    tx: Tx, engine: Engine, voucher: Voucher, store: str, now: datetime
) -> frozenset[str]:
    """Owe the owner the news that it was not used after all; returns the queues to nudge."""
    return _say(tx, engine, "verified.undone", voucher.subscriber_id, voucher, store, now)


def _say(
    tx: Tx, engine: Engine, key: str, who: int, voucher: Voucher, store: str, now: datetime
) -> frozenset[str]:
    # An answer to what the person has just done or, if it was somebody else, must know at once.
    notices.answer(
        tx, engine.menus(), who, key, kind="vouchers", now=now, title=shortened(voucher.title),
        serial=voucher.serial, store=shortened(store),
    )  # fmt: skip
    return frozenset({outbox.REPLY})
