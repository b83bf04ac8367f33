"""Merging: all that somebody known by openid alone had goes to the subscriber of the number.

    limits reached today and caps · what was taken of offers · lots, held ones too
    how many invitations counted
    months and the better tier · clubs · tasks done · activities
    the mailbox, and what either did not want
    stays with the row left behind, and is shown with the other: legs, holds, postings, history,
    vouchers, invitations, talks with a person of ours

What is open goes after its owner by itself: a hold ends for, and a refund or a reversal is made to
whoever took over (points/lots.py). Who comes a moment late with points for the source is refused by
the database (points.Merged) and finds the target when looking again.
"""

from __future__ import annotations

from datetime import datetime

from models import (
    handovers,
    mailbox,
    memberships,
    page_links,
    points,
    preferences,
    sql,
    tasks,
    tiers,
)
from models.activities import joining
from models.base import Tx
from models.draws import people as players
from models.earning import counters
from models.invitations import limits as invitations
from models.offers import stock
from models.points import gifts
from models.subscribers import Subscriber, subscribers


def merge(tx: Tx, *, source: Subscriber, target: Subscriber, origin: str, now: datetime) -> None:
    """Move what `source` has to `target`, once, and mark it merged; the caller holds both."""
    memberships.merge(tx, source=source, target=target, now=now)
    # In the order in which an event or a gift takes them: limits, lots, standings.
    counters.hold(tx, [source.id, target.id])
    gifts.hold_days(tx, [source.id, target.id], now=now)
    cause = points.Cause(f"merge:{source.id}", "merge", "wechat", origin)
    points.merge(tx, source=source, target=target, cause=cause, now=now)
    counters.merge(tx, source=source.id, target=target.id)
    stock.merge(tx, source=source.id, target=target.id)
    gifts.merge_days(tx, source=source.id, target=target.id, now=now)
    joining.merge(tx, source=source.id, target=target.id, now=now)
    tasks.merge(tx, source=source.id, target=target.id)
    invitations.merge(tx, source=source.id, target=target.id)
    handovers.merge(tx, source=source.id, target=target.id, now=now)
    players.merge(tx, source=source.id, target=target.id, today=points.day_of(now))
    if source.opted_out and not target.opted_out:
        tx.execute(
            subscribers.update().where(subscribers.c.id == target.id).values(opted_out_at=now)
        )
    preferences.merge(tx, source=source.id, target=target.id)
    mailbox.merge(tx, source=source.id, target=target.id)
    page_links.close_sessions_of(tx, source.id)
    _lead(tx, source.id, target.id)
    tiers.merge(tx, source=source.id, target=target.id, now=now)


def _lead(tx: Tx, source: int, target: int) -> None:
    """Mark the source merged; who led to it leads straight to the target, so nobody in two steps.

    The database refuses it while the source has a point.
    """
    values = {"source": source, "target": target}
    sql.change(
        tx,
        "UPDATE subscribers SET merged_into = %(target)s WHERE merged_into = %(source)s",
        values,
    )
    sql.change(
        tx,
        "UPDATE subscribers SET status = 'merged', merged_into = %(target)s WHERE id = %(source)s",
        values,
    )
