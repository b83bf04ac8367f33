"""Putting an offer live, as a kind of approval: what is shown, and what approving does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers import offer_terms, offer_words
from handlers.console.offers import barred_words
from handlers.console.visit import CannotApply, Parts
from handlers.console.words import _
from models.approvals import Proposal
from models.audit import By
from models.base import Tx
from models.offers import uploads
from models.offers.agreed import Terms
from models.offers.happening import NoWay
from models.offers.uploads import Barred, ChangedSince


def apply(tx: Tx, parts: Parts, proposal: Proposal, by: By, now: datetime) -> None:
    """Put the offer live as it was proposed. Raises CannotApply."""
    payload = proposal.payload
    try:
        uploads.put_live(
            tx, _code(proposal), edition=payload["edition"], terms=payload["terms"],
            why=proposal.reason, by=by, now=now,
        )  # fmt: skip
    except (ChangedSince, NoWay) as since:
        raise CannotApply(_("优惠在提出之后改过了，请重新提出")) from since
    except Barred as bar:
        raise CannotApply(barred_words(bar)) from bar


def details(tx: Tx, parts: Parts, proposal: Proposal) -> Mapping[str, Any]:
    """The terms as they were proposed, and as a subscriber sees them."""
    found = uploads.get(tx, _code(proposal))
    known = offer_terms.known(tx, found.merchant_code)
    terms = Terms.read(proposal.payload["terms"])
    value_fen = terms.price_points * parts.settings.points.fen_per_1000 // 1000
    return {
        "offer": found,
        "terms": terms,
        "words": offer_words,
        "lines": offer_words.shown(terms, known),
        "seen": offer_words.shown(terms, known, inner=False),
        "value": offer_terms.yuan(value_fen),
        "pays": offer_terms.yuan(terms.face_fen * terms.pays // 10_000),
    }


def _code(proposal: Proposal) -> str:
    return proposal.subject.removeprefix("offer:")
