"""What agents and their customers say and hear: an order read, and news of how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dialogs import notices
from dialogs.dialog import Talk
from menus.menus import Menus
from models.agents import register
from models.agents.ordering import ANSWER_WITHIN, Order
from models.base import Tx
from sms.numbers import NotANumber, masked, msisdn

KIND = "service"
ANSWER_MINUTES = int(ANSWER_WITHIN.total_seconds()) // 60
# Every key, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    "agent.done": frozenset({"phone", "title", "points", "serial"}),
    "agent.declined": frozenset({"phone"}),
    "agent.lapsed": frozenset({"phone"}),
    "agent.not_done": frozenset({"phone"}),
    "agent.looked": frozenset({"phone", "have", "offers"}),
    "agent.looked_nothing": frozenset({"phone", "have"}),
    # Chosen by why an order is not taken.
    "agent.needs_pin": frozenset({"most"}),
    "agent.no_pin": frozenset({"most"}),
    "agent.wrong_pin": frozenset(),
    "agent.pin_locked": frozenset(),
    "agent.pin_unknown": frozenset(),
    "agent.oneself": frozenset(),
    "agent.related": frozenset(),
    "agent.bound": frozenset(),
    "agent.no_asks_left": frozenset(),
    "agent.declined_often": frozenset(),
    # Chosen by why an agent may not work.
    "agent.suspended": frozenset(),
    "agent.branch_suspended": frozenset(),
    "agent.dormant": frozenset(),
    "agent.busy": frozenset(),
    "agent.often": frozenset(),
    "agent.no_deals_left": frozenset(),
    "agent.no_points_left": frozenset(),
}


def for_customer(talk: Talk) -> dict[str, str] | None:
    """The notes of an agent's order, of what stands behind 兑换; None for anybody else.

    Then it is read as it always was: as one number, whatever blanks are in it.
    """
    offer, second = talk.notes["offer"], talk.notes.pop("second", None)
    pin = talk.notes.pop("pin", None)
    number = mobile(offer)
    if number is not None and register.of(talk.tx, talk.subscriber.id) is not None:
        order = {"customer": number, "offer": second, "pin": pin}
        return {name: note for name, note in order.items() if note is not None}
    talk.notes["offer"] = f"{offer}{second or ''}{pin or ''}"
    return None


def mobile(typed: str) -> str | None:
    """A mobile number as E.164, or None where it is none."""
    try:
        return msisdn(typed)
    except NotANumber:
        return None


def told(
    tx: Tx, menus: Menus, order: Order, key: str, /, *, phone: str | None, now: datetime,
    **values: Any,
) -> None:  # fmt: skip
    """Tell the agent how an order has ended; `phone` is the customer's."""
    notices.answer(
        tx, menus, order.agent_id, key, kind=KIND, now=now, phone=masked(phone or ""), **values
    )
