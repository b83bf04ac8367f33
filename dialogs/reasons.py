"""What a movement of points was, in a subscriber's words (menus/texts/points.yaml).

reason code ─▶ REASONS ─▶ text key ─▶ words

A reason that is not in the table is told by what happened: added, taken, expired, given, reserved.
A new reason needs a line here and a sentence there; `python app.py menus check` compares.
"""

from __future__ import annotations

from collections.abc import Mapping

from menus.menus import Menus
from models.points import history
from models.points.history import Line

EARNED = "earned"  # by a rule (models/earning/)
# The codes of points_transfers.reason.
REASONS: Mapping[str, str] = {
    "activation": "reason.activation",
    "activity": "reason.activity",
    "agent": "reason.agent",
    "birthday": "reason.birthday",
    "booking": "reason.booking",
    "campaign": "reason.campaign",
    "capture": "reason.redeem",
    "checkin": "reason.checkin",
    "club": "reason.club",
    "commission": "reason.commission",
    "compensation": "reason.compensation",
    "correction": "reason.correction",
    "draw": "reason.draw",
    "earn": "reason.earn",
    EARNED: "reason.earned",
    "exchange": "reason.exchange",
    "expired": "reason.expired",
    "forfeited": "reason.forfeited",
    "goodwill": "reason.goodwill",
    "hold": "reason.hold",
    "hold_expired": "reason.hold_expired",
    "import": "reason.import",
    "invite": "reason.invite",
    "merge": "reason.merge",
    "mall": "reason.mall",
    "phone_credit": "reason.phone_credit",
    "prize": "reason.prize",
    "recharge": "reason.recharge",
    "redeem": "reason.redeem",
    "refund": "reason.refund",
    "release": "reason.release",
    "reversal": "reason.reversal",
    "seed": "reason.seed",
    "survey": "reason.survey",
    "ticket": "reason.ticket",
    "tier": "reason.tier",
    "voucher": "reason.voucher",
}

GIVEN, RECEIVED = "reason.given", "reason.received"
GIVEN_AWAY, FROM_SOMEBODY = "reason.given_away", "reason.from_somebody"
ADDED, TAKEN = "reason.added", "reason.taken"
GIFTS, OTHERS = "reason.gifts", "reason.others"  # where many movements are summed up

# Every key, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(REASONS.values(), frozenset[str]()),
    **dict.fromkeys((GIVEN_AWAY, FROM_SOMEBODY, ADDED, TAKEN, GIFTS, OTHERS), frozenset[str]()),
    GIVEN: frozenset({"party"}),
    RECEIVED: frozenset({"party"}),
}


def words(menus: Menus, line: Line, *, party: str | None) -> str:
    """What this line was; `party` is the other person's number as it may be shown.

    What a rule gave has the rule's title, which says more than any reason.
    """
    if line.rule and line.reason == EARNED:
        return line.rule
    key = key_of(line, known=party is not None)
    values = {"party": party} if TEXTS[key] else {}
    return menus.text(key, channel="wechat", **values)


def reason_words(menus: Menus, reason: str) -> str:
    """What a reason is called where its movements are summed up, whichever way they went."""
    key = GIFTS if reason == history.GIFT else REASONS.get(reason, OTHERS)
    return menus.text(key, channel="wechat")


def key_of(line: Line, *, known: bool) -> str:
    """The key of the sentence for a line; `known`: whether the other person can be named."""
    if line.reason in REASONS:
        return REASONS[line.reason]
    if line.show == history.GIFT:
        if line.points < 0:
            return GIVEN if known else GIVEN_AWAY
        return RECEIVED if known else FROM_SOMEBODY
    if line.show == history.EXPIRY:
        return REASONS["expired"]
    if line.show == history.HOLD:
        return REASONS["hold" if line.held > 0 else "release"]
    return ADDED if line.points > 0 else TAKEN
