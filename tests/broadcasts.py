"""Broadcasts for tests: drafts with numbers, approved by another, and clocks that run them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from models import approvals
from models.base import Tx
from models.broadcasts import acting, loading
from models.broadcasts.broadcast import Broadcast, get
from models.broadcasts.loading import Line, Wording
from models.broadcasts.queueing import Pacing
from models.sending_policy import Policy
from models.store import Store
from tests.models import operators
from workers.broadcasts_clock import BroadcastsClock

TEXT = "周末电影半价，会员凭积分兑换。退订回TD"
SAID = Wording("周末电影", TEXT, "【和生活圈】", parts=1, pace_s=100, fen_per_1000=4000)
NO_NIGHT = Policy(quiet_from=datetime.min.time(), quiet_until=datetime.min.time())


def numbers(count: int, start: int = 0) -> list[str]:
    return [f"+86137{start + place:08d}" for place in range(count)]


def draft(
    tx: Tx, to: Sequence[str], *, now: datetime, pace_s: int = 100, name: str = "周末电影"
) -> int:
    """A draft with all its numbers."""
    said = Wording(name, TEXT, "【和生活圈】", parts=1, pace_s=pace_s, fen_per_1000=4000)
    number = loading.create(
        tx, said, segment=None, source="list.csv", by=operators.COMMAND, now=now
    )
    loading.add(tx, number, [Line(line, one) for line, one in enumerate(to, 1)])
    loading.loaded(tx, number, by=operators.COMMAND, now=now)
    return number


def approved(tx: Tx, to: Sequence[str], *, now: datetime, pace_s: int = 100) -> int:
    """One that another person has approved."""
    number = draft(tx, to, now=now, pace_s=pace_s)
    proposer = operators.operator(tx, "operations", now=now)
    approver = operators.operator(tx, "approver", now=now)
    proposal = acting.propose(tx, number, reason="周末活动", by=operators.by(proposer), now=now)
    decided = approvals.approve(
        tx, proposal.id, by=operators.by(approver), because="好", now=now + timedelta(seconds=1)
    )
    acting.approve(tx, decided, now=now)
    return number


def running(tx: Tx, to: Sequence[str], *, now: datetime, pace_s: int = 100) -> int:
    """One that runs."""
    number = approved(tx, to, now=now, pace_s=pace_s)
    acting.start(tx, number, by=operators.COMMAND, now=now)
    return number


def clock(
    store: Store, *, policy: Policy = NO_NIGHT, ahead_s: float = 5.0, batch: int = 500
) -> BroadcastsClock:
    return BroadcastsClock(
        store, policy, Pacing(timedelta(seconds=ahead_s), batch), lambda queues: None
    )


def seen(store: Store, number: int) -> Broadcast:
    return store.read(lambda tx: get(tx, number))


def main(url: str) -> None:
    """A process that queues whatever runs, in small batches, until somebody kills it."""
    ticking = clock(Store(url, connections=2, patience_s=10), ahead_s=60, batch=7)
    while True:
        ticking.tick(datetime.now(UTC))


if __name__ == "__main__":
    main(sys.argv[1])
