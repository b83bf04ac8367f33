"""Lots that points go back to: whose they are, until when they last, and who of the house pays.

Points that go back keep their lot's last day. Where it has passed meanwhile, they are given a
grace, once: as many days as were left when they were spent or reserved, at most
points.refund_grace_days.

    taken with 9 days left ── the last day passes ── back: good today and 9 days more, on grace
    taken again from that lot ── its day passes, too ── back: to that lot, which is over

Points on grace lie in a lot of their own (stripe ON_GRACE), stay so whoever gets them, and keep
its day. So however often points are reserved and released, one grace is all that they get.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from models import sql
from models.base import HOUSE, Tx
from models.points.accounts import ISSUING, ON_GRACE, Account
from models.points.ledger import Cause, Leg, Transfer, find, nobody_merged, post
from models.subscribers import lock_id


class HouseShort(Exception):
    """An account of the house has less than must come out of it; `have` says how much."""

    def __init__(self, kind: str, have: int) -> None:
        super().__init__(f"the account {kind} has only {have}")
        self.kind = kind
        self.have = have


@dataclass(frozen=True, slots=True)
class Lot:
    """What a person has in one account, in its unit."""

    owner: int
    unit: str
    kind: str
    expires_on: date
    stripe: int | None  # ON_GRACE, or None
    balance: int

    @property
    def account(self) -> Account:
        return Account(self.owner, self.kind, self.expires_on, self.stripe)


def back(lot: Account, owner: int, *, taken_on: date, today: date, grace_days: int) -> Account:
    """Where points go that were taken from a lot, or reserved, on a day, and come back today.

    With no day left, or zero days of grace, they can be used today.
    """
    kind = lot.kind.removeprefix("held_")
    if lot.expires_on >= today or lot.stripe == ON_GRACE:
        return replace(lot, owner=owner, kind=kind)
    left = max(0, (lot.expires_on - taken_on).days)
    until = today + timedelta(days=min(left, grace_days))
    return Account(owner, kind, until, ON_GRACE)


def owner(tx: Tx, subscriber_id: int) -> int:
    """Who has this person's points now: the person, or whoever took it over; locked."""
    return lock_id(tx, subscriber_id).id


def lock(tx: Tx, owners: Iterable[int], kinds: Iterable[str], units: Iterable[str]) -> list[Lot]:
    """What these people have, the soonest to expire first, held until the transaction ends."""
    people = sorted({*owners} - {HOUSE})
    line_up(tx, people)
    found = sql.rows(
        tx,
        "SELECT subscriber_id, unit, kind, expires_on, nullif(stripe, 0), balance"
        " FROM points_accounts"
        " WHERE subscriber_id = ANY (%(people)s) AND unit = ANY (%(units)s)"
        " AND kind = ANY (%(kinds)s) AND balance > 0"
        " ORDER BY subscriber_id, expires_on, kind, stripe, unit FOR NO KEY UPDATE",
        {"people": people, "kinds": list(kinds), "units": list(units)},
    )
    return [Lot(*row) for row in found]


def hold(tx: Tx, paid: Iterable[tuple[str, Account]]) -> None:
    """Hold lots that are about to be paid into, each with its unit: empty ones, new ones, too.

    In the order in which a gift pays them, so that the two wait for each other instead of
    deadlocking; and before any account of the house. Raises Merged.
    """
    wanted = {
        (lot.owner, lot.expires_on, lot.kind, lot.stripe or 0, unit)
        for unit, lot in paid
        if lot.owner != HOUSE
    }
    owners, days, kinds, stripes, units = (
        [list(column) for column in zip(*sorted(wanted), strict=True)] if wanted else [[]] * 5
    )
    line_up(tx, sorted(set(owners)))
    with nobody_merged():
        sql.run(
            tx,
            "INSERT INTO points_accounts AS a (subscriber_id, expires_on, kind, stripe, unit)"
            " SELECT * FROM unnest(%(owners)s::bigint[], %(days)s::date[], %(kinds)s::text[],"
            " %(stripes)s::smallint[], %(units)s::text[]) AS w (owner, day, kind, stripe, unit)"
            " ORDER BY owner, day, kind, stripe, unit"
            # An account that is there is locked, and stays as it is.
            " ON CONFLICT (subscriber_id, unit, expires_on, kind, stripe)"
            " DO UPDATE SET balance = a.balance WHERE false",
            {"owners": owners, "days": days, "kinds": kinds, "stripes": stripes, "units": units},
        )


def line_up(tx: Tx, people: Sequence[int]) -> None:
    """Wait for transfers between these people, in their order, before any of their lots is held.

    As every transfer between two people does (points_move), so that none deadlocks with us.
    """
    if len(people) > 1:
        sql.run(
            tx,
            "SELECT pg_advisory_xact_lock(-id) FROM unnest(%(people)s::bigint[]) AS id",
            {"people": sorted(people)},
        )


def made_before(tx: Tx, *, request: str, cause: Cause, now: datetime) -> Transfer | None:
    """The transfer that the same request made under this key, or None. Raises KeyReused.

    To be asked with the lots held: whoever used the key has committed then.
    """
    if find(tx, cause.key) is None:
        return None
    return post(tx, [], request=request, cause=cause, now=now)


def out_of_house(tx: Tx, legs: Sequence[Leg]) -> list[Leg]:
    """The same legs, cut so that each stripe of the house has what it pays; the stripes are held.

    Raises HouseShort. To be called when the people's lots are held, those that are paid into as
    well (hold): the house comes last.
    """
    cut, paid = [], defaultdict(list)
    for leg in legs:
        if leg.payer.owner == HOUSE and leg.payer.kind != ISSUING:
            paid[leg.unit, leg.payer.kind].append(leg)
        else:
            cut.append(leg)
    for (unit, kind), theirs in sorted(paid.items()):
        stripes = _stripes(tx, unit, kind, sum(leg.points for leg in theirs))
        for leg in theirs:
            cut += _cut(leg, stripes)
    return cut


def _cut(leg: Leg, stripes: list[tuple[int, int]]) -> Iterator[Leg]:
    """The leg in parts that the last stripes can pay, which are used up by it."""
    missing = leg.points
    while missing:
        stripe, has = stripes.pop()
        part = min(missing, has)
        missing -= part
        yield replace(leg, points=part, payer=replace(leg.payer, stripe=stripe))
        if part < has:
            stripes.append((stripe, has - part))


def _stripes(tx: Tx, unit: str, kind: str, points: int) -> list[tuple[int, int]]:
    """Stripes that have so many points together, each with what it has; locked."""
    values = {"house": HOUSE, "unit": unit, "kind": kind, "points": points}
    account = (
        "SELECT stripe, balance FROM points_accounts"
        " WHERE subscriber_id = %(house)s AND unit = %(unit)s AND kind = %(kind)s"
    )
    one = sql.first(
        tx, f"{account} AND balance >= %(points)s LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED", values
    )
    if one is not None:
        return [(one[0], one[1])]
    # Empty ones, too: while we wait for one stripe, somebody may pay into another.
    every = sql.rows(tx, f"{account} ORDER BY stripe FOR NO KEY UPDATE", values)
    have = sum(balance for _, balance in every)
    if have < points:
        raise HouseShort(kind, have)
    return [(stripe, balance) for stripe, balance in every if balance]
