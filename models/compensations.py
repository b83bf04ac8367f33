"""Compensation: what somebody gets for a complaint that is upheld, once, decided by two people.

service proposes ──approver approves──▶ the complaint is upheld, and in the same transaction
    the voucher's points ──▶ the lots they came from     (settlement/deductions.py, which takes
    its worth off the merchant's statement)
    goodwill ──▶ promotional points, up to a limit
"""

from __future__ import annotations

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

from models.base import metadata, moment
from models.vouchers.vouchers import VOUCHER

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
