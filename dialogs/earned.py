"""Points that somebody got, and why, in the words of menus/texts/earning.yaml."""

from __future__ import annotations

from datetime import date

from dialogs.dialog import Talk
from menus.menus import Menus
from models.earning.postings import Explanation
from models.points import day_of

# The cap that took most away is the one that is told.
LESS = {
    "person_day": "earning.less_person_day",
    "person": "earning.less_person",
    "day": "earning.less_day",
}


def at_once(talk: Talk, points: int) -> str:
    """What {earned} in an answer says: the points for what was just done; nothing for none."""
    # Within a sentence that has its signature.
    return talk.menus.text("earning.at_once", channel="wechat", points=points) if points else ""


def because(menus: Menus, why: Explanation, *, channel: str = "wechat") -> str:
    """One sentence for the subscriber: for what, how many, until when, and why not more."""
    at = why.event.occurred_at if why.event else why.at
    values = {
        "day": _day(day_of(at)), "title": why.rule.title, "points": why.points,
        "until": _day(why.expires_on, year=True),
    }  # fmt: skip
    if why.short:
        reason = menus.text("earning.less_budget", channel=channel)
    elif why.cuts:
        cut = max(why.cuts, key=lambda each: each.points)
        reason = menus.text(LESS[cut.cap], channel=channel, limit=cut.limit)
    else:
        return menus.text("earning.because", channel=channel, **values)
    return menus.text(
        "earning.because_less", channel=channel, wanted=why.wanted, reason=reason, **values
    )


def _day(day: date, *, year: bool = False) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if year else f"{day.month}月{day.day}日"
