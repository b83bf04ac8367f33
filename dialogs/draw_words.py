"""Draws in words: why somebody cannot draw, and what a prize means, for chat, SMS and pages alike.

The keys stand in menus/texts/draw.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dialogs import pages
from models.draws import tables
from models.draws.drawing import Drawn
from models.draws.people import NotDrawn, Standing
from models.points import day_of

# Why (models/draws/people.py) -> key.
REFUSED: Mapping[str, str] = {
    "unknown": "draw.unknown",
    "stopped": "draw.stopped",
    "not_yet": "draw.not_yet",
    "over": "draw.over",
    "unbound": "draw.unbound",
    "not_ready": "draw.not_ready",
    "members_only": "draw.members_only",
    "tier": "draw.tier",
    "day_limit": "draw.day_limit",
    "person_limit": "draw.person_limit",
    "no_chance": "draw.no_chance",
    "price": "draw.price_changed",
    "points": "draw.points",
}
# Kind of a prize -> key of what its winner reads.
WON: Mapping[str, str] = {
    "thanks": "draw.blank",
    "points": "draw.won_points",
    "coins": "draw.won_coins",
    "voucher": "draw.won_voucher",
    "data": "draw.won_data",
    "parcel": "draw.won_parcel",
}
_WON_FILLS = frozenset({"draw", "prize", "serial"})
# Every key, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(REFUSED.values(), frozenset[str]()),
    "draw.not_yet": frozenset({"day"}),
    "draw.members_only": frozenset({"clubs"}),
    "draw.tier": frozenset({"tier"}),
    "draw.day_limit": frozenset({"limit"}),
    "draw.person_limit": frozenset({"limit"}),
    "draw.price_changed": frozenset({"price"}),
    "draw.points": frozenset({"have", "price"}),
    "draw.blank": frozenset({"draw", "serial"}),
    "draw.won_points": _WON_FILLS,
    "draw.won_coins": _WON_FILLS,
    "draw.won_voucher": _WON_FILLS | {"link"},
    "draw.won_data": _WON_FILLS,
    "draw.won_parcel": _WON_FILLS | {"link", "until"},
    "draw.data_given": frozenset({"prize", "serial"}),
    "draw.data_refused": frozenset({"prize", "serial"}),
    "draw.data_instead": frozenset({"prize", "serial", "points"}),
    "draw.parcel_reminder": frozenset({"prize", "until", "link"}),
    "draw.parcel_sent": frozenset({"prize", "carrier", "tracking"}),
    "draw.parcel_forfeited": frozenset({"prize", "serial"}),
}

PRIZES = "/me/prizes"


def page_of(code: str) -> str:
    """The page where a draw is drawn."""
    return f"/draws/{code}"


def prize_page(result_id: int) -> str:
    """The page of one prize: its state, and the form for an address."""
    return f"{PRIZES}/{result_id}"


def serial(result_id: int) -> str:
    """A result's number, as people read it out."""
    return f"CJ{result_id}"


def not_drawn(why: NotDrawn) -> tuple[str, dict[str, Any]]:
    """(key, values) of the sentence that says why somebody cannot draw."""
    key = REFUSED[why.why]
    facts: dict[str, Any] = dict(why.facts)
    if "starts_at" in facts:
        facts["day"] = day(facts["starts_at"])
    if "clubs" in facts:
        facts["clubs"] = "、".join(facts["clubs"])
    return key, {name: facts[name] for name in TEXTS[key]}


def outcome(drawn: Drawn, title: str) -> tuple[str, dict[str, Any], str | None]:
    """(key, values, page) of what came of a draw that is called `title`."""
    key, won = WON[drawn.prize.kind], drawn.won
    facts = {"draw": title, "prize": drawn.prize.title, "serial": serial(drawn.result.id)}
    if won is not None and won.address_by is not None:
        facts["until"] = day(won.address_by)
    page = None
    if won is not None and "link" in TEXTS[key]:
        page = pages.voucher(won.voucher_id) if won.voucher_id else prize_page(won.result_id)
    return key, {name: facts[name] for name in TEXTS[key] - {"link"}}, page


def cost(standing: Standing) -> str:
    """What the next draw costs, within a list of draws."""
    if standing.chance == tables.FREE:
        return "今天免费"
    if standing.chance == tables.EARNED:
        return f"有{standing.chances}次机会"
    return f"{standing.price}积分" if standing.price else "暂无机会"


def day(at: datetime) -> str:
    """ "3月2日", by the calendar in China."""
    local = day_of(at)
    return f"{local.month}月{local.day}日"
