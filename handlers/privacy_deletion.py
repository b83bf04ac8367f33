"""Deleting a person once two people have agreed: done, told, and noted, in one transaction."""

from __future__ import annotations

from datetime import datetime

from handlers import farewell
from menus.menus import Menus
from models import approvals, audit, subscribers
from models.approvals import Proposal
from models.audit import By
from models.base import Tx
from models.points.ledger import Cause
from models.privacy import erasure
from models.privacy.erasure import REASON, Erased, InTheWay
from models.privacy.obstacles import obstacles

KIND = "privacy_delete"  # of proposal


def subject(person: int) -> str:
    """How proposals and the audit name a person."""
    return f"subscriber:{person}"


def propose(tx: Tx, person: int, *, reason: str, by: By, now: datetime) -> Proposal:
    """Propose it. Raises InTheWay, NotDeletable, AlreadyProposed and LookupError."""
    erasure.deletable(tx, person)
    found = obstacles(tx, subscribers.family(tx, person), now)
    if found:
        raise InTheWay(found)
    return approvals.propose(
        tx, kind=KIND, subject=subject(person), payload={"subscriber": person}, reason=reason,
        by=by, now=now,
    )  # fmt: skip


def carry_out(
    tx: Tx, menus: Menus, proposal: Proposal, *, by: By, grace_days: int, now: datetime
) -> Erased:
    """Delete whom an approved proposal names. Raises InTheWay and NotDeletable: nothing is done."""
    person = int(proposal.payload["subscriber"])
    cause = Cause(f"privacy:{proposal.id}", REASON, "console", f"proposal {proposal.id}", by.login)
    erased = erasure.erase(
        tx, person, cause=cause, grace_days=grace_days, proposal_id=proposal.id, now=now
    )
    told = farewell.owe(tx, menus, erased, now)
    after = {
        "points": erased.points, "coins": erased.coins, "clubs": len(erased.clubs),
        "serial": erased.serial, "told": told is not None,
    }  # fmt: skip
    audit.write(
        tx, by, action="privacy.delete", subject=subject(person), after=after,
        reason=proposal.reason, now=now,
    )  # fmt: skip
    return erased
