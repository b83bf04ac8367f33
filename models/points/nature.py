"""What a transfer was, told by its legs: a gift, an issue, a spending, and what cannot be undone.

person ─▶ person   gift, merge          house ─▶ person   issue, refund
person ─▶ house    spending, expiry     person ─▶ itself  hold, release
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models import sql
from models.base import HOUSE, Tx
from models.points.accounts import EXPIRED, FORFEITED
from models.points.ledger import Leg, legs_of

GIFT, ISSUE, SPENDING = "gift", "issue", "spending"
REFUND, REVERSAL, EXCHANGE, EXPIRY = "refund", "reversal", "exchange", "expiry"
HOLD, MERGE, OTHER = "hold", "merge", "other"


@dataclass(frozen=True, slots=True)
class Nature:
    """A transfer and what it was; `onward` are the legs that took points to somebody else."""

    serial: int
    what: str
    reason: str
    channel: str
    origin: str
    operator: str | None
    rule: str | None
    key: str
    at: datetime
    legs: tuple[Leg, ...]

    @property
    def onward(self) -> list[Leg]:
        return _onward(self.legs)

    @property
    def points(self) -> int:
        """How many went to somebody else."""
        return sum(leg.points for leg in self.onward)

    @property
    def payer(self) -> int:
        """Whose points went on, where `what` says that it was one person or the house."""
        return self.onward[0].payer.owner

    @property
    def payee(self) -> int:
        return self.onward[0].payee.owner


class NoSuchTransfer(Exception):
    """No transfer has this serial number."""

    def __init__(self, serial: int) -> None:
        super().__init__(f"there is no transfer {serial}")


def nature(tx: Tx, serial: int) -> Nature:
    """What the transfer with this serial number was. Raises NoSuchTransfer."""
    row = sql.first(
        tx,
        "SELECT t.reason, t.channel, t.origin, t.operator, t.rule, t.key, t.at,"
        " EXISTS (SELECT 1 FROM points_reversals r WHERE r.serial = t.serial),"
        " EXISTS (SELECT 1 FROM points_refunds r WHERE r.serial = t.serial)"
        " FROM points_transfers t WHERE t.serial = %(serial)s",
        {"serial": serial},
    )
    if row is None:
        raise NoSuchTransfer(serial)
    reason, channel, origin, operator, rule, key, at, is_reversal, is_refund = row
    legs = tuple(legs_of(tx, serial))
    if is_reversal or is_refund:
        what = REVERSAL if is_reversal else REFUND
    else:
        what = MERGE if reason == "merge" else _what(legs)
    return Nature(serial, what, reason, channel, origin, operator, rule, key, at, legs)


def lock(tx: Tx, serial: int) -> None:
    """Let nobody else undo this transfer, or a part of it, until the transaction ends."""
    sql.run(
        tx,
        "SELECT 1 FROM points_transfers WHERE serial = %(serial)s FOR NO KEY UPDATE",
        {"serial": serial},
    )


def _onward(legs: tuple[Leg, ...]) -> list[Leg]:
    return [leg for leg in legs if leg.payer.owner != leg.payee.owner]


def _what(legs: tuple[Leg, ...]) -> str:
    onward = _onward(legs)
    if len({leg.unit for leg in legs}) > 1:
        return EXCHANGE
    if not onward:
        return HOLD if any(leg.payer.owner != HOUSE for leg in legs) else OTHER
    if len({leg.payer.owner for leg in onward}) > 1 or len({leg.payee.owner for leg in onward}) > 1:
        return OTHER
    from_house, to_house = onward[0].payer.owner == HOUSE, onward[0].payee.owner == HOUSE
    if from_house:
        return ISSUE
    if not to_house:
        return GIFT
    return EXPIRY if any(leg.payee.kind in (EXPIRED, FORFEITED) for leg in onward) else SPENDING
