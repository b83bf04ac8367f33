"""What somebody hears of an activity they signed up for: by the clock, in its transaction."""

from __future__ import annotations

from datetime import datetime

from dialogs import activity_words, notices, pages
from dialogs.naming import shortened
from menus.menus import Menus
from models.activities.planning import Activity
from models.activities.tables import CALLED_OFF, CHANGED, MOVED_UP
from models.activities.telling import News
from models.base import Tx

REASON_LETTERS = 40
KIND = "activities"


def told(tx: Tx, menus: Menus, news: News, now: datetime) -> None:
    """Owe the words: they have asked for a place, so it is an answer, but for having got none."""
    activity, who = news.activity, news.subscriber_id
    title, when, place = activity_words.facts(activity)
    page = pages.activity(activity.id)
    if news.what in (MOVED_UP, CHANGED):
        key = f"activities.{news.what}"
        notices.answer(
            tx, menus, who, key, kind=KIND, now=now, page=page, title=title, when=when, place=place
        )
    elif news.what == CALLED_OFF:
        notices.answer(
            tx, menus, who, "activities.called_off", kind=KIND, now=now, title=title, when=when,
            because=shortened(activity.why, REASON_LETTERS),
        )  # fmt: skip
    else:
        notices.tell(
            tx, menus, who, "activities.no_place", kind=KIND, now=now, title=title, when=when
        )  # fmt: skip


def reminder(tx: Tx, menus: Menus, who: int, activity: Activity, now: datetime) -> None:
    """Owe the reminder that it begins soon."""
    title, when, place = activity_words.facts(activity)
    notices.tell(
        tx, menus, who, "activities.reminder", kind=KIND, now=now,
        page=pages.activity(activity.id), title=title, when=when, place=place,
    )  # fmt: skip
