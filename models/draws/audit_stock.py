"""The audit of a draw's stock: who took the how-manieth, when it had run out, and who saw it so.

A prize's slots are 1, 2, 3 ... in the order in which they were taken. Who was told that none was
there must have come after the last one that there was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models import sql
from models.base import Tx
from models.draws import choosing
from models.draws.definition import Draw, Prize
from models.draws.results import Result

# A draw's moment is read before its transaction begins, which may then wait for others.
SKEW = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Seen:
    result_id: int
    prize: Prize
    version: int
    at: datetime
    taken: int
    there: int


@dataclass(slots=True)
class Slots:
    """What results say about stock, gathered; then compared."""

    tx: Tx
    code: str
    _taken: dict[str, dict[int, tuple[int, datetime]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _given: list[_Seen] = field(default_factory=list)
    _missing: list[_Seen] = field(default_factory=list)
    _twice: list[tuple[str, str]] = field(default_factory=list)

    def taken(self, result: Result, prize: Prize) -> None:
        """A result has taken a slot."""
        slot = result.slot or 0
        before = self._taken[prize.code].get(slot)
        if before is not None:
            what = f"has slot {slot} of {prize.code}, as result {before[0]} has"
            self._twice.append((f"result {result.id}", what))
        self._taken[prize.code][slot] = (result.id, result.at)
        self._given.append(_Seen(result.id, prize, result.version, result.at, slot, 0))

    def missing(self, result: Result, prize: Prize, *, taken: int, there: int) -> None:
        """A result says that so many were taken, of so many that there were."""
        self._missing.append(_Seen(result.id, prize, result.version, result.at, taken, there))

    def findings(self, versions: Mapping[int, Draw]) -> Iterator[tuple[str, str]]:
        """(where, what) of everything that cannot have been so."""
        yield from self._twice
        back = self._returned()
        counted: dict[str, int] = dict(
            sql.rows(
                self.tx,
                "SELECT prize_code, taken FROM draw_stock WHERE draw_code = %(code)s",
                {"code": self.code},
            )
        )
        for prize_code in sorted({*counted, *self._taken}):
            yield from self._in_order(prize_code, counted.get(prize_code, 0))
        for seen in self._given:
            most = self._most(versions, seen, back)
            if seen.taken > most:
                what = f"has slot {seen.taken} of {seen.prize.code}, only {most} were released"
                yield f"result {seen.result_id}", what
        for seen in self._missing:
            why_not = self._why_not(versions, seen, back)
            if why_not:
                yield f"result {seen.result_id}", why_not

    def _in_order(self, prize_code: str, counted: int) -> Iterator[tuple[str, str]]:
        slots = self._taken[prize_code]
        if sorted(slots) != list(range(1, counted + 1)):
            gone = sorted(set(range(1, counted + 1)) - set(slots))[:5]
            what = f"{counted} were taken, {len(slots)} are among the results"
            yield f"prize {prize_code}", f"{what}; missing: {gone}" if gone else what
        latest: datetime | None = None
        for slot in sorted(slots):
            result_id, at = slots[slot]
            if latest is not None and at < latest - SKEW:
                yield f"result {result_id}", f"has slot {slot} of {prize_code} out of turn"
            latest = max(latest or at, at)

    def _why_not(
        self, versions: Mapping[int, Draw], seen: _Seen, back: Mapping[str, list[datetime]]
    ) -> str:
        code, slots = seen.prize.code, self._taken[seen.prize.code]
        least = choosing.released(versions[seen.version], seen.prize, seen.at) + sum(
            at <= seen.at - SKEW for at in back.get(code, ())
        )
        if seen.taken < seen.there or seen.there < least:
            return f"says {seen.taken} of {seen.there} {code} were taken; {least} were there"
        if seen.taken > len(slots):
            return f"says {seen.taken} {code} were taken, {len(slots)} ever were"
        if seen.taken and slots.get(seen.taken, (0, seen.at))[1] > seen.at + SKEW:
            return f"says {code} had run out, which it did later"
        return ""

    def _most(
        self, versions: Mapping[int, Draw], seen: _Seen, back: Mapping[str, list[datetime]]
    ) -> int:
        released = choosing.released(versions[seen.version], seen.prize, seen.at)
        return released + sum(at <= seen.at + SKEW for at in back.get(seen.prize.code, ()))

    def _returned(self) -> dict[str, list[datetime]]:
        """When a prize that nobody claimed came back, by prize."""
        found: dict[str, list[datetime]] = defaultdict(list)
        for prize_code, at in sql.rows(
            self.tx,
            "SELECT prize_code, changed_at FROM draw_deliveries"
            " WHERE draw_code = %(code)s AND state = 'forfeited'",
            {"code": self.code},
        ):
            found[prize_code].append(at)
        return found
