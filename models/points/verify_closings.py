"""Prove the closings: each seals what its day has now, follows the one before, and adds up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from models import sql
from models.base import Tx
from models.points import closings
from models.points.closings import Closing

Rows = Iterator[dict[str, Any]]
# Fewer digits could be hit by trying.
SHORTEST_ANCHOR = 16


@dataclass(frozen=True, slots=True)
class Anchor:
    """A day's hash as somebody has it on paper: its first digits at least."""

    day: date
    digits: str

    @classmethod
    def read(cls, text: str) -> Anchor:
        """From "2026-03-02:3f0a..."; blanks do not matter. Raises ValueError."""
        day, _, digits = "".join(text.split()).partition(":")
        digits = digits.lower()
        if len(digits) < SHORTEST_ANCHOR or not set(digits) <= set("0123456789abcdef"):
            raise ValueError(f"after DAY: come at least {SHORTEST_ANCHOR} digits of the hash")
        return cls(date.fromisoformat(day), digits)


def checks(
    tx: Tx, anchors: list[Anchor], progress: Callable[[str], None]
) -> Iterator[tuple[str, str, Rows]]:
    """Name, rule, and the rows that break it, found as they are taken."""
    sealed = closings.listed(tx)
    yield "chain", "each closing follows the one before, and has the hash of itself", _chain(sealed)
    yield "sealed_days", "a sealed day has what was sealed", _days(tx, sealed, progress)
    yield "totals", "the last closing and what moved since are the balances", _totals(tx, sealed)
    yield "gate", "sealed days are shut, and nothing is older than the first", _gate(tx, sealed)
    if anchors:
        yield "anchors", "closings are as noted elsewhere", _anchored(sealed, anchors)


def _chain(sealed: list[Closing]) -> Rows:
    before: Closing | None = None
    for closing in sealed:
        wrong: dict[str, Any] = {}
        if closing.hash != closing.sealed():
            wrong |= {"hash": closing.hash.hex(), "must_be": closing.sealed().hex()}
        expected = before.hash if before else closings.GENESIS
        if closing.previous_hash != expected:
            wrong |= {"previous": closing.previous_hash.hex(), "of_the_day_before": expected.hex()}
        follows = before.day if before else None
        if closing.previous_day != follows or (before and closing.day - before.day != _A_DAY):
            wrong |= {"previous_day": closing.previous_day, "closed_before": follows}
        if wrong:
            yield {"day": closing.day, **wrong}
        before = closing


def _days(tx: Tx, sealed: list[Closing], progress: Callable[[str], None]) -> Rows:
    before: closings.Totals = {}
    for number, closing in enumerate(sealed, 1):
        found = closings.content(tx, closing.day)
        wrong: dict[str, Any] = {}
        for name in _COMPARED:
            if getattr(found, name) != getattr(closing, name):
                wrong |= {name: getattr(found, name), f"sealed_{name}": getattr(closing, name)}
        if found.digest != closing.digest:
            wrong |= {"digest": found.digest.hex(), "sealed_digest": closing.digest.hex()}
        if closings.added(before, found.movement) != closing.totals:
            wrong |= {"movement": found.movement, "sealed_totals": closing.totals}
        if wrong:
            yield {"day": closing.day, **wrong}
        before = closing.totals
        progress(f"closings: {closing.day}, {number} of {len(sealed)}")


def _totals(tx: Tx, sealed: list[Closing]) -> Rows:
    if sealed:
        day = sealed[-1].day
        expected = closings.added(sealed[-1].totals, closings.movement_since(tx, day))
        found = closings.live_totals(tx)
        if found != expected:
            yield {"day": day, "accounts": found, "closing_and_since": expected}


def _gate(tx: Tx, sealed: list[Closing]) -> Rows:
    if not sealed:
        return
    open_from = sql.maybe_value(tx, "SELECT open_from FROM ledger_gate")
    if open_from is None or open_from < closings.ends_at(sealed[-1].day):
        yield {"day": sealed[-1].day, "open_from": open_from}
    older = sql.first(
        tx,
        "SELECT serial, at FROM points_transfers WHERE at < %s ORDER BY serial LIMIT 1",
        [closings.ends_at(sealed[0].day - _A_DAY)],
    )
    if older:
        yield {"serial": older[0], "at": older[1], "first_closing": sealed[0].day}


def _anchored(sealed: list[Closing], anchors: list[Anchor]) -> Rows:
    hashes = {closing.day: closing.hash.hex() for closing in sealed}
    for anchor in anchors:
        found = hashes.get(anchor.day)
        if found is None or not found.startswith(anchor.digits):
            yield {"day": anchor.day, "anchor": anchor.digits, "closing": found}


_A_DAY = timedelta(days=1)
_COMPARED = ("first_serial", "last_serial", "transfers", "legs", "points", "coins")
