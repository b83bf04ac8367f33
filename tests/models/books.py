"""What is true of the ledger after anything, and people with points to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from models import points
from models.base import Tx
from models.points import verify
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer, rows

Lots = Mapping[tuple[str, date], int]


def rich(tx: Tx, lots: Lots, *, unit: str = points.POINTS) -> Subscriber:
    """Somebody new with these lots."""
    who = newcomer(tx)
    for number, ((kind, day), amount) in enumerate(lots.items()):
        points.issue(
            tx, who, kind=kind, points=amount, expires_on=day, unit=unit, now=NOON,
            cause=cause(f"begin:{who.id}:{number}"),
        )  # fmt: skip
    return who


def lots_of(store: Store, who: Subscriber, *, unit: str = points.POINTS) -> Lots:
    """What somebody has, held and expired lots included."""
    found = rows(
        store,
        "SELECT kind, expires_on, balance FROM points_accounts"
        " WHERE subscriber_id = %s AND unit = %s AND balance <> 0",
        who.id,
        unit,
    )
    return {(kind, day): balance for kind, day, balance in found}


def check(store: Store) -> None:
    """The proof of the whole ledger, of `ledger verify`: nothing breaks any rule."""
    with store.begin() as tx:
        report = verify.verify(tx)
    assert [check for check in report.checks if check.wrong] == []
