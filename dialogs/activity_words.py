"""Activities in words: when, where, and why somebody cannot; for chat, SMS and pages alike.

The keys stand in menus/texts/activities.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dialogs.naming import shortened
from models.activities.joining import NotPossible
from models.activities.looking import Seen
from models.activities.planning import Activity
from models.activities.tables import CAME, GOING, WAITING
from models.points import SHANGHAI
from sms.segments import units

# Longer ones are cut in a message: operators may write 30 and 60 letters.
TITLE_LETTERS, PLACE_LETTERS, LISTED_LETTERS = 12, 18, 9
LIST_UNITS = 89  # of a list, within two SMS
MOST_LISTED = {"sms": 4, "wechat": 8}
_WEEKDAYS = "一二三四五六日"

# Why (models/activities/joining.py) -> key.
REFUSED: Mapping[str, str] = {
    "unknown": "activities.unknown",
    "cancelled": "activities.was_cancelled",
    "closed": "activities.closed",
    "begun": "activities.begun",
    "unbound": "activities.unbound",
    "members_only": "activities.members_only",
    "premium_only": "activities.premium_only",
    "already": "activities.already",
    "already_waiting": "activities.already_waiting",
    "full": "activities.full",
    "full_now": "activities.full_now",
    "queue_full": "activities.queue_full",
    "not_signed_up": "activities.not_signed_up",
    "old_code": "checkin.old_code",
    "no_such_code": "checkin.no_such_code",
    "too_many_tries": "checkin.too_many_tries",
    "not_yet": "checkin.not_yet",
    "over": "checkin.over",
    "came": "checkin.came",
}
_NEWS = frozenset({"title", "when", "place"})
# Every key that is said from here, with the placeholders that are filled.
TEXTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(REFUSED.values(), frozenset[str]()),
    "activities.members_only": frozenset({"club"}),
    "activities.premium_only": frozenset({"club"}),
    "activities.already_waiting": frozenset({"turn"}),
    "activities.full": frozenset({"turn"}),
    "checkin.not_yet": frozenset({"when"}),
    # Unasked (dialogs/activity_news.py).
    "activities.moved_up": _NEWS | {"link"},
    "activities.changed": _NEWS | {"link"},
    "activities.called_off": frozenset({"title", "when", "because"}),
    "activities.no_place": frozenset({"title", "when"}),
    "activities.reminder": _NEWS | {"link"},
}


def not_possible(why: NotPossible) -> tuple[str, dict[str, Any]]:
    """(key, values) of the sentence that says why somebody cannot."""
    key, facts = REFUSED[why.why], dict(why.facts)
    if "opens_at" in facts:
        facts["when"] = when(facts["opens_at"])
    if "ahead" in facts:
        facts["turn"] = facts["ahead"] + 1
    if "name" in facts:
        facts["club"] = facts["name"]
    return key, {name: facts[name] for name in TEXTS[key]}


def when(at: datetime) -> str:
    """ "3月7日周六14:00", in China."""
    local = at.astimezone(SHANGHAI)
    weekday = _WEEKDAYS[local.weekday()]
    return f"{local.month}月{local.day}日周{weekday}{local.hour}:{local.minute:02d}"


def until(activity: Activity) -> str:
    """ "14:00到16:00", or with both days where it ends on another."""
    start, end = (at.astimezone(SHANGHAI) for at in (activity.starts_at, activity.ends_at))
    if start.date() != end.date():
        return f"{when(activity.starts_at)}到{when(activity.ends_at)}"
    return f"{when(activity.starts_at)}到{end.hour}:{end.minute:02d}"


def title(activity: Activity) -> str:
    """What it is called, as a message says it."""
    return shortened(activity.title, TITLE_LETTERS)


def facts(activity: Activity) -> tuple[str, str, str]:
    """What, when and where, as a message says it."""
    place = shortened(activity.place, PLACE_LETTERS)
    return title(activity), when(activity.starts_at), place


def state(seen: Seen) -> str:
    """How somebody stands there, in a word or two."""
    if seen.state == WAITING:
        return f"候补第{seen.ahead + 1}位"
    return {GOING: "已报名", CAME: "已签到"}.get(seen.state or "", "")


def room(activity: Activity) -> str:
    """Whether there is a place, in a word or two."""
    return f"余{activity.free}位" if activity.free else "已满"


def listed(found: Sequence[Seen], channel: str, *, mine: bool = False) -> list[str]:
    """A line for each with its own number, as many as two SMS hold or a screen shows.

    `mine`: not whether there is a place.
    """
    lines: list[str] = []
    for seen in found[: MOST_LISTED[channel]]:
        activity = seen.activity
        name = shortened(activity.title, LISTED_LETTERS if channel == "sms" else TITLE_LETTERS)
        how = state(seen) or ("" if mine else room(activity))
        line = f"{activity.id} {name}，{when(activity.starts_at)}" + (f"，{how}" if how else "")
        if channel == "sms" and lines and units("\n".join([*lines, line])) > LIST_UNITS:
            break
        lines.append(line)
    return lines
