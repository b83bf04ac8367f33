"""Words of the console: handlers/office/words.py, under the name that its pages use."""

from __future__ import annotations

from handlers.office.words import (
    CHINESE,
    ENGLISH,
    FOLDER,
    LANGUAGES,
    TAGS,
    _,
    ago,
    day,
    english,
    language,
    moment,
    number,
    speak,
)

__all__ = [
    "CHINESE",
    "ENGLISH",
    "FOLDER",
    "LANGUAGES",
    "TAGS",
    "_",
    "ago",
    "day",
    "english",
    "language",
    "moment",
    "number",
    "speak",
]
