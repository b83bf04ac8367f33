"""When the clock may write to people who wait for nothing: by day, and not onto a backlog."""

from __future__ import annotations

from datetime import datetime

from models import outbox
from models.sending_policy import Policy
from models.store import Store

# While so many messages wait in the queue, no more are owed: they would ring late in the evening.
BACKLOG = 2000


def may_tell(policy: Policy, now: datetime) -> bool:
    """Whether a message that nobody waits for is welcome now: the night is the policy's."""
    return policy.quiet_ends(now) is None


def may_owe(store: Store, policy: Policy, now: datetime) -> bool:
    """Whether more such messages may be owed now."""
    return may_tell(policy, now) and not too_many_wait(store)


def too_many_wait(store: Store) -> bool:
    """Whether the queue of such messages is full for now."""
    return store.read(lambda tx: outbox.waiting(tx, outbox.BULK, most=BACKLOG)) >= BACKLOG
