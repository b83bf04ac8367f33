"""A broadcast written and loaded, for the console and the commands alike.

text ──▶ judged: SMS it makes, what is wrong ──▶ a draft ──▶ its numbers, chunk by chunk
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from handlers.spreadsheet import Unreadable
from menus.menus import Menus
from models.audit import By
from models.base import Tx
from models.broadcasts import acting, loading, wording
from models.broadcasts.broadcast import Broadcast
from models.broadcasts.loading import Bad, Line, TooMany, Wording
from models.broadcasts.segment import Segment
from models.broadcasts.tables import PEOPLE_MOST
from models.store import Store
from sms import segments

if TYPE_CHECKING:
    from settings import Broadcasts

Result = TypeVar("Result")
Change = Callable[[Callable[[Tx], Result]], Result]

# Of a transaction: some 200 ms, far from what a statement may take however busy the database is.
CHUNK = 5_000
PEOPLE_A_CHUNK = 10_000
LINES_MOST = PEOPLE_MOST + 100_000  # of a file: some are no numbers, or the same ones
TOO_MANY_PARTS, BAD_PACE, BAD_NAME = "parts", "pace", "name"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a text would be: SMS it makes, and what is wrong with it, as wording names it."""

    parts: int
    units: int
    is_gsm7: bool
    faults: tuple[str, ...]
    hole: str


def signature(menus: Menus) -> str:
    """What stands in front of every SMS."""
    return menus.text("signature", channel="wechat")


def judge(text: str, menus: Menus, limits: Broadcasts) -> Judged:
    """Look at a text as somebody has typed it."""
    text = wording.tidy(text)
    whole = signature(menus) + text
    faults = wording.faults(text)
    if segments.count(whole) > limits.parts_most:
        faults.append(TOO_MANY_PARTS)
    return Judged(
        segments.count(whole), segments.units(whole), segments.is_gsm7(whole), tuple(faults),
        wording.hole(text),
    )  # fmt: skip


def said(name: str, text: str, pace_s: int, *, menus: Menus, limits: Broadcasts) -> Wording:
    """What a draft says. Raises wording.Unfit with the first fault."""
    judged = judge(text, menus, limits)
    name = name.strip()
    if not 0 < len(name) <= wording.NAME_MOST or not name.isprintable():
        raise wording.Unfit(BAD_NAME)
    for why in judged.faults:
        raise wording.Unfit(why)
    if not 1 <= pace_s <= limits.pace_most:
        raise wording.Unfit(BAD_PACE)
    return Wording(
        name, wording.tidy(text), signature(menus), judged.parts, pace_s, limits.fen_per_1000
    )


def make(
    store: Store, change: Change[int], what: Wording, people: Iterable[Line | Bad] | Segment, *,
    source: str, by: By, now: datetime,
) -> int:  # fmt: skip
    """A draft with all its numbers; returns its number. `change` runs what is audited.

    Raises Unreadable, TooMany: then what there is of the draft is stopped.
    """
    segment = people if isinstance(people, Segment) else None
    number = change(
        lambda tx: loading.create(tx, what, segment=segment, source=source, by=by, now=now)
    )
    try:
        if isinstance(people, Segment):
            _load_segment(store, number, people)
        else:
            _load_lines(store, number, people)
    except (Unreadable, TooMany) as failed:
        why = "the file cannot be read" if isinstance(failed, Unreadable) else "too many numbers"
        change(lambda tx: acting.stop(tx, number, by=by, reason=why, now=now))
        raise
    change(lambda tx: loading.loaded(tx, number, by=by, now=now).id)
    return number


def _load_lines(store: Store, number: int, people: Iterable[Line | Bad]) -> None:
    lines = iter(people)
    while chunk := list(itertools.islice(lines, CHUNK)):
        good = [one for one in chunk if isinstance(one, Line)]
        bad = [one for one in chunk if isinstance(one, Bad)]
        store.run(lambda tx: loading.add(tx, number, good, bad))  # noqa: B023 - it runs here


def _load_segment(store: Store, number: int, segment: Segment) -> None:
    after: int | None = 0
    while after is not None:
        start = after
        after = store.run(
            lambda tx: loading.add_people(
                tx, number, segment, after=start, limit=PEOPLE_A_CHUNK  # noqa: B023
            )
        )  # fmt: skip


def cost_words(found: Broadcast) -> str:
    """What it costs at most, in yuan."""
    return f"{found.cost_fen / 100:,.2f}"
