"""A ledger in as few words as possible, to hold the real one against: no database, no locks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

Part = tuple[str, date, int]  # kind, last day, how many
RATE, GRACE_DAYS = 5, 3


class Short(Exception):
    """Less is there than was asked for."""


@dataclass
class Plain:
    """Lots by (who, unit, kind, last day); what holds and spendings took, by their names."""

    today: date
    lots: Counter[tuple[int, str, str, date]] = field(default_factory=Counter)
    held: dict[int, tuple[int, list[Part]]] = field(default_factory=dict)
    spent: dict[int, tuple[int, list[Part]]] = field(default_factory=dict)

    def usable(self, who: int, unit: str) -> list[Part]:
        mine = [
            (kind, day, n) for (whose, what, kind, day), n in self.lots.items()
            if (whose, what) == (who, unit) and day >= self.today and n
        ]  # fmt: skip
        return sorted(mine, key=lambda part: (part[1], part[0]))

    def take(self, who: int, unit: str, amount: int) -> list[Part]:
        taken = []
        for kind, day, n in self.usable(who, unit):
            if part := min(n, amount):
                taken.append((kind, day, part))
                amount -= part
        if amount:
            raise Short
        for kind, day, n in taken:
            self.lots[who, unit, kind, day] -= n
        return taken

    def put(self, who: int, unit: str, parts: list[Part]) -> None:
        for kind, day, n in parts:
            last = day if day >= self.today else self.today + timedelta(days=GRACE_DAYS)
            self.lots[who, unit, kind, last] += n

    def spend(self, name: int, who: int, amount: int) -> None:
        self.spent[name] = (who, self.take(who, "points", amount))

    def hold(self, name: int, who: int, amount: int) -> None:
        self.held[name] = (who, self.take(who, "points", amount))

    def end_hold(self, name: int, onward: int) -> None:
        who, parts = self.held.pop(name)
        gone, back = _split(parts, onward)
        self.put(who, "points", back)
        if gone:
            self.spent[name] = (who, gone)

    def refund(self, name: int, amount: int) -> None:
        who, parts = self.spent[name]
        kept, back = _split(parts, sum(n for _, _, n in parts) - amount)
        self.spent[name] = (who, kept)
        self.put(who, "points", back)

    def gift(self, payer: int, payee: int, amount: int) -> None:
        self.put(payee, "points", self.take(payer, "points", amount))

    def buy(self, who: int, coins: int) -> None:
        each = [(k, d) for k, d, n in self.take(who, "points", coins * RATE) for _ in range(n)]
        for first in range(0, len(each), RATE):
            made_of = each[first : first + RATE]
            kind = max(kind for kind, _ in made_of)  # promotional if any is
            self.put(who, "coins", [(kind, min(day for _, day in made_of), 1)])

    def sell(self, who: int, coins: int) -> None:
        taken = self.take(who, "coins", coins)
        self.put(who, "points", [(kind, day, n * RATE) for kind, day, n in taken])

    def expire(self) -> None:
        for lot in self.lots:
            if lot[3] < self.today:
                self.lots[lot] = 0


def _split(parts: list[Part], first: int) -> tuple[list[Part], list[Part]]:
    """The first so many points of these parts, and the rest."""
    one, other = [], []
    for kind, day, n in parts:
        mine = min(n, first)
        first -= mine
        one += [(kind, day, mine)] if mine else []
        other += [(kind, day, n - mine)] if n > mine else []
    return one, other
