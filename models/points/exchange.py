"""Exchange: points for coins and back, whole coins at a configured rate.

    buy    lots ─100 points─▶ exchange      issuing ─1 coin─▶ a lot of coins
    sell   a lot of coins ─1 coin─▶ issuing     exchange ─100 points─▶ a lot

A coin is good for as long as the soonest of the points it is made of, and promotional, or on
grace, if any of them is. On the way back its points are of its date and kind. So nobody gains a
point, a day or a better kind by going back and forth; who buys a coin out of several lots may lose
some days.

Locks come in the order of every movement: the person, the lots that pay, the lots that are paid
(a gift may be paying into them just now), and the house at last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime

from models.base import HOUSE, Tx
from models.points import lots
from models.points.accounts import (
    COINS,
    EXCHANGE,
    ISSUING,
    KINDS,
    NEVER,
    POINTS,
    PROMOTIONAL,
    Account,
    day_of,
)
from models.points.ledger import Cause, Leg, Merged, NotEnough, Transfer, post
from models.points.lots import Lot
from models.subscribers import Subscriber

_EXCHANGE = Account(HOUSE, EXCHANGE, NEVER)
_ISSUING = Account(HOUSE, ISSUING, NEVER)


def buy_coins(
    tx: Tx, subscriber: Subscriber, *, coins: int, points_per_coin: int, cause: Cause,
    now: datetime,
) -> Transfer:  # fmt: skip
    """Turn points into so many coins, the soonest to expire first.

    Raises NotEnough, in points, which leaves the key unused. The same key again returns the first
    exchange.
    """
    _check(coins, points_per_coin)
    request = f"buy {subscriber.id} {coins} {points_per_coin}"
    mine = _usable(tx, subscriber, POINTS, now)
    before = lots.made_before(tx, request=request, cause=cause, now=now)
    if before is not None:
        return before
    taken = _take(mine, coins * points_per_coin)
    legs = [Leg(n, lot.account, _EXCHANGE, POINTS) for lot, n in taken]
    for (kind, day, stripe), n in _coins_of(taken, points_per_coin).items():
        legs.append(Leg(n, _ISSUING, Account(subscriber.id, kind, day, stripe), COINS))
    return _post(tx, legs, request=request, cause=cause, now=now)


def sell_coins(
    tx: Tx, subscriber: Subscriber, *, coins: int, points_per_coin: int, cause: Cause,
    now: datetime,
) -> Transfer:  # fmt: skip
    """Turn so many coins back into points, the soonest to expire first.

    Raises NotEnough, in coins, which leaves the key unused, and HouseShort when the rate was raised
    and more points would come out than ever went in. The same key again returns the first exchange.
    """
    _check(coins, points_per_coin)
    request = f"sell {subscriber.id} {coins} {points_per_coin}"
    mine = _usable(tx, subscriber, COINS, now)
    before = lots.made_before(tx, request=request, cause=cause, now=now)
    if before is not None:
        return before
    taken = _take(mine, coins)
    legs = [Leg(n, lot.account, _ISSUING, COINS) for lot, n in taken]
    legs += [Leg(n * points_per_coin, _EXCHANGE, lot.account, POINTS) for lot, n in taken]
    return _post(tx, legs, request=request, cause=cause, now=now)


def _check(coins: int, points_per_coin: int) -> None:
    if coins <= 0 or points_per_coin <= 0:
        raise ValueError("an exchange is of one coin at least, at one point at least")


def _usable(tx: Tx, subscriber: Subscriber, unit: str, now: datetime) -> list[Lot]:
    """The lots of a unit, held, and their owner: two exchanges of a person wait for each other.

    The owner first: who merges or deletes somebody holds them, too, before their lots.
    """
    if lots.owner(tx, subscriber.id) != subscriber.id:
        raise Merged(f"{subscriber.id} was merged into somebody else")
    today = day_of(now)
    return [lot for lot in lots.lock(tx, [subscriber.id], KINDS, [unit]) if lot.expires_on >= today]


def _take(mine: Iterable[Lot], amount: int) -> list[tuple[Lot, int]]:
    """So much of these lots, the soonest to expire first. Raises NotEnough."""
    taken, missing = [], amount
    for lot in mine:
        part = min(lot.balance, missing)
        if part:
            taken.append((lot, part))
            missing -= part
    if missing:
        raise NotEnough(amount - missing)
    return taken


def _post(tx: Tx, legs: list[Leg], *, request: str, cause: Cause, now: datetime) -> Transfer:
    lots.hold(tx, [(leg.unit, leg.payee) for leg in legs])
    return post(tx, lots.out_of_house(tx, legs), request=request, cause=cause, now=now)


def _coins_of(
    taken: Iterable[tuple[Lot, int]], points_per_coin: int
) -> dict[tuple[str, date, int | None], int]:
    """How many coins of which kind, date and stripe these points are, as many as they fill."""
    made: dict[tuple[str, date, int | None], int] = defaultdict(int)
    begun, begun_kind, begun_day = 0, "", NEVER  # a coin that lacks points of the next lot
    begun_stripe: int | None = None
    for lot, points in taken:
        if begun:
            part = min(points, points_per_coin - begun)
            begun += part
            points -= part
            begun_kind = PROMOTIONAL if PROMOTIONAL in (begun_kind, lot.kind) else lot.kind
            begun_stripe = begun_stripe or lot.stripe
            if begun < points_per_coin:
                continue
            made[begun_kind, begun_day, begun_stripe] += 1
        whole, begun = divmod(points, points_per_coin)
        if whole:
            made[lot.kind, lot.expires_on, lot.stripe] += whole
        begun_kind, begun_day, begun_stripe = lot.kind, lot.expires_on, lot.stripe
    return made
