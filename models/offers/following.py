"""A merchant's offers follow it: off while it is not open or rated B-, and on again afterwards.

So an offer that is `live` may be taken, and whoever lists offers need not ask about merchants.
"""

from __future__ import annotations

from datetime import datetime

from models import catalogue, sql
from models.audit import By
from models.base import Tx
from models.offers import happening
from models.offers.terms import ENDED, LIVE, PARTNER, PAUSED, RATING


def barred(tx: Tx, merchant_code: str) -> str | None:
    """Why no offer of this merchant may be live now: "partner", "rating", or None.

    The merchant is held until the end of the transaction.
    """
    state, rating = sql.one(
        tx,
        "SELECT state, rating FROM merchants WHERE code = %(code)s FOR NO KEY UPDATE",
        {"code": merchant_code},
    )
    if state != catalogue.OPEN:
        return PARTNER
    return RATING if rating == catalogue.RATINGS[-1] else None


def follow(tx: Tx, merchant_code: str, *, why: str, by: By, now: datetime) -> None:
    """Bring a merchant's offers to where the merchant is now."""
    bar = barred(tx, merchant_code)
    gone = sql.value(
        tx, "SELECT state = 'ended' FROM merchants WHERE code = %(code)s", {"code": merchant_code}
    )
    rows = sql.rows(
        tx,
        "SELECT code, state, paused_for FROM offers WHERE merchant_code = %(code)s"
        " AND state <> 'ended' ORDER BY code FOR NO KEY UPDATE",
        {"code": merchant_code},
    )
    for code, state, paused_for in rows:
        mine = paused_for in (PARTNER, RATING)
        if gone:
            _put(tx, code, ENDED, None)
            happening.note(tx, code, happening.ENDED, why=why, by=by, now=now)
        elif bar and state == LIVE:
            _put(tx, code, PAUSED, bar)
            happening.note(
                tx, code, happening.PAUSED, why=why, by=by, now=now, after={"paused_for": bar}
            )
        elif bar and mine and paused_for != bar:
            _put(tx, code, PAUSED, bar)
            happening.note(
                tx, code, happening.PAUSED, why=why, by=by, now=now,
                before={"paused_for": paused_for}, after={"paused_for": bar},
            )  # fmt: skip
        elif not bar and mine:
            _put(tx, code, LIVE, None)
            happening.note(
                tx, code, happening.RESUMED, why=why, by=by, now=now,
                before={"paused_for": paused_for},
            )  # fmt: skip


def _put(tx: Tx, code: str, state: str, paused_for: str | None) -> None:
    sql.run(
        tx,
        "UPDATE offers SET state = %(state)s, paused_for = %(paused_for)s WHERE code = %(code)s",
        {"code": code, "state": state, "paused_for": paused_for},
    )
