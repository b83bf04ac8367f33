"""A merchant's credit: 100, less what upheld complaints and the like have cost lately.

Each change is a row that is never changed again; after LASTS it counts no more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip

from models import audit, sql
from models.audit import By
from models.base import Tx, metadata, moment
from models.merchants import partners
from models.offers.happening import said

FULL = 100
LASTS = timedelta(days=365)
MOST = 100  # points in one change

credit_changes = Table(
    "merchant_credit",
    metadata,
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("change", Integer, nullable=False),
    Column("reference", String(60), nullable=False),  # "complaint:10001": counted once
    Column("why", Text, nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("merchant_code", "no"),
    UniqueConstraint("merchant_code", "reference"),
    CheckConstraint(f"change BETWEEN -{MOST} AND {MOST} AND change <> 0", name="change"),
    CheckConstraint("btrim(why) <> '' AND btrim(reference) <> ''", name="why"),
)


def lower(
    tx: Tx, merchant_code: str, *, points: int, reference: str, why: str, by: By, now: datetime
) -> bool:
    """Take so many points of credit off; False where this `reference` has cost some already.

    Raises NoSuchMerchant; ValueError without a reason. The caller re-rates (rating.rerate).
    """
    why = said(why)
    partners.get(tx, merchant_code, lock=True)
    counted = sql.change(
        tx,
        'INSERT INTO merchant_credit (merchant_code, no, change, reference, why, "by", at)'
        " SELECT %(code)s::varchar, coalesce(max(no), 0) + 1, %(change)s, %(reference)s,"
        " %(why)s, %(by)s, %(now)s FROM merchant_credit WHERE merchant_code = %(code)s::varchar"
        " ON CONFLICT (merchant_code, reference) DO NOTHING",
        {
            "code": merchant_code, "change": -points, "reference": reference, "why": why,
            "by": by.login, "now": now,
        },
    )  # fmt: skip
    if counted:
        audit.write(
            tx, by, action="merchant.credit", subject=f"merchant:{merchant_code}",
            after={"change": -points, "reference": reference}, reason=why, now=now,
        )  # fmt: skip
    return bool(counted)


def of(tx: Tx, merchant_code: str, now: datetime) -> int:
    """What is left of a merchant's credit, 0 to 100."""
    found = sql.value(
        tx,
        "SELECT coalesce(sum(change), 0) FROM merchant_credit"
        " WHERE merchant_code = %(code)s AND at > %(since)s",
        {"code": merchant_code, "since": now - LASTS},
    )
    return max(0, min(FULL, FULL + int(found)))
