"""What is typed after a command: a day in China, and words that are kept with what was done."""

from __future__ import annotations

import re
from datetime import date

import click

# Days outside these are slips of the finger, and the first and the last days that a date can hold
# have no day beside them.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
AUTHOR_MAX, NOTE_MAX = 60, 500  # characters: of who publishes, and of why
# What PostgreSQL cannot keep (NUL, halves of characters), and what no line on a terminal needs.
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class _Day(click.ParamType[date]):
    """A day that a program can reckon with, whatever was typed."""

    name = "day"

    def convert(
        self, value: str | date, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        if isinstance(value, date):
            return value
        try:
            found = date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day such as 2026-11-22", param, ctx)
        if not FIRST_DAY <= found <= LAST_DAY:
            self.fail(f"{found} is not between {FIRST_DAY} and {LAST_DAY}", param, ctx)
        return found


class Words(click.ParamType[str]):
    """Something that is said, in one line, not longer than it can be kept."""

    name = "text"

    def __init__(self, most: int) -> None:
        self.most = most

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        said = value.strip()
        if not said or len(said) > self.most:
            self.fail(f"1 to {self.most} characters, please", param, ctx)
        if _UNFIT.search(said):
            self.fail("one line of characters that can be read, please", param, ctx)
        return said


DAY, AUTHOR, NOTE = _Day(), Words(AUTHOR_MAX), Words(NOTE_MAX)
