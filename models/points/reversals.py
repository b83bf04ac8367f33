"""Reversals: customer service proposes to undo a transfer, and somebody else decides.

    proposed ──approve──▶ approved   a gift is the giver's again, an issue is the budget's, and a
        └──────reject───▶ rejected   spending is refunded; with its serial number

Points go back between the very lots that the transfer moved them between. Where the receiver has
used some of them, approving is refused and says how many are left, unless the proposal is
"partial": then what is left goes back. Points whose last day has passed are used up, too.
A transfer is reversed at most once; a rejected proposal may be made again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata, moment
from models.points import lots
from models.points.accounts import KINDS, Account, day_of
from models.points.ledger import Cause, Leg, post
from models.points.nature import GIFT, ISSUE, SPENDING, Nature, lock, nature
from models.points.refunds import left_of, refund
from models.subscribers import lock_id

PROPOSED, APPROVED, REJECTED = STATES = ("proposed", "approved", "rejected")
NAME_MAX, REASON_MAX = 64, 500  # characters

reversals = Table(
    "points_reversals",
    metadata,
    Column("id", BigInteger, Identity(), nullable=False),
    Column("of_serial", BigInteger, ForeignKey("points_transfers.serial"), nullable=False),
    Column("state", String(16), nullable=False, server_default=PROPOSED),
    Column("partial", Boolean, nullable=False),  # what is left will do
    Column("reason", Text, nullable=False),
    Column("proposed_by", String(64), nullable=False),
    moment("proposed_at"),
    Column("decided_by", String(64)),
    moment("decided_at", nullable=True),
    Column("rejected_because", Text),
    Column("serial", BigInteger, ForeignKey("points_transfers.serial")),  # of the way back
    Column("points", BigInteger),  # that went back
    PrimaryKeyConstraint("id"),
    UniqueConstraint("serial"),
    CheckConstraint("state IN ('proposed', 'approved', 'rejected')", name="state"),
    CheckConstraint("btrim(reason) <> '' AND btrim(proposed_by) <> ''", name="said"),
    CheckConstraint(
        "lower(btrim(decided_by)) <> lower(btrim(proposed_by)) AND btrim(decided_by) <> ''",
        name="another_decides",
    ),
    CheckConstraint(
        "(state = 'proposed') = (decided_by IS NULL)"
        " AND (state = 'proposed') = (decided_at IS NULL)",
        name="decided",
    ),
    CheckConstraint(
        "(state = 'approved') = (serial IS NOT NULL)"
        " AND (state = 'approved') = (points IS NOT NULL) AND points > 0 AND serial > of_serial",
        name="approved",
    ),
    CheckConstraint(
        "(state = 'rejected') = (rejected_because IS NOT NULL) AND btrim(rejected_because) <> ''",
        name="rejected",
    ),
    # At most once, and not twice at the same time.
    Index(None, "of_serial", unique=True, postgresql_where=text("state <> 'rejected'")),
)


@dataclass(frozen=True, slots=True)
class Reversal:
    """A proposal and what became of it."""

    id: int
    of_serial: int
    state: str
    partial: bool
    reason: str
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    rejected_because: str | None
    serial: int | None
    points: int | None


class NotReversible(Exception):
    """The transfer is none that can be reversed; the message says why."""


class AlreadyProposed(Exception):
    """The transfer has a proposal that waits or was approved: `reversal`."""

    def __init__(self, reversal: Reversal) -> None:
        super().__init__(f"reversal {reversal.id} of it is {reversal.state} already")
        self.reversal = reversal


class NoSuchReversal(Exception):
    """No reversal has this number."""


class AlreadyDecided(Exception):
    """Somebody has approved or rejected it before: `reversal` says who and when."""

    def __init__(self, reversal: Reversal) -> None:
        super().__init__(f"{reversal.decided_by} has {reversal.state} it already")
        self.reversal = reversal


class SamePerson(Exception):
    """Who proposes does not decide."""


class AlreadyUsed(Exception):
    """The receiver has only `left` of the points; nothing went back, the proposal waits."""

    def __init__(self, left: int, points: int) -> None:
        super().__init__(f"only {left} of {points} points are left")
        self.left = left
        self.points = points


_COLUMNS = (
    "id, of_serial, state, partial, reason, proposed_by, proposed_at, decided_by, decided_at,"
    " rejected_because, serial, points"
)


def propose(
    tx: Tx, *, serial: int, by: str, reason: str, now: datetime, partial: bool = False
) -> Reversal:
    """Propose to undo a gift, an issue or a spending; `partial`: what is left will do.

    Raises NoSuchTransfer, NotReversible and AlreadyProposed.
    """
    by, reason = _said(by, NAME_MAX), _said(reason, REASON_MAX)
    transfer = nature(tx, serial)
    if transfer.what not in (GIFT, ISSUE, SPENDING):
        raise NotReversible(f"{serial} is no gift, issue or spending, but {transfer.what}")
    _no_voucher(tx, transfer)
    lock(tx, serial)
    for other in of(tx, serial):
        if other.state != REJECTED:
            raise AlreadyProposed(other)
    row = sql.one(
        tx,
        "INSERT INTO points_reversals (of_serial, partial, reason, proposed_by, proposed_at)"
        " VALUES (%(serial)s, %(partial)s, %(reason)s, %(by)s, %(now)s)"
        f" RETURNING {_COLUMNS}",
        {"serial": serial, "partial": partial, "reason": reason, "by": by, "now": now},
    )
    return Reversal(*row)


def approve(tx: Tx, number: int, *, by: str, now: datetime, grace_days: int) -> Reversal:
    """Undo the transfer: the points are back when this returns.

    Raises SamePerson, AlreadyDecided, NoSuchReversal, NotReversible, AlreadyUsed when the receiver
    has not got them all any more, and HouseShort when a merchant has been paid for them.
    `grace_days` is for a spending alone (points/refunds.py).
    """
    by = _said(by, NAME_MAX)
    found = _open(tx, number, by)
    transfer = nature(tx, found.of_serial)
    _no_voucher(tx, transfer)
    cause = Cause(f"reverse:{found.id}", "reversal", "console", f"reversal {found.id}", by)
    if transfer.what == SPENDING:
        lots.owner(tx, transfer.payer)  # a refund of it may be under way: the person first
        left = left_of(tx, transfer.serial)
        _enough(found, left, transfer.points)
        back = refund(
            tx, serial=transfer.serial, cause=cause, now=now, grace_days=grace_days, points=left
        )
        serial, points = back.serial, back.points
    else:
        legs = _backwards(tx, transfer, now)
        points = sum(leg.points for leg in legs)
        _enough(found, points, transfer.points)
        request = f"reverse {transfer.serial}"
        serial = post(tx, legs, request=request, cause=cause, now=now).serial
    return _decide(tx, found.id, APPROVED, by, now, serial=serial, points=points)


def reject(tx: Tx, number: int, *, by: str, reason: str, now: datetime) -> Reversal:
    """Leave the transfer as it is. Raises SamePerson, AlreadyDecided and NoSuchReversal."""
    by, reason = _said(by, NAME_MAX), _said(reason, REASON_MAX)
    found = _open(tx, number, by)
    return _decide(tx, found.id, REJECTED, by, now, because=reason)


def get(tx: Tx, number: int) -> Reversal:
    """A reversal as it is now. Raises NoSuchReversal."""
    return _one(tx, number, "")


def of(tx: Tx, serial: int) -> list[Reversal]:
    """What was proposed about a transfer, the oldest first."""
    found = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM points_reversals WHERE of_serial = %(serial)s ORDER BY id",
        {"serial": serial},
    )
    return [Reversal(*row) for row in found]


def pending(tx: Tx, limit: int) -> list[Reversal]:
    """What waits for somebody's decision, the oldest first."""
    found = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM points_reversals WHERE state = 'proposed'"
        " ORDER BY id LIMIT %(limit)s",
        {"limit": limit},
    )
    return [Reversal(*row) for row in found]


def _no_voucher(tx: Tx, transfer: Nature) -> None:
    """Raises NotReversible for what paid a voucher, which would stay good, and be owed for.

    An unused one is refunded (vouchers.ending), a used one compensated (settlement.deductions).
    """
    paid = sql.maybe_value(
        tx,
        "SELECT id FROM vouchers WHERE subscriber_id = %(payer)s AND serial = %(serial)s LIMIT 1",
        {"payer": transfer.payer, "serial": transfer.serial},
    )
    if paid is not None:
        raise NotReversible(f"{transfer.serial} paid voucher {paid}")


def _said(words: str, most: int) -> str:
    words = words.strip()
    if not words or len(words) > most:
        raise ValueError(f"a name or reason has 1 to {most} characters")
    return words


def _one(tx: Tx, number: int, lock_it: str) -> Reversal:
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM points_reversals WHERE id = %(number)s {lock_it}",
        {"number": number},
    )
    if row is None:
        raise NoSuchReversal(number)
    return Reversal(*row)


def _open(tx: Tx, number: int, by: str) -> Reversal:
    """The proposal, held, if this person may decide on it."""
    found = _one(tx, number, "FOR NO KEY UPDATE")
    if found.state != PROPOSED:
        raise AlreadyDecided(found)
    if by.lower() == found.proposed_by.lower():
        raise SamePerson(by)
    return found


def _enough(found: Reversal, left: int, points: int) -> None:
    if left == 0 or (left < points and not found.partial):
        raise AlreadyUsed(left, points)


def _backwards(tx: Tx, transfer: Nature, now: datetime) -> list[Leg]:
    """From the receiver's lots, as far as they have it, to where it came from."""
    people = sorted({transfer.payer, transfer.payee} - {HOUSE})
    owners = {person: lock_id(tx, person).id for person in people} | {HOUSE: HOUSE}
    payer, payee = owners[transfer.payer], owners[transfer.payee]
    if payer == payee:
        raise NotReversible("giver and receiver are the same person by now")
    lock(tx, transfer.serial)
    units = {leg.unit for leg in transfer.onward}
    today, has = day_of(now), defaultdict[Account, int](int)
    for lot in lots.lock(tx, owners.values(), KINDS, units):
        if lot.expires_on >= today:
            has[lot.account] = lot.balance
    legs = []
    for leg in transfer.onward:
        account = replace(leg.payee, owner=payee)
        part = min(leg.points, has[account])
        has[account] -= part
        if part:
            legs.append(Leg(part, account, replace(leg.payer, owner=payer), leg.unit))
    return legs


def _decide(
    tx: Tx, number: int, state: str, by: str, now: datetime, *, because: str | None = None,
    serial: int | None = None, points: int | None = None,
) -> Reversal:  # fmt: skip
    row = sql.one(
        tx,
        "UPDATE points_reversals SET state = %(state)s, decided_by = %(by)s, decided_at = %(now)s,"
        " rejected_because = %(because)s, serial = %(serial)s, points = %(points)s"
        f" WHERE id = %(number)s RETURNING {_COLUMNS}",
        {
            "state": state, "by": by, "now": now, "because": because, "serial": serial,
            "points": points, "number": number,
        },
    )  # fmt: skip
    return Reversal(*row)
