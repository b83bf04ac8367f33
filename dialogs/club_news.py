"""What members are told of their memberships unasked, by the clock (menus/texts/club_news.yaml).

models/memberships/due.py: News ──▶ text key and its values ──▶ dialogs/notices.py
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from dialogs import club_words, notices, pages
from menus.menus import Menus
from models.base import Tx
from models.memberships import News
from models.subscribers import Subscriber

KIND = "clubs"
_CLUB = frozenset({"club"})
# Every key, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    "membership.ends": _CLUB | {"until", "price"},
    "membership.over": _CLUB | {"last", "price"},
    "membership.ended": _CLUB,
    "membership.premium_ends": _CLUB | {"until", "price"},
    "membership.premium_ends_earned": _CLUB | {"until"},
    "membership.premium_over": _CLUB | {"last", "price"},
    "membership.premium_over_earned": _CLUB | {"last"},
    "membership.premium_ended": _CLUB,
    "membership.premium_kept": _CLUB | {"until"},
    "membership.premium_reached": _CLUB | {"until", "link"},
    "membership.rest_ends": _CLUB | {"until"},
    "membership.rest_ended": _CLUB,
}


def told(tx: Tx, menus: Menus, who: Subscriber, news: News, now: datetime) -> bool:
    """Owe a member this news; False if nobody may be told."""
    key, values = words(news)
    page = pages.club(news.club.code) if "link" in TEXTS[key] else None
    return notices.tell(tx, menus, who, key, kind=KIND, now=now, page=page, **values) is not None


def words(news: News) -> tuple[str, dict[str, Any]]:
    """(key, values) of the sentence for some news."""
    key = f"membership.{news.what}"
    facts: dict[str, Any] = {"club": news.club.name, **news.facts}
    if "price" in facts:
        if facts["price"] is None and f"{key}_earned" in TEXTS:  # never paid for
            key = f"{key}_earned"
        facts["price"] = f"{facts['price']}积分" if facts["price"] else "免费"
    shown = {
        name: club_words.day(fact) if isinstance(fact, date) else fact
        for name, fact in facts.items()
    }
    return key, {name: shown[name] for name in TEXTS[key] - {"link"}}
