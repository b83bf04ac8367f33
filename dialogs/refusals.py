"""Why somebody cannot take an offer, in plain words that say what to do instead.

NotOffered.why ─▶ text key and its values ─▶ menus/texts/redeem.yaml
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dialogs import offer_words
from menus.menus import Menus
from models.offers.terms import NotOffered
from models.vouchers.giving import NotGiven

Values = Mapping[str, Any]


def not_offered(why: NotOffered) -> tuple[str, dict[str, Any]]:
    """The key of the sentence, and what fills it."""
    fill = _VALUES.get(why.why)
    if fill is None:
        return "refused.not_live", {}
    return f"refused.{why.why}", dict(fill(why.facts))


def in_words(menus: Menus, why: NotOffered, *, channel: str = "wechat") -> str:
    """The sentence itself, for pages."""
    key, values = not_offered(why)
    return menus.text(key, channel=channel, **values)


def not_given(menus: Menus, why: NotGiven | NotOffered) -> str:
    """Why a voucher was not given to a friend: the same for the person who gives."""
    if isinstance(why, NotGiven):
        values = {"most": why.facts["most"]} if why.why == "limit" else {}
        return menus.text(_GIVING.get(why.why, "gift.ended"), channel="wechat", **values)
    return menus.text("gift.friend_may_not", channel="wechat")


def _nothing(_: Values) -> Values:
    return {}


def _named(facts: Values) -> Values:
    return {"club": facts["name"]}


def _limit(facts: Values) -> Values:
    return {"limit": facts["limit"]}


_VALUES: Mapping[str, Callable[[Values], Values]] = {
    "unknown": _nothing,
    "not_live": _nothing,
    "changed": _nothing,
    "sold_out": _nothing,
    "not_yet": lambda facts: {"from": offer_words.moment(facts["starts_at"])},
    "over": lambda facts: {"until": offer_words.moment(facts["ends_at"])},
    "weekday": lambda facts: {"days": offer_words.weekdays(facts["weekdays"])},
    "hour": lambda facts: {
        "hours": offer_words.hours(facts["from_minute"], facts["until_minute"])
    },
    "members_only": _named,
    "level": _named,
    "tier": lambda facts: {"tier": facts["name"]},
    "person_limit": _limit,
    "day_limit": _limit,
    "points": lambda facts: {
        "have": facts["have"], "price": facts["price"], "missing": facts["price"] - facts["have"],
    },
}  # fmt: skip
_GIVING: Mapping[str, str] = {
    "gift": "gift.was_gift",
    "oneself": "gift.oneself",
    "nobody": "gift.nobody",
    "limit": "gift.limit",
}

# Every key, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    "refused.unknown": frozenset(),
    "refused.not_live": frozenset(),
    "refused.changed": frozenset(),
    "refused.sold_out": frozenset(),
    "refused.not_yet": frozenset({"from"}),
    "refused.over": frozenset({"until"}),
    "refused.weekday": frozenset({"days"}),
    "refused.hour": frozenset({"hours"}),
    "refused.members_only": frozenset({"club"}),
    "refused.level": frozenset({"club"}),
    "refused.tier": frozenset({"tier"}),
    "refused.person_limit": frozenset({"limit"}),
    "refused.day_limit": frozenset({"limit"}),
    "refused.points": frozenset({"have", "price", "missing"}),
    "gift.ended": frozenset(),
    "gift.was_gift": frozenset(),
    "gift.oneself": frozenset(),
    "gift.nobody": frozenset(),
    "gift.limit": frozenset({"most"}),
    "gift.friend_may_not": frozenset(),
}
