"""What tests of merchants and their offers need: who acts, details, terms, an approval."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from models import approvals, points
from models.audit import By
from models.base import Tx
from models.merchants import partners, stores
from models.merchants.partners import Details, Merchant
from models.merchants.stores import Place
from models.offers import uploads
from models.offers.agreed import Terms
from models.offers.uploads import Upload
from tests.models.conftest import NOON
from tests.models.operators import operator

BY = By(None, "tests", "command", "", "")
PLACE = Place("一店", "五一大道1号", "长沙", 28.2, 112.9)
DETAILS = Details("清风茶馆", "food", "长沙", contact_name="陈先生", contact_tel="0731-88880000")
TERMS = Terms("盖碗茶一位", "service", 300, 3800)


def merchant(tx: Tx, code: str = "qingfeng", *, state: str = "open", **details: Any) -> Merchant:
    """A merchant that has come so far, with one store."""
    known = Details(**{"name": "清风茶馆", "category": "food", "city": "长沙", **details})
    partners.add(tx, code, known, why="", by=BY, now=NOON)
    stores.add(tx, code, PLACE, by=BY, now=NOON)
    way = {"negotiated": [], "signed": ["signed"], "open": ["signed", "open"],
           "paused": ["signed", "open", "paused"], "ended": ["ended"]}[state]  # fmt: skip
    for to in way:
        partners.move(tx, code, to=to, why="tests", by=BY, now=NOON)
    return partners.get(tx, code)


def offer(tx: Tx, code: str = "qingfeng", *, state: str = "live", **terms: Any) -> Upload:
    """An offer of this merchant's that has come so far."""
    known = Terms(**{"title": "盖碗茶一位", "kind": "service", "price_points": 300,
                        "face_fen": 3800, **terms})  # fmt: skip
    made = uploads.upload(tx, code, known, key=f"tests {terms}", by=BY, now=NOON)
    if state in ("edited", "confirmed", "live", "paused"):
        made = uploads.edit(tx, made.code, known, by=BY, now=NOON)
    if state in ("confirmed", "live", "paused"):
        made = uploads.confirm(
            tx, made.code, edition=made.edition, events=made.events, by=BY, now=NOON
        )
    if state in ("live", "paused"):
        made = go_live(tx, made)
    if state == "paused":
        made = uploads.pause(tx, made.code, why="tests", by=BY, now=NOON)
    if state == "sent_back":
        made = uploads.send_back(tx, made.code, why="tests", by=BY, now=NOON)
    return made


def go_live(tx: Tx, made: Upload) -> Upload:
    """Proposed by one, approved by another, and put on the shelf."""
    payload: dict[str, Any] = {"edition": made.edition, "terms": made.terms.plain()}
    approved(tx, made.code, payload)
    return uploads.put_live(
        tx, made.code, edition=made.edition, terms=payload["terms"], why="", by=BY, now=NOON
    )


def approved(tx: Tx, code: str, payload: dict[str, Any]) -> None:
    """A proposal to put an offer live, approved; nothing is applied."""
    one, other = (
        By(operator(tx, role, now=NOON).id, role, role, "", "")
        for role in ("operations", "approver")
    )
    made = approvals.propose(
        tx, kind="offer", subject=f"offer:{code}", payload=payload, reason="tests", by=one,
        now=NOON,
    )  # fmt: skip
    approvals.approve(tx, made.id, by=other, now=NOON)


def rich(tx: Tx, who: Any, has: int) -> None:
    """Points for somebody, good for a year."""
    points.issue(
        tx, who, kind=points.CONSUMPTION, points=has,
        cause=points.Cause(f"issue:{who.id}", "test", "sms", "tests"), now=NOON,
        expires_on=points.day_of(NOON + timedelta(days=400)),
    )  # fmt: skip
