"""What a proposal to reverse a transfer shows, and what approving it does (deciding.py)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dialogs import reasons
from handlers.console import person
from handlers.console.visit import CannotApply, Parts
from handlers.console.words import _, moment
from models import desk
from models.approvals import Proposal
from models.audit import By
from models.base import HOUSE, Tx
from models.points import nature, reversals
from models.points.lots import HouseShort


def apply(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Give the points back. Raises CannotApply: nothing has happened, the proposal waits."""
    grace = parts.settings.points.refund_grace_days
    try:
        desk.approve_reversal(tx, proposal, by=by, now=now, grace_days=grace)
    except reversals.AlreadyUsed as used:
        raise CannotApply(
            _("对方只剩 {left} 分（共 {points} 分）", left=used.left, points=used.points)
        ) from used
    except HouseShort as short:
        raise CannotApply(_("商户账户里已经不够，可能已经结算")) from short
    except reversals.NotReversible as no_way:
        raise CannotApply(_("双方已经是同一个账户")) from no_way
    except reversals.AlreadyDecided as decided:
        other = decided.reversal
        raise CannotApply(
            _("{when} 已由 {who} 处理过", when=moment(other.decided_at), who=other.decided_by)
        ) from decided
    except reversals.SamePerson as same:
        raise CannotApply(_("自己提出的，要由别人来审批")) from same


def details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """The transfer as who decides sees it."""
    transfer = nature.nature(tx, int(proposal.payload["serial"]))
    return {
        "transfer": transfer,
        "what": reasons.reason_words(parts.live(), transfer.reason),
        "payer": _side(tx, transfer.payer, transfer.onward[0].payer.kind),
        "payee": _side(tx, transfer.payee, transfer.onward[0].payee.kind),
    }


def _side(tx: Tx, owner: int, kind: str) -> str:
    """A person by the masked number, the house by the account."""
    return _("运营方账户 {kind}", kind=kind) if owner == HOUSE else person.called(tx, owner)
