"""Refunds: what a spending took goes back to the lots it came from, at once or little by little.

    spending 40 ──▶ refund 1: 15, 15 in all ──▶ refund 2: 25, 40 in all, and no more

Each refund states the total that it reaches, and the next one begins at it: a key refers from each
to the one before, and a CHECK keeps the total within what was taken.

Points keep their old dates. What was taken last, the latest to expire, comes back first: so a
spending of 40 with 15 refunded has taken what a spending of 25 would have. What comes from a lot
whose last day has passed meanwhile comes back on grace, once (points/lots.py). Whose payer has been
deleted meanwhile is forfeited on the spot, as all that they had: nobody could use it any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata
from models.points import lots
from models.points.accounts import FORFEITED, NEVER, Account, day_of
from models.points.ledger import Cause, Leg, post
from models.points.nature import SPENDING, Nature, lock, nature
from models.subscribers import family, still_there

refunds = Table(
    "points_refunds",
    metadata,
    Column("of_serial", BigInteger, ForeignKey("points_transfers.serial"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("serial", BigInteger, ForeignKey("points_transfers.serial"), nullable=False),
    Column("taken", BigInteger, nullable=False),  # by the transfer that is refunded
    Column("points", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),  # refunded so far, this one included
    Column("previous", Integer),
    Column("total_before", BigInteger, nullable=False),
    PrimaryKeyConstraint("of_serial", "number"),
    UniqueConstraint("serial"),
    UniqueConstraint("of_serial", "number", "taken", "total"),
    ForeignKeyConstraint(
        ["of_serial", "previous", "taken", "total_before"],
        [f"points_refunds.{name}" for name in ("of_serial", "number", "taken", "total")],
    ),
    CheckConstraint("points > 0", name="positive"),
    CheckConstraint("total = total_before + points AND total <= taken", name="total"),
    CheckConstraint(
        "number >= 1 AND (number = 1) = (previous IS NULL)"
        " AND (previous IS NULL OR previous = number - 1)"
        " AND (number = 1) = (total_before = 0)",
        name="chain",
    ),
    CheckConstraint("serial > of_serial", name="later"),
)


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund: its own serial number, how much came back, and what can come back yet."""

    serial: int
    of_serial: int
    points: int
    left: int
    fresh: bool


class NotRefundable(Exception):
    """The transfer did not take a person's points for anything; `what` says what it was."""

    def __init__(self, serial: int, what: str) -> None:
        super().__init__(f"the transfer {serial} cannot be refunded: it is no spending, but {what}")
        self.what = what


class MoreThanTaken(Exception):
    """The refund asks for more than the spending took and earlier refunds left: `left`."""

    def __init__(self, left: int) -> None:
        super().__init__(f"only {left} points are left to be refunded")
        self.left = left


def refund(
    tx: Tx, *, serial: int, cause: Cause, now: datetime, grace_days: int,
    points: int | None = None,
) -> Refund:  # fmt: skip
    """Give back what a spending or a capture took, all that is left of it or so many points.

    Raises MoreThanTaken, NotRefundable, NoSuchTransfer, and HouseShort when the account that was
    paid has not got them any more. The same key again returns the first refund.
    """
    if points is not None and points <= 0:
        raise ValueError("a refund moves at least one point")
    spending = nature(tx, serial)
    if spending.what != SPENDING:
        raise NotRefundable(serial, spending.what)
    owner = lots.owner(tx, spending.payer)  # first the person, then the transfer
    lock(tx, serial)
    request = f"refund {serial} {points}"
    made = lots.made_before(tx, request=request, cause=cause, now=now)
    if made is None:
        number, total = _so_far(tx, serial)
        left = spending.points - total
        wanted = left if points is None else points
        if not 0 < wanted <= left:
            raise MoreThanTaken(left)
        back = _last_taken_first(spending.onward, skip=total, points=wanted)
        taken_on = _taken_on(tx, spending)
        legs = _backwards(back, owner, taken_on, day_of(now), grace_days)
        # The lots before the house, as everywhere.
        lots.hold(tx, [(leg.unit, leg.payee) for leg in legs])
        made = post(tx, lots.out_of_house(tx, legs), request=request, cause=cause, now=now)
        _keep(tx, serial, number, made.serial, spending.points, wanted, total)
        if not still_there(tx, owner):
            _forfeit(tx, made.serial, legs, cause, now)
    of_serial, gave, left = sql.one(
        tx,
        "SELECT of_serial, points, taken - total FROM points_refunds WHERE serial = %(serial)s",
        {"serial": made.serial},
    )
    return Refund(made.serial, of_serial, gave, left, made.fresh)


def left_of(tx: Tx, serial: int) -> int:
    """How many points of a spending can be refunded yet. Raises NoSuchTransfer, NotRefundable."""
    spending = nature(tx, serial)
    if spending.what != SPENDING:
        raise NotRefundable(serial, spending.what)
    return spending.points - _so_far(tx, serial)[1]


def _so_far(tx: Tx, serial: int) -> tuple[int, int]:
    """The number of refunds of a transfer, and how much they gave back."""
    number, total = sql.one(
        tx,
        "SELECT coalesce(max(number), 0), coalesce(max(total), 0) FROM points_refunds"
        " WHERE of_serial = %(serial)s",
        {"serial": serial},
    )
    return number, total


def _last_taken_first(taken: Sequence[Leg], *, skip: int, points: int) -> list[Leg]:
    """So many points of these legs, from the last one on, behind those that are back already."""
    found = []
    for leg in reversed(taken):
        over = min(skip, leg.points)
        part = min(leg.points - over, points)
        skip -= over
        points -= part
        if part:
            found.append(Leg(part, leg.payer, leg.payee, leg.unit))
    return found


def _taken_on(tx: Tx, spending: Nature) -> date:
    """When the person lost the use of the points: what was captured had been reserved before."""
    held_at: datetime | None = sql.maybe_value(
        tx,
        "SELECT held_at FROM points_holds"
        " WHERE subscriber_id = ANY (%(ids)s) AND end_serial = %(serial)s",
        {"ids": family(tx, spending.payer), "serial": spending.serial},
    )
    return day_of(held_at or spending.at)


def _backwards(
    taken: Sequence[Leg], owner: int, taken_on: date, today: date, grace_days: int
) -> list[Leg]:
    """From where the points went to the lots they came from, never to what was held."""
    when: dict[str, Any] = {"taken_on": taken_on, "today": today, "grace_days": grace_days}
    return [
        Leg(leg.points, leg.payee, lots.back(leg.payer, owner, **when), leg.unit) for leg in taken
    ]


def _forfeit(tx: Tx, serial: int, came: Sequence[Leg], cause: Cause, now: datetime) -> None:
    """Let what has come back to somebody who was deleted go to the house."""
    into = Account(HOUSE, FORFEITED, NEVER)
    onward = [Leg(leg.points, leg.payee, into, leg.unit) for leg in came]
    because = replace(cause, key=f"forfeit:{serial}", reason=FORFEITED)
    post(tx, onward, request=f"forfeit {serial}", cause=because, now=now)


def _keep(
    tx: Tx, of_serial: int, number: int, serial: int, taken: int, points: int, before: int
) -> None:
    sql.change(
        tx,
        "INSERT INTO points_refunds"
        " (of_serial, number, serial, taken, points, total, previous, total_before) VALUES"
        " (%(of)s, %(number)s, %(serial)s, %(taken)s, %(points)s, %(total)s, %(previous)s,"
        " %(before)s)",
        {
            "of": of_serial, "number": number + 1, "serial": serial, "taken": taken,
            "points": points, "total": before + points, "previous": number or None,
            "before": before,
        },
    )  # fmt: skip
