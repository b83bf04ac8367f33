"""Vouchers by the clock: what nobody used in time ends, and owners are told before and after.

Each batch is a transaction of its own; what is due next stands with each voucher, so a clock that
dies is followed by one that goes on where it was, and nobody is told twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import structlog

from dialogs import voucher_news
from dialogs.engine import Engine
from models.base import Tx
from models.store import Store, Unavailable
from models.vouchers import ending, reminding
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

EXPIRED_AT_ONCE = 100  # in one transaction, each of which holds its owner
TOLD_AT_ONCE = 100
BATCHES_A_TICK = 20


@dataclass(slots=True)
class VouchersClock:
    """Ends and tells."""

    store: Store
    engine: Engine
    grace_days: int  # of points that come back after their last day
    batch: int = EXPIRED_AT_ONCE
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts(
            "vouchers", {"expire": self._expire, "tell": self._tell}, batches=BATCHES_A_TICK
        )

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _expire(self, now: datetime) -> bool:
        """End a batch; whether there may be more."""
        batch = self.batch
        try:
            ended = self.store.run(
                lambda tx: ending.expire_due(tx, now, batch, grace_days=self.grace_days)
            )
        except Unavailable:  # perhaps longer than a statement may: fewer, after the pause
            self.batch = max(batch // 2, 1)
            raise
        self.batch = min(batch * 2, EXPIRED_AT_ONCE)
        if ended:
            log.info("vouchers expired", vouchers=ended)
        return ended == batch

    def _tell(self, now: datetime) -> bool:
        """Tell some owners; whether there may be more."""
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        told = self.store.run(lambda tx: self._tell_some(tx, now))
        if told:
            log.info("told of vouchers", people=told)
        return told is not None

    def _tell_some(self, tx: Tx, now: datetime) -> int | None:
        due = reminding.take(tx, now, TOLD_AT_ONCE)
        if due is None:
            return None
        menus = self.engine.menus()
        return sum(voucher_news.told(tx, menus, one, now) for one in due)
