"""Words of places with accounts: Chinese in the code, English from console/english/*.po on demand.

`_` may be called when a module is read, too: it gives the Chinese then, and the frame asks again
when it draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po
from flask import g, has_app_context

from models.points import SHANGHAI

CHINESE, ENGLISH = LANGUAGES = ("zh", "en")
TAGS = {CHINESE: "zh-CN", ENGLISH: "en"}
FOLDER = Path(__file__).parents[1] / "console" / "english"


def _(chinese: str, /, **values: object) -> str:
    """The words in the language of whoever looks; {name} in them stands for a value."""
    words = english().get(chinese, chinese) if language() == ENGLISH else chinese
    return words.format(**values) if values else words


def language() -> str:
    """The language of this request: "zh" or "en"."""
    return str(g.get("office_language", CHINESE)) if has_app_context() else CHINESE


def speak(chosen: str) -> None:
    """Answer this request in `chosen`, or in Chinese if we do not know that language."""
    g.office_language = chosen if chosen in LANGUAGES else CHINESE


@cache
def english() -> Mapping[str, str]:
    """Chinese -> English, from all catalogues. Raises ValueError if two of them disagree."""
    found: dict[str, str] = {}
    for file in sorted(FOLDER.glob("*.po")):
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale=ENGLISH, abort_invalid=True)
        for message in catalogue:
            if not message.id or not message.string:
                continue
            chinese, words = str(message.id), str(message.string)
            if found.setdefault(chinese, words) != words:
                raise ValueError(f"{file.name}: {chinese!r} has another translation already")
    return found


def moment(at: datetime | None) -> str:
    """A time as one reads it in China, to the second; "" for none."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" if at else ""


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago that was, or when it will be, roughly."""
    if at is None:
        return _("从未")
    past = at <= now
    minutes = int(abs(now - at) / timedelta(minutes=1))
    if minutes < 1:
        return _("刚刚") if past else _("不到一分钟后")
    if minutes < 60:
        return _("{n} 分钟前", n=minutes) if past else _("{n} 分钟后", n=minutes)
    if minutes < 48 * 60:
        return _("{n} 小时前", n=minutes // 60) if past else _("{n} 小时后", n=minutes // 60)
    days = minutes // (24 * 60)
    return _("{n} 天前", n=days) if past else _("{n} 天后", n=days)


def day(on: date | None) -> str:
    """A day, "" for none."""
    return on.isoformat() if on else ""


def number(amount: int) -> str:
    """12,345."""
    return f"{amount:,}"
