"""What approving does, kind by kind: the one table. docs/console.md tells how to add a kind.

propose ─▶ somebody else looks (`show`) ─▶ approve and `apply`, one transaction ─▶ `after_commit`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from handlers import privacy_deletion
from handlers.console import (
    agent_money,
    broadcast,
    clubs,
    compensating,
    file_review,
    offer_kind,
    payments,
    privacy_kind,
    reversing,
)
from handlers.console.file_sets import DRAWS, MENUS, RULES, SURVEYS
from handlers.console.visit import Parts
from handlers.console.words import _
from models import compensations
from models.agents import budget, payouts
from models.approvals import Proposal
from models.audit import By
from models.base import Tx
from models.broadcasts import broadcast as broadcasts
from models.offers import uploads

Apply = Callable[[Tx, Parts, Proposal, By, datetime], None]
AfterCommit = Callable[[Parts, Proposal], None]
Details = Callable[[Tx, Parts, Proposal], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """`see`, `propose` and `decide` are permissions; `show` is a template that draws `proposal`
    and what `details` adds.

    `apply` does what was proposed and may raise CannotApply: then nothing has happened and the
    proposal stays open. `after_commit` is for the network; should it fail, it is told.
    """

    words: str
    see: str
    propose: str
    decide: str
    apply: Apply
    show: str
    after_commit: AfterCommit | None = None
    details: Details | None = None


def _push(parts: Parts, proposal: Proposal) -> None:
    parts.live.refresh()
    parts.publisher.push_live()


# kind -> what it is. Pages that propose stand in files of their own and must not import this one.
KINDS: dict[str, Kind] = {
    "reversal": Kind(
        words=_("撤销流水"), see="reversals.see", propose="reversals.propose",
        decide="reversals.approve", apply=reversing.apply, details=reversing.details,
        show="console/proposal_reversal.html",
    ),
    compensations.KIND: Kind(
        words=_("投诉补偿"), see="compensations.see", propose="compensations.propose",
        decide="compensations.approve", apply=compensating.apply, details=compensating.details,
        show="console/_compensation_proposal.html", after_commit=compensating.after_commit,
    ),
    MENUS.kind: Kind(
        MENUS.words, see="menus.see", propose="menus.propose", decide="menus.approve",
        apply=MENUS.apply, after_commit=_push, show="console/_files_proposed.html",
        details=partial(file_review.details, MENUS),
    ),
    RULES.kind: Kind(
        RULES.words, see="rules.see", propose="rules.propose", decide="rules.approve",
        apply=RULES.apply, show="console/_files_proposed.html",
        details=partial(file_review.details, RULES),
    ),
    DRAWS.kind: Kind(
        DRAWS.words, see="draws.see", propose="draws.propose", decide="draws.approve",
        apply=DRAWS.apply, show="console/_files_proposed.html",
        details=partial(file_review.details, DRAWS),
    ),
    SURVEYS.kind: Kind(
        SURVEYS.words, see="surveys.see", propose="surveys.propose", decide="surveys.approve",
        apply=SURVEYS.apply, show="console/_files_proposed.html",
        details=partial(file_review.details, SURVEYS),
    ),
    privacy_deletion.KIND: Kind(
        words=_("删除个人信息"),
        see="approvals.see",
        propose="privacy.propose",
        decide="privacy.approve",
        apply=privacy_kind.apply,
        show="console/_privacy_proposal.html",
        after_commit=privacy_kind.after_commit,
        details=privacy_kind.details,
    ),
    uploads.KIND: Kind(
        words=_("优惠上架"),
        see="offers.see",
        propose="offers.propose",
        decide="offers.approve",
        apply=offer_kind.apply,
        show="console/_offer_proposal.html",
        details=offer_kind.details,
    ),
    payments.KIND: Kind(
        words=_("付款"),
        see="payments.see",
        propose="payments.propose",
        decide="payments.approve",
        apply=payments.apply,
        show="console/_payment_proposal.html",
        details=payments.details,
    ),
    broadcasts.KIND: Kind(
        words=_("群发"),
        see="broadcasts.see",
        propose="broadcasts.propose",
        decide="broadcasts.approve",
        apply=broadcast.apply,
        show="console/_broadcast_proposal.html",
        details=broadcast.details,
    ),
    budget.KIND: Kind(
        words=_("佣金预算"), see="agents.see", propose="agents.fund", decide="agents.approve",
        apply=agent_money.apply_budget, details=agent_money.budget_details,
        show="console/_agent_budget_proposal.html",
    ),
    payouts.KIND: Kind(
        words=_("付佣金"), see="agents.see", propose="agents.pay", decide="agents.approve",
        apply=agent_money.apply_payout, details=agent_money.payout_details,
        show="console/_agent_payout_proposal.html",
    ),
    clubs.KIND: Kind(
        words=_("修改俱乐部"),
        see="clubs.see",
        propose="clubs.change",
        decide="clubs.approve",
        apply=clubs.apply,
        show="console/_club_proposal.html",
        details=clubs.details,
    ),
}  # fmt: skip
