"""The terms of an offer as people read them, and what differs between two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.offer_terms import (
    FIELDS,
    KIND_WORDS,
    LEVEL_WORDS,
    PAYS,
    Known,
    typed,
    weekdays_words,
    yuan,
)
from handlers.office.words import _
from models.offers.agreed import Terms
from models.offers.terms import EVERY_DAY

STATE_WORDS = {
    "uploaded": _("已上传，等运营看"),
    "edited": _("等商户确认"),
    "sent_back": _("已退回，等商户改"),
    "confirmed": _("商户已确认"),
    "live": _("上架中"),
    "paused": _("已暂停"),
    "ended": _("已结束"),
}
# As tags are coloured: of the console, and of the merchant's pages.
COLOURS = {
    "uploaded": "blue", "edited": "yellow", "sent_back": "orange", "confirmed": "turquoise",
    "live": "green", "paused": "grey", "ended": "grey",
}  # fmt: skip
TAGS = {
    "uploaded": "wait", "edited": "wait", "sent_back": "bad", "confirmed": "good", "live": "good",
}  # fmt: skip
PAUSED_WORDS = {
    "operations": _("运营暂停"),
    "merchant": _("商户要求暂停"),
    "partner": _("商户暂停合作"),
    "rating": _("商户评级为 B-"),
}
WHAT_WORDS = {
    "uploaded": _("上传"),
    "edited": _("修改"),
    "sent_back": _("退回"),
    "confirmed": _("确认"),
    "approved": _("审批上架"),
    "paused": _("暂停"),
    "resumed": _("恢复"),
    "revised": _("改为新版本"),
    "cut": _("减少总量"),
    "ended": _("结束"),
}
# Of Terms -> of what is typed.
_NAMES = {
    "title": "title", "kind": "kind", "about": "about", "price_points": "points",
    "price_fen": "yuan", "face_fen": "face", "pays_bp": PAYS, "starts_at": "starts",
    "ends_at": "ends", "weekdays": "weekdays", "from_minute": "hours", "until_minute": "hours",
    "total": "total", "per_person": "per_person", "per_person_day": "per_day",
    "club_code": "club", "level": "level", "tier": "tier", "stores": "stores",
    "valid_days": "valid", "refunds_expired": "refunds",
}  # fmt: skip


def price_words(terms: Terms) -> str:
    """500 分，or 500 分 + 15 元."""
    points = _("{n} 分", n=f"{terms.price_points:,}")
    return points + (" + " + _("{yuan} 元", yuan=yuan(terms.price_fen)) if terms.price_fen else "")


def shown(terms: Terms, known: Known, *, inner: bool = True) -> list[tuple[str, str]]:
    """What is agreed, line by line; without what only merchants and we know, if not `inner`."""
    words = read(terms, known)
    names = [name for name in (*FIELDS, PAYS) if inner or name not in ("face", PAYS, "total")]
    return [(named(name), words[name]) for name in names if words[name] and name != "title"]


def read(terms: Terms, known: Known) -> dict[str, str]:
    """Each thing that is typed, as it is read; "" where nothing was agreed."""
    words = typed(terms, known)
    any_days = terms.weekdays == EVERY_DAY
    return words | {
        "kind": _(KIND_WORDS[terms.kind]),
        "points": _("{n} 分", n=f"{terms.price_points:,}"),
        "weekdays": _("每天") if any_days else _days(terms.weekdays),
        "hours": _("全天") if words["hours"] == "全天" else words["hours"],
        "total": f"{terms.total:,}" if terms.total is not None else _("不限"),
        "per_person": words["per_person"] or _("不限"),
        "per_day": words["per_day"] or _("不限"),
        "club": known.clubs.get(terms.club_code, terms.club_code) if terms.club_code else "",
        "level": _(LEVEL_WORDS[terms.level]) if terms.level else "",
        "tier": known.tiers.get(terms.tier, terms.tier) if terms.tier else "",
        "stores": words["stores"] or _("全部门店"),
        "valid": _("{n} 天", n=terms.valid_days),
        "refunds": _("是") if terms.refunds_expired else _("否"),
        PAYS: f"{words[PAYS]}%",
    }


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any], current: Terms, known: Known
) -> list[tuple[str, str, str]]:
    """What an event changed, as (what, before, after): its documents hold only what differs."""
    whole = current.plain()
    names = {name for name in (*before, *after) if name in _NAMES}
    old = read(Terms.read(whole | {name: before.get(name) for name in names}), known)
    new = read(Terms.read(whole | {name: after.get(name) for name in names}), known)
    touched = {_NAMES[name] for name in names}
    return [
        (named(name), old[name] or "—", new[name] or "—")
        for name in (*FIELDS, PAYS)
        if name in touched and old[name] != new[name]
    ]


def named(name: str) -> str:
    """The words of something that is typed."""
    return _("结算比例") if name == PAYS else _(FIELDS[name])


def _days(days: int) -> str:
    return _(weekdays_words(days)) if days in (0b0011111, 0b1100000) else weekdays_words(days)
