"""An entry of the timeline as a page draws it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What happened, in words; all of it is text, for the template to escape."""

    at: datetime
    source: str
    title: str
    lines: tuple[str, ...] = ()  # what was said, or why
    reply: str = ""
    note: str = ""  # small print
    state: str = ""
    colour: str = "grey"
    link: str = ""
    link_words: str = ""
    amount: int | None = None
    unit: str = ""
