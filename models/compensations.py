"""Compensation: what somebody gets for a complaint that is upheld, once, decided by two people.

service proposes ──approver approves──▶ the complaint is upheld, and in the same transaction
    the voucher's points ──▶ the lots they came from     (settlement/deductions.py, which takes
    its worth off the merchant's statement)
    goodwill ──▶ promotional points, up to a limit
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import approvals, complaints, points, serials, sql, subscribers
from models.approvals import Proposal
from models.audit import By
from models.base import Tx, metadata, moment
from models.complaints import OPEN, UPHELD, Complaint
from models.merchants import credit, partners, rating
from models.points import PROMOTIONAL, Cause, day_of, refunds
from models.settlement import deductions
from models.vouchers import vouchers
from models.vouchers.verifying import UNDO_WITHIN
from models.vouchers.vouchers import VERIFIED, VOUCHER

KIND = "compensation"  # of proposal

# Never updated, never deleted: a trigger refuses it (migrations/).
compensations = Table(
    "compensations",
    metadata,
    Column("complaint", BigInteger, ForeignKey("complaints.number"), nullable=False),
    Column("voucher_owner", BigInteger),
    Column("voucher_id", BigInteger),
    Column("refund_points", BigInteger, nullable=False),
    Column("refund_serial", BigInteger, ForeignKey("points_refunds.serial")),
    Column("goodwill_points", Integer, nullable=False),
    Column("goodwill_serial", BigInteger, ForeignKey("points_transfers.serial")),
    Column("proposal", BigInteger, ForeignKey("approval_proposals.id"), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("complaint"),
    UniqueConstraint("proposal"),
    ForeignKeyConstraint(["voucher_owner", "voucher_id"], VOUCHER),
    CheckConstraint(
        "refund_points >= 0 AND (refund_points > 0) = (refund_serial IS NOT NULL)"
        " AND (refund_points > 0) = (voucher_id IS NOT NULL)"
        " AND (voucher_owner IS NULL) = (voucher_id IS NULL)",
        name="refund",
    ),
    CheckConstraint(
        "goodwill_points >= 0 AND (goodwill_points > 0) = (goodwill_serial IS NOT NULL)",
        name="goodwill",
    ),
    CheckConstraint("refund_points + goodwill_points > 0", name="something"),
    # However many complaints there are about a voucher, its points go back once.
    Index("compensations_once", "voucher_owner", "voucher_id", unique=True,
          postgresql_where=text("voucher_id IS NOT NULL")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compensation:
    """What somebody got: points back to their lots, and points beside."""

    complaint: int
    refund_points: int
    refund_serial: int | None
    goodwill_points: int
    goodwill_serial: int | None
    at: datetime

    @property
    def points(self) -> int:
        """All of it."""
        return self.refund_points + self.goodwill_points


@dataclass(frozen=True, slots=True)
class Limits:
    """Goodwill at most, and how long it lasts; days of grace for what has expired meanwhile."""

    goodwill_most: int
    goodwill_lasts: timedelta
    grace_days: int
    upheld_costs: int  # points of a merchant's credit


class NotPayable(Exception):
    """Nothing can be given for this complaint (any more), and `why`.

    closed, paid (this complaint), refunded (the voucher's points are back already), nothing,
    no_voucher, not_verified, too_early (the till can still take it back), too_much (goodwill),
    nobody (the person is not there any more).
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def propose(
    tx: Tx, number: int, *, refund: bool, goodwill: int, reason: str, by: By, limits: Limits,
    now: datetime,
) -> Proposal:  # fmt: skip
    """Propose to uphold a complaint and to give so much for it; somebody else decides.

    Raises NotPayable, NoSuchComplaint, and what approvals.propose() raises.
    """
    found = complaints.get(tx, number)
    _check(tx, found, refund=refund, goodwill=goodwill, limits=limits, now=now)
    return approvals.propose(
        tx, kind=KIND, subject=subject(number), reason=reason, by=by, now=now,
        payload={"complaint": number, "refund": refund, "goodwill": goodwill},
    )  # fmt: skip


def subject(number: int) -> str:
    """How a proposal names a complaint."""
    return f"complaint:{number}"


def apply(
    tx: Tx, proposal: Proposal, *, by: By, limits: Limits, now: datetime
) -> tuple[Complaint, Compensation]:
    """Uphold the complaint, if it is not yet, and give what was proposed. Raises NotPayable.

    The points are back when this returns, and their worth is off the merchant's statement.
    """
    number = int(proposal.payload["complaint"])
    refund, goodwill = bool(proposal.payload["refund"]), int(proposal.payload["goodwill"])
    # The person, then the merchant, then what is theirs: as everywhere.
    who = subscribers.lock_id(tx, complaints.get(tx, number).subscriber_id)
    found = complaints.get(tx, number, lock=True)
    if who.status not in ("active", "blocked"):
        raise NotPayable("nobody")
    if found.merchant_code is not None:
        partners.get(tx, found.merchant_code, lock=True)
    _check(tx, found, refund=refund, goodwill=goodwill, limits=limits, now=now)
    if found.state != UPHELD:
        uphold(tx, number, words=proposal.reason, by=by, limits=limits, now=now)
    serial, back = _refund(tx, found, by=by, limits=limits, now=now) if refund else (None, 0)
    given = _goodwill(tx, found, who.id, goodwill, by, limits, now) if goodwill else None
    paid = Compensation(number, back, serial, goodwill, given, now)
    _keep(tx, paid, found, proposal.id)
    words = f"refund {back}, goodwill {goodwill}"
    after = complaints.note(tx, number, words=words, by=by.login, now=now, what="paid")
    return after, paid


def uphold(tx: Tx, number: int, *, words: str, by: By, limits: Limits, now: datetime) -> Complaint:
    """Find that a complaint is right: its merchant loses credit, and is rated anew.

    Raises NoWay and NoSuchComplaint.
    """
    upheld = complaints.move(tx, number, to=UPHELD, words=words, by=by.login, now=now)
    merchant = upheld.merchant_code
    if merchant is None:
        return upheld
    why = f"complaint {complaints.name(number)} upheld"
    lowered = credit.lower(
        tx, merchant, points=limits.upheld_costs, reference=subject(number), why=why, by=by,
        now=now,
    )  # fmt: skip
    if lowered and rating.live(tx) is not None:
        rating.rerate(tx, merchant, now, why=why, by=by)
    return upheld


def of(tx: Tx, number: int) -> Compensation | None:
    """What was given for a complaint, or None."""
    row = sql.first(
        tx,
        "SELECT complaint, refund_points, refund_serial, goodwill_points, goodwill_serial, at"
        " FROM compensations WHERE complaint = %(number)s",
        {"number": number},
    )
    return Compensation(*row) if row else None


def refundable(tx: Tx, complaint: Complaint, now: datetime) -> int:
    """How many points can go back for the voucher that a complaint is about. Raises NotPayable."""
    owner, number = _voucher(complaint)
    voucher = vouchers.get(tx, subscriber_id=owner, voucher_id=number)
    if voucher.state != VERIFIED:
        raise NotPayable("not_verified")
    if voucher.ended_at is not None and now - voucher.ended_at <= UNDO_WITHIN:
        raise NotPayable("too_early")
    left = refunds.left_of(tx, voucher.serial)
    if left < voucher.price_points:
        raise NotPayable("refunded")
    return left


def is_the_payers(tx: Tx, complaint: Complaint) -> bool:
    """Whether who complains has paid for the voucher: of a gift, the points are the giver's."""
    serial = complaint.transfer_serial
    return serial is not None and serials.is_theirs(tx, complaint.subscriber_id, serial)


def _voucher(complaint: Complaint) -> tuple[int, int]:
    if complaint.voucher_owner is None or complaint.voucher_id is None:
        raise NotPayable("no_voucher")
    return complaint.voucher_owner, complaint.voucher_id


def _check(
    tx: Tx, found: Complaint, *, refund: bool, goodwill: int, limits: Limits, now: datetime
) -> None:
    if found.state not in (*OPEN, UPHELD):
        raise NotPayable("closed")
    if of(tx, found.number) is not None:
        raise NotPayable("paid")
    if not 0 <= goodwill <= limits.goodwill_most:
        raise NotPayable("too_much")
    if not refund and not goodwill:
        raise NotPayable("nothing")
    if refund:
        refundable(tx, found, now)


def _refund(tx: Tx, found: Complaint, *, by: By, limits: Limits, now: datetime) -> tuple[int, int]:
    """The serial number of what went back, and how many points."""
    owner, voucher = _voucher(found)
    try:
        serial = deductions.take_back(
            tx, subscriber_id=owner, voucher_id=voucher, channel="console",
            why=f"投诉 {complaints.name(found.number)}", by=by.login, now=now,
            grace_days=limits.grace_days,
        )  # fmt: skip
    except deductions.NotVerified:  # a till has just taken it back
        raise NotPayable("not_verified") from None
    if serial is None:
        raise NotPayable("refunded")
    back = sql.value(
        tx, "SELECT points FROM points_refunds WHERE serial = %(serial)s", {"serial": serial}
    )
    return serial, int(back)


def _goodwill(
    tx: Tx, found: Complaint, person: int, goodwill: int, by: By, limits: Limits, now: datetime
) -> int:
    cause = Cause(
        f"goodwill:{found.number}", "goodwill", "console", subject(found.number), by.login
    )
    return points.issue(
        tx, subscribers.get(tx, person), kind=PROMOTIONAL, points=goodwill, cause=cause, now=now,
        expires_on=day_of(now) + limits.goodwill_lasts,
    ).serial  # fmt: skip


def _keep(tx: Tx, paid: Compensation, found: Complaint, proposal: int) -> None:
    back = paid.refund_serial is not None
    sql.run(
        tx,
        "INSERT INTO compensations (complaint, voucher_owner, voucher_id, refund_points,"
        " refund_serial, goodwill_points, goodwill_serial, proposal, at) VALUES (%(number)s,"
        " %(owner)s, %(voucher)s, %(back)s, %(serial)s, %(goodwill)s, %(given)s, %(proposal)s,"
        " %(now)s)",
        {
            "number": paid.complaint, "owner": found.voucher_owner if back else None,
            "voucher": found.voucher_id if back else None, "back": paid.refund_points,
            "serial": paid.refund_serial, "goodwill": paid.goodwill_points,
            "given": paid.goodwill_serial, "proposal": proposal, "now": paid.at,
        },
    )  # fmt: skip
