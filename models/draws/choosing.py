"""Choosing: which prize a number means, what is given instead of one that is not there.

Nothing here reads or writes: a draw and its audit decide by the same functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from models.draws.definition import AT_ONCE, DAILY, Draw, Prize

ODDS, GUARANTEED = WAYS = ("odds", "guaranteed")


@dataclass(frozen=True, slots=True)
class Choice:
    """The prize that was drawn, and whether its odds or a row of blanks brought it."""

    prize: Prize
    by: str


def choose(draw: Draw, *, number: int, blanks: int) -> Choice:
    """What a number (0 to 999,999) means after so many blanks in a row."""
    drawn = _at(draw, number)
    sure = draw.guaranteed
    if drawn.is_blank and sure is not None and blanks >= sure.after_blanks:
        return Choice(draw.prize(sure.prize), GUARANTEED)
    return Choice(drawn, ODDS)


def in_order(draw: Draw, choice: Choice) -> list[Prize]:
    """The prize, its fallback, nothing: the first that is there is given."""
    return list(dict.fromkeys((choice.prize, draw.prize(draw.fallback), draw.blank)))


def released(draw: Draw, prize: Prize, now: datetime) -> int:
    """How many of a prize may have been given by now, of those in stock at the beginning.

    In slices, so that the last day still has some: after slice k of n, k/n of the stock, rounded
    down. What a slice does not give is there in the next.
    """
    total = prize.stock or 0
    if prize.release == AT_ONCE:
        return total
    hours = (now - draw.window.starts_at).total_seconds() / 3600
    slices = draw.window.days * (1 if prize.release == DAILY else 24)
    begun = int(hours // (24 if prize.release == DAILY else 1)) + 1
    return total * min(max(begun, 0), slices) // slices


def _at(draw: Draw, number: int) -> Prize:
    above = 0
    for prize in draw.prizes:
        above += prize.odds_ppm
        if number < above:
            return prize
    raise AssertionError("the odds add up to less than 1,000,000")
