"""Vouchers sold and verified long enough ago to be stated, for tests of what merchants are owed."""

from __future__ import annotations

from datetime import datetime, timedelta

from models import points, sql
from models.base import Tx
from models.settlement.statements import Statement
from models.store import Store
from models.vouchers import redeeming, verifying
from models.vouchers.verifying import Till
from models.vouchers.vouchers import Voucher
from tests.models.conftest import newcomer
from workers.settlement_clock import Failed, make_due

PRICE = 900


def sell(
    tx: Tx, *, offer: str = "haircut", merchant: str = "jinxiu", at: datetime, count: int = 1,
    store_no: int = 1, face_fen: int = 4001,
) -> list[Voucher]:  # fmt: skip
    """So many vouchers taken and verified at this moment, a minute apart."""
    sql.run(
        tx,
        "UPDATE offers SET face_fen = %(face)s, price_points = %(price)s, price_fen = 0,"
        " club_code = NULL, pays_bp = 8500 WHERE code = %(offer)s",
        {"face": face_fen, "price": PRICE, "offer": offer},
    )
    found = []
    for number in range(count):
        moment = at + timedelta(minutes=number)
        who = newcomer(tx)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=PRICE, now=moment,
            expires_on=points.day_of(moment + timedelta(days=400)),
            cause=points.Cause(f"sold:{who.id}", "test", "sms", "tests"),
        )  # fmt: skip
        voucher = redeeming.redeem(
            tx, who, offer, key=f"m{who.id}", channel="wechat", origin="test", now=moment
        )
        till = Till(merchant, store_no, "staff:1")
        verifying.verify(tx, till, voucher.code, key="form", now=moment)
        found.append(voucher)
    return found


def state_all(store: Store, now: datetime) -> list[Statement]:
    """Make every statement that is due."""
    made = list(make_due(store, kind="half_month", now=now))
    assert not [one for one in made if isinstance(one, Failed)]
    return [one for one in made if isinstance(one, Statement)]
