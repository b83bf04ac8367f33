"""What is true of the ledger after anything, and people with points to begin with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from models import points
from models.base import Tx
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
    """Nothing came from nowhere; accounts are what legs made them; holds hold what they say."""
    assert (
        rows(store, "SELECT unit FROM points_accounts GROUP BY unit HAVING sum(balance) <> 0") == []
    )
    wrong = rows(
        store,
        "WITH sides AS ("
        " SELECT payer_id id, unit, payer_kind kind, payer_expires_on on_day, payer_stripe stripe,"
        "        payer_leg leg, -points points FROM points_legs UNION ALL"
        " SELECT payee_id, unit, payee_kind, payee_expires_on, payee_stripe, payee_leg, points"
        " FROM points_legs), sums AS ("
        " SELECT id, unit, kind, on_day, stripe, sum(points) points, count(DISTINCT leg) legs"
        " FROM sides GROUP BY id, unit, kind, on_day, stripe)"
        " SELECT a.* FROM points_accounts a LEFT JOIN sums s"
        " ON (s.id, s.unit, s.kind, s.on_day, s.stripe)"
        "  = (a.subscriber_id, a.unit, a.kind, a.expires_on, a.stripe)"
        " WHERE (a.balance, a.legs) <> (coalesce(s.points, 0), coalesce(s.legs, 0))",
    )
    assert wrong == []
    astray = rows(
        store,
        "SELECT * FROM (SELECT coalesce(s.merged_into, s.id) id, h.unit, l.payee_kind kind,"
        "  l.payee_expires_on expires_on, sum(l.points) points"
        "  FROM points_holds h JOIN subscribers s ON s.id = h.subscriber_id"
        "  JOIN points_legs l ON l.serial = h.serial WHERE h.state = 'held' GROUP BY 1, 2, 3, 4) h"
        " FULL JOIN (SELECT subscriber_id id, unit, kind, expires_on, balance FROM points_accounts"
        "  WHERE kind LIKE 'held%%' AND balance <> 0 AND subscriber_id <> 0) a"
        " USING (id, unit, kind, expires_on) WHERE points IS DISTINCT FROM balance",
    )
    assert astray == []
