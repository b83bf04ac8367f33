"""Random movements under known keys, as many clients make them, and the proof afterwards."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from models import points
from models.base import Tx
from models.points import NotEnough, exchange, gifts, holds, refunds, verify
from models.points.holds import HoldEnded
from models.points.lots import HouseShort
from models.points.refunds import MoreThanTaken
from models.store import Store
from models.subscribers import Subscriber
from tests.models.conftest import NOON, cause, newcomer

REFUSALS = (NotEnough, HoldEnded, HouseShort, MoreThanTaken)
FAR = date(2030, 12, 31)
GRACE_DAYS = 3
LIMITS = gifts.GiftLimits(gifts_a_day=10_000, points_a_day=1_000_000)
Work = Callable[[Tx], Any]


def rich_people(store: Store, count: int) -> list[Subscriber]:
    """People with a few lots each."""
    with store.begin() as tx:
        people = [newcomer(tx) for _ in range(count)]
        for who in people:
            for lot in range(3):
                points.issue(
                    tx, who, kind=points.KINDS[lot % 2], points=50,
                    expires_on=FAR + timedelta(days=lot), cause=cause(f"start:{who.id}:{lot}"),
                    now=NOON,
                )  # fmt: skip
    return people


@dataclass
class Client:
    """Makes one movement after another; `made` are the serials that were acknowledged, by key."""

    name: str
    people: list[Subscriber]
    seed: int
    made: dict[str, int] = field(default_factory=dict)
    held: list[tuple[int, int]] = field(default_factory=list)
    spent: list[int] = field(default_factory=list)
    number: int = 0
    kind: str = ""  # of the last movement

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    def next(self) -> tuple[str, Work]:
        """The next movement: its key, and what makes it; the same again whenever it is run."""
        self.number += 1
        key = f"{self.name}:{self.number}"
        who, other = self.chance.sample(self.people, 2)
        self.kind = self.chance.choice(KINDS_OF_WORK)
        return key, self._work(self.kind, key, who, other)

    def note(self, key: str, result: Any) -> None:
        """The movement was acknowledged."""
        is_hold = isinstance(result, holds.Hold)
        serial = (result.end_serial or result.serial) if is_hold else result.serial
        assert self.made.setdefault(key, serial) == serial
        if is_hold and result.state == holds.OPEN:
            self.held.append((result.subscriber_id, result.serial))
        elif self.kind == "spend":
            self.spent.append(serial)

    def _work(self, kind: str, key: str, who: Subscriber, other: Subscriber) -> Work:
        n, why = self.chance.randint(1, 30), cause(key)
        if kind == "spend":
            return lambda tx: points.spend(
                tx, who, points=n, into=points.SPENT, cause=why, now=NOON
            )
        if kind == "gift":
            return lambda tx: gifts.give(
                tx, payer=who, payee=other, points=n, limits=LIMITS, cause=why, now=NOON
            )
        if kind == "hold":
            return lambda tx: holds.hold(
                tx, who, points=n, lasts=timedelta(days=1), cause=why, now=NOON
            )
        if kind == "exchange":
            swap = self.chance.choice((exchange.buy_coins, exchange.sell_coins))
            return lambda tx: swap(tx, who, coins=2, points_per_coin=5, cause=why, now=NOON)
        if kind == "end" and self.held:
            whose, serial = self.held.pop(self.chance.randrange(len(self.held)))
            which: dict[str, Any] = {
                "subscriber_id": whose, "serial": serial, "cause": why, "now": NOON,
                "grace_days": GRACE_DAYS,
            }  # fmt: skip
            if n % 2:
                return lambda tx: holds.capture(tx, into=points.SPENT, **which)
            return lambda tx: holds.release(tx, **which)
        if kind == "refund" and self.spent:
            spent = self.chance.choice(self.spent)
            return lambda tx: refunds.refund(
                tx, serial=spent, points=1, cause=why, now=NOON, grace_days=GRACE_DAYS
            )
        return lambda tx: points.issue(
            tx, who, kind=points.CONSUMPTION, points=n, expires_on=FAR, cause=why, now=NOON
        )


KINDS_OF_WORK = ("spend", "gift", "hold", "exchange", "end", "refund", "issue")


def check_all(store: Store) -> None:
    """The whole ledger is right; else what is wrong is named."""
    with store.begin() as tx:
        report = verify.verify(tx)
    wrong = [(check.rule, check.wrong, check.first) for check in report.checks if check.wrong]
    assert report.ok, wrong
