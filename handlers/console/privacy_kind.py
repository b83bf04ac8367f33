"""What approving a deletion does, and what the approver sees before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers import privacy_deletion
from handlers.console.privacy_words import obstacle_words
from handlers.console.visit import CannotApply, Parts
from handlers.console.words import _
from models import clubs, outbox, points, subscribers
from models.approvals import PROPOSED, Proposal
from models.audit import By
from models.base import Tx
from models.privacy import erasure
from models.privacy.erasure import InTheWay, NotDeletable
from models.privacy.obstacles import obstacles


def apply(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Delete the person. Raises CannotApply."""
    grace = parts.settings.points.refund_grace_days
    try:
        privacy_deletion.carry_out(tx, parts.live(), proposal, by=by, grace_days=grace, now=now)
    except InTheWay as unfinished:
        first = obstacle_words(unfinished.obstacles[0])
        raise CannotApply(first) from unfinished
    except NotDeletable as gone:
        raise CannotApply(_("这个编号已经删除，或已并入别的账户")) from gone


def after_commit(parts: Parts, proposal: Proposal) -> None:
    """Have the last message sent, and BOSS and WeChat told."""
    parts.nudges((outbox.REPLY, outbox.CALL))


def details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """What would be lost, what stands in the way, or what was done."""
    person, now = int(proposal.payload["subscriber"]), parts.now()
    done = erasure.get(tx, person)
    if done is not None or proposal.state != PROPOSED:
        return {"done": done, "in_the_way": [], "has": None}
    who = subscribers.get(tx, person)
    found = obstacles(tx, subscribers.family(tx, person), now)
    has = {
        unit: points.balance(tx, who, now=now, expiring_days=1, unit=unit).total
        for unit in (points.POINTS, points.COINS)
    }
    return {
        "done": None,
        "has": has,
        "clubs": [club.name for club in clubs.joined(tx, who)],
        "in_the_way": [obstacle_words(each) for each in found],
    }
