"""Publish draws from files, by command or console: what is live, what would change, and doing it.

Versions are kept as data (models/draws/publishing.py), without comments. The text that goes with
them is kept beside, and counts as long as it still says what is live.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import structlog
from ruamel.yaml import YAML

from handlers import draw_files
from handlers.draw_files import Draws
from handlers.publishing import Stale, refuse_big
from menus.checked_yaml import Mistake, Mistakes, check, parse
from models import publications
from models.base import Tx
from models.draws import publishing, tables
from models.draws.definition import Draw
from models.draws.publishing import Live
from models.draws.seeds import Seeds

log = structlog.get_logger()

SHOWN = "draws"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is live as files, and a mark that is another one after every change."""

    files: Mapping[str, str]
    base: str
    version: int  # of the files; 0: they were never published whole


@dataclass(frozen=True, slots=True)
class Change:
    """A draw that would change: `before` is None for one that was never published."""

    draw: Draw
    before: Live | None

    @property
    def lines(self) -> list[tuple[str, object, object]]:
        """(name, before, after) of what differs; of prizes each by its code."""
        old = _flat(self.before.draw) if self.before else {}
        new = _flat(self.draw)
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return [(name, old.get(name), new.get(name)) for name in names]


def standing(tx: Tx, folder: Mapping[str, str]) -> Standing:
    """The draws that are not over. `folder`: files of this machine, where no text is kept."""
    kept = publications.live(tx, publications.DRAWS)
    texts = [kept.files, folder] if kept else [folder]
    files = {}
    for code, live in publishing.live(tx).items():
        if live.state == tables.ENDED:
            continue
        name = f"{code}.yaml"
        fitting = (text[name] for text in texts if name in text and _in(text[name]) == live.draw)
        files[name] = next(fitting, None) or _as_yaml(live.draw.content())
    return Standing(files, mark(tx), kept.version if kept else 0)


def mark(tx: Tx) -> str:
    """What changes with everything that is published."""
    live = publishing.live(tx).values()
    number = publications.live_version(tx, publications.DRAWS)
    return f"{number}." + ".".join(str(each.version) for each in live)


def checked(tx: Tx, files: Mapping[str, str]) -> Draws:
    """The files, read. Raises Mistakes: all of them, in every file."""
    refuse_big(files)
    missing = [
        Mistake(f"{SHOWN}/{live.draw.code}.yaml", 1, 1, "the file is missing", "stop the draw")
        for live in publishing.live(tx).values()
        if live.state != tables.ENDED and f"{live.draw.code}.yaml" not in files
    ]
    try:
        found = draw_files.load(files, shown=SHOWN, there=draw_files.known(tx))
    except Mistakes as wrong:
        raise Mistakes([*missing, *wrong.mistakes]) from None
    if missing:
        raise Mistakes(missing)
    return found


def changes(tx: Tx, drafts: Iterable[Draw]) -> list[Change]:
    """What publishing would change, by code."""
    live = publishing.live(tx)
    found = [Change(draw, live.get(draw.code)) for draw in drafts]
    return [each for each in found if each.before is None or each.before.draw != each.draw]


def put(
    tx: Tx, drafts: Iterable[Draw], seeds: Seeds, *, author: str, note: str, now: datetime,
    approved_by: str | None = None, proposal_id: int | None = None,
) -> list[tuple[str, int]]:  # fmt: skip
    """Make those live that changed; (code, version) of each. Raises LessThanGiven."""
    publishing.lock(tx)
    made = []
    for each in changes(tx, drafts):
        version = publishing.publish(
            tx, each.draw, seeds, author=author, note=note, now=now, approved_by=approved_by,
            proposal_id=proposal_id,
        )  # fmt: skip
        made.append((each.draw.code, version))
        log.info("draw published", draw=each.draw.code, version=version, author=author)
    return made


def put_files(
    tx: Tx, files: Mapping[str, str], seeds: Seeds, *, base: str, author: str, note: str,
    now: datetime, approved_by: str, proposal_id: int,
) -> int:  # fmt: skip
    """Check and make the files live, as two people want it; returns the number of this set.

    Raises Stale, Mistakes, LessThanGiven: then nothing has changed.
    """
    publications.lock(tx, publications.DRAWS)
    publishing.lock(tx)
    if base != (live := mark(tx)):
        raise Stale(base, live)
    found = checked(tx, files)
    put(
        tx, found.drafts.values(), seeds, author=author, note=note, now=now,
        approved_by=approved_by, proposal_id=proposal_id,
    )  # fmt: skip
    return publications.publish(
        tx, files, author=author, note=note, now=now, approved_by=approved_by,
        proposal_id=proposal_id, of=publications.DRAWS,
    )  # fmt: skip


def _flat(draw: Draw) -> dict[str, object]:
    content = draw.content()
    prizes = {f"prizes.{each['code']}": each for each in content.pop("prizes")}
    return {**content, **prizes}


@lru_cache(maxsize=64)
def _in(text: str) -> Draw | None:
    return check(parse(text, file=SHOWN), Draw)[0]


def _as_yaml(content: Mapping[str, object]) -> str:
    """A text for what was published without one that we know."""
    yaml = YAML(pure=True)
    yaml.default_flow_style = None
    yaml.allow_unicode = True
    written = io.StringIO()
    yaml.dump(dict(content), written)
    return written.getvalue()
