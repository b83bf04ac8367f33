"""Publish draws from files, by command or console: what would change, and doing it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from models.base import Tx
from models.draws import publishing
from models.draws.definition import Draw
from models.draws.publishing import Live
from models.draws.seeds import Seeds

log = structlog.get_logger()


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
    made = [
        (
            each.draw.code,
            publishing.publish(
                tx, each.draw, seeds, author=author, note=note, now=now, approved_by=approved_by,
                proposal_id=proposal_id,
            ),
        )
        for each in changes(tx, drafts)
    ]  # fmt: skip
    for code, version in made:
        log.info("draw published", draw=code, version=version, author=author)
    return made


def _flat(draw: Draw) -> dict[str, object]:
    content = draw.content()
    prizes = {f"prizes.{each['code']}": each for each in content.pop("prizes")}
    return {**content, **prizes}
