"""Attended: what somebody says who is with a person of ours, and what they are told of it.

no word of ours ──▶ models/handovers.py ──▶ the console's inbox · WeChat's own desk
the operator's answer ──▶ models/desk.py     an end by the clock or an operator ──▶ ended()
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from dialogs import notices
from dialogs.delivery import Delivery
from dialogs.dialog import HandingOver, Saying
from dialogs.inbound import Inbound
from dialogs.understanding import Met
from menus.menus import Menus
from models import handover_pictures, handovers, subscribers
from models.base import Tx
from models.handovers import Handover

# What is told without a dialog, with the placeholders that are filled (dialogs/catalog.py).
TEXTS: Mapping[str, frozenset[str]] = {
    "handover.passed_on": frozenset(),
    "handover.not_seen": frozenset(),
    "handover.picture": frozenset(),
    "handover.pictures_enough": frozenset(),
    "handover.no_more": frozenset(),
    "handover.closed": frozenset(),
    "handover.nobody_came": frozenset(),
}
# What the words of these dialogs ask is said to the person of ours instead, where one is there.
ANSWERED_BY_PEOPLE = frozenset({"answers"})
# By operators who end it, and by the clock; who has ended it themselves knows.
_TOLD = {handovers.BY_OPERATOR: "handover.closed", handovers.BY_CLOCK: "handover.nobody_came"}


def heard(out: Delivery, inbound: Inbound, rules: HandingOver) -> Met | None:
    """Pass on what was said, if a person of ours is there for it; None: nobody is.

    The first words are met with a sentence, the others with silence, as between people.
    """
    found = handovers.of(out.tx, out.who, out.now)
    if found is None:
        return None
    if found.at_wechat and out.channel == "wechat":
        out.to_wechats_desk = True
        return Met()
    words = inbound.value if inbound.kind in ("text", "voice") else ""
    no = handovers.hear(
        out.tx, found, kind=inbound.kind, words=words, key=inbound.key, lasts=rules.lasts,
        now=out.now,
    )  # fmt: skip
    if no is None:
        return Met(saying=Saying("handover.no_more", {}))
    if inbound.kind == "image":
        return Met(saying=_picture(out, found, no, inbound.value))
    if not words.strip():
        return Met(saying=Saying("handover.not_seen", {}))
    return Met(saying=Saying("handover.passed_on", {}) if no == 1 else None)


def _picture(out: Delivery, found: Handover, no: int, media_id: str) -> Saying | None:
    """Have a picture fetched, so that whoever is there sees it."""
    if not handover_pictures.want(out.tx, found, no, out.now):
        return Saying("handover.pictures_enough", {})
    given = {"handover": found.id, "person": found.subscriber_id, "no": no, "media_id": media_id}
    out.owe_call("wechat.picture_said", given, None)
    return Saying("handover.picture", {}) if no == 1 else None


def ended(tx: Tx, menus: Menus, found: Handover, *, by: str, now: datetime) -> None:
    """Tell a person that nobody of ours is with them any more, where they do not know it."""
    key = _TOLD.get(by)
    if key is None or found.at_wechat or (by == handovers.BY_CLOCK and found.operator_id):
        return
    who = subscribers.by_now(tx, found.subscriber_id)
    notices.answer(tx, menus, who, key, kind="service", now=now)
