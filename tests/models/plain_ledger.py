"""A ledger in as few words as possible, to hold the real one against: no database, no locks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

RATE, GRACE_DAYS = 5, 3


class Part(NamedTuple):
    """So many points of a kind and a last day; whether they have had their grace."""

    day: date
    kind: str
    graced: bool
    n: int


class Short(Exception):
    """Less is there than was asked for."""


@dataclass
class Taken:
    """What a hold or a spending took from whom, and on which day."""

    who: int
    on: date
    parts: list[Part]

    @property
    def total(self) -> int:
        return sum(part.n for part in self.parts)


@dataclass
class Plain:
    """Lots by (who, unit, last day, kind, graced); what holds and spendings took, by name."""

    today: date
    lots: Counter[tuple[int, str, date, str, bool]] = field(default_factory=Counter)
    held: dict[int, Taken] = field(default_factory=dict)
    spent: dict[int, Taken] = field(default_factory=dict)

    def usable(self, who: int, unit: str) -> list[Part]:
        return sorted(
            Part(day, kind, graced, n) for (whose, what, day, kind, graced), n in self.lots.items()
            if (whose, what) == (who, unit) and day >= self.today and n
        )  # fmt: skip

    def take(self, who: int, unit: str, amount: int) -> list[Part]:
        taken = []
        for part in self.usable(who, unit):
            if n := min(part.n, amount):
                taken.append(part._replace(n=n))
                amount -= n
        if amount:
            raise Short
        for day, kind, graced, n in taken:
            self.lots[who, unit, day, kind, graced] -= n
        return taken

    def put(self, who: int, unit: str, parts: list[Part]) -> None:
        for day, kind, graced, n in parts:
            self.lots[who, unit, day, kind, graced] += n

    def give_back(self, taken: Taken, parts: list[Part]) -> None:
        for part in parts:
            back = part
            if part.day < self.today and not part.graced:
                days = min((part.day - taken.on).days, GRACE_DAYS)
                back = part._replace(day=self.today + timedelta(days=days), graced=True)
            self.put(taken.who, "points", [back])

    def spend(self, name: int, who: int, amount: int) -> None:
        self.spent[name] = Taken(who, self.today, self.take(who, "points", amount))

    def hold(self, name: int, who: int, amount: int) -> None:
        self.held[name] = Taken(who, self.today, self.take(who, "points", amount))

    def end_hold(self, name: int, onward: int) -> None:
        held = self.held.pop(name)
        gone, back = _split(held.parts, onward)
        self.give_back(held, back)
        if gone:
            self.spent[name] = Taken(held.who, held.on, gone)

    def refund(self, name: int, amount: int) -> None:
        spent = self.spent[name]
        spent.parts, back = _split(spent.parts, spent.total - amount)
        self.give_back(spent, back)

    def gift(self, payer: int, payee: int, amount: int) -> None:
        self.put(payee, "points", self.take(payer, "points", amount))

    def merge(self, source: int, target: int) -> None:
        for (who, unit, day, kind, graced), n in list(self.lots.items()):
            if who == source:
                self.put(target, unit, [Part(day, kind, graced, n)])
                self.lots[who, unit, day, kind, graced] = 0
        for taken in (*self.held.values(), *self.spent.values()):
            if taken.who == source:
                taken.who = target

    def buy(self, who: int, coins: int) -> None:
        each = [
            part._replace(n=1)
            for part in self.take(who, "points", coins * RATE) for _ in range(part.n)
        ]  # fmt: skip
        for first in range(0, len(each), RATE):
            made_of = each[first : first + RATE]
            kind = max(part.kind for part in made_of)  # promotional if any is
            graced = any(part.graced for part in made_of)
            self.put(who, "coins", [Part(min(made_of).day, kind, graced, 1)])

    def sell(self, who: int, coins: int) -> None:
        taken = self.take(who, "coins", coins)
        self.put(who, "points", [part._replace(n=part.n * RATE) for part in taken])

    def expire(self) -> None:
        for lot in self.lots:
            if lot[2] < self.today:
                self.lots[lot] = 0


def _split(parts: list[Part], first: int) -> tuple[list[Part], list[Part]]:
    """The first so many points of these parts, and the rest."""
    one, other = [], []
    for part in parts:
        mine = min(part.n, first)
        first -= mine
        one += [part._replace(n=mine)] if mine else []
        other += [part._replace(n=part.n - mine)] if part.n > mine else []
    return one, other
