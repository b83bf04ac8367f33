"""Verifying at a till: exactly once, also with two tills at once; undone within ten minutes.

    vouchers ──1:n──▶ verifications (one of them at most is not undone)

A verification is the line in the merchant's ledger: what the operator owes, and from when on.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment
from models.points import day_of
from models.vouchers import vouchers
from models.vouchers.vouchers import (
    CODE_LENGTH,
    COLUMNS,
    EXPIRED,
    ISSUED,
    SHORT_LENGTH,
    VERIFIED,
    VOUCHER,
    Voucher,
)

# An amount falls due so many calendar days after the day of the verification.
DUE_AFTER = timedelta(days=15)
UNDO_WITHIN = timedelta(minutes=10)
_ADDRESS = re.compile(r"https?://[^\s/]+/v/([0-9A-Za-z]{26})/?")

verifications = Table(
    "verifications",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False),
    Column("voucher_id", BigInteger, nullable=False),
    Column("no", Integer, nullable=False),
    Column("key", String(100), nullable=False),  # idempotency: the till's form
    Column("merchant_code", String(32), nullable=False),
    Column("store_no", Integer, nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    Column("due_on", Date, nullable=False),
    Column("cents", BigInteger, nullable=False),  # owed to the merchant, in hundredths of a fen
    moment("undone_at", nullable=True),
    Column("undone_by", String(80)),
    Column("undone_why", Text),
    PrimaryKeyConstraint("subscriber_id", "voucher_id", "no"),
    ForeignKeyConstraint(["subscriber_id", "voucher_id"], VOUCHER),
    ForeignKeyConstraint(
        ["merchant_code", "store_no"], ["stores.merchant_code", "stores.store_no"]
    ),
    CheckConstraint("cents >= 0", name="cents"),
    CheckConstraint(
        "(undone_at IS NULL) = (undone_by IS NULL) AND (undone_at IS NULL) = (undone_why IS NULL)"
        " AND undone_why <> ''",
        name="undone",
    ),
    # Exactly once, whatever else went wrong.
    Index("verifications_once", "subscriber_id", "voucher_id", unique=True,
          postgresql_where=text("undone_at IS NULL")),
    UniqueConstraint("subscriber_id", "voucher_id", "key"),
    Index("verifications_of_store", "merchant_code", "at"),
    # In the order of statements, page by page.
    Index("verifications_due", "merchant_code", "due_on", "at", "voucher_id"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Till:
    """Where and by whom a voucher is verified."""

    merchant_code: str
    store_no: int
    by: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A line of the merchant's ledger. `cents` are hundredths of a fen."""

    subscriber_id: int
    voucher_id: int
    no: int
    merchant_code: str
    store_no: int
    by: str
    at: datetime
    due_on: date
    cents: int
    undone_at: datetime | None


_LINE = ", ".join(f"n.{name}" for name in Verification.__dataclass_fields__)


class NotVerified(Exception):
    """The voucher was not verified, and `why`.

    unknown, refunded, expired, given, other_store, undone (an old form, sent again); or used, and
    `used` says where and when.
    """

    def __init__(self, why: str, used: Verification | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.used = used


class TooLate(Exception):
    """Nothing to undo, or its ten minutes are over."""


def tidy(typed: str) -> str:
    """A code as it is stored, from what a till typed or scanned; "" where it cannot be one.

    A voucher's QR code says the address of a page of ours, whose last part is the code.
    """
    scanned = _ADDRESS.fullmatch(typed.strip())
    bare = unicodedata.normalize("NFKC", scanned[1] if scanned else typed)
    code = re.sub(r"[\s-]", "", bare).upper().translate(str.maketrans("OIL", "011"))
    known = re.fullmatch(rf"[0-9]{{{SHORT_LENGTH}}}|[0-9A-HJKMNP-TV-Z]{{{CODE_LENGTH}}}", code)
    return code if known else ""


def look(tx: Tx, till: Till, typed: str, now: datetime) -> Voucher:
    """The voucher that this till could verify now; changes nothing. Raises NotVerified."""
    voucher, stores = find(tx, till, typed)
    check(tx, voucher, stores, till, now)
    return voucher


def find(tx: Tx, till: Till, typed: str, *, lock: bool = False) -> tuple[Voucher, list[int]]:
    """The voucher of this code at the till's merchant, in whatever state, and the stores that its
    offer is limited to (none: all of them). Raises NotVerified (unknown)."""
    code = tidy(typed)
    row = code and sql.first(
        tx,
        f"SELECT {COLUMNS}, ARRAY(SELECT store_no FROM offer_stores s"
        " WHERE s.offer_code = v.offer_code) FROM voucher_codes c JOIN vouchers v"
        " ON v.subscriber_id = c.subscriber_id AND v.id = c.voucher_id"
        " WHERE c.merchant_code = %(merchant)s AND c.code = %(code)s"
        + (" FOR NO KEY UPDATE OF v" if lock else ""),
        {"merchant": till.merchant_code, "code": code},
    )
    if not row:
        raise NotVerified("unknown")
    *columns, stores = row
    return Voucher(*columns), stores


def check(tx: Tx, voucher: Voucher, stores: list[int], till: Till, now: datetime) -> None:
    """Raises NotVerified where this till cannot verify this voucher now."""
    if voucher.state == VERIFIED:
        raise NotVerified("used", _line(tx, voucher, "AND n.undone_at IS NULL"))
    if voucher.state != ISSUED:
        raise NotVerified(voucher.state)
    if now >= voucher.valid_until:
        raise NotVerified(EXPIRED)
    if stores and till.store_no not in stores:
        raise NotVerified("other_store")


def verify(tx: Tx, till: Till, typed: str, *, key: str, now: datetime) -> Verification:
    """Verify it, once. Raises NotVerified. The same key again returns the first verification."""
    voucher, stores = find(tx, till, typed, lock=True)
    if voucher.state == VERIFIED:
        again = _line(tx, voucher, "AND n.key = %(key)s AND n.undone_at IS NULL", key=key)
        if again is not None:
            return again
    check(tx, voucher, stores, till, now)
    row = sql.first(
        tx,
        "INSERT INTO verifications AS n (subscriber_id, voucher_id, no, key, merchant_code,"
        " store_no, by, at, due_on, cents) SELECT %(subscriber)s, %(id)s, count(*) + 1, %(key)s,"
        " %(merchant)s, %(store)s, %(by)s, %(now)s, %(due)s, %(cents)s FROM verifications"
        " WHERE subscriber_id = %(subscriber)s AND voucher_id = %(id)s"
        f" ON CONFLICT (subscriber_id, voucher_id, key) DO NOTHING RETURNING {_LINE}",
        {
            "subscriber": voucher.subscriber_id, "id": voucher.id, "key": key,
            "merchant": till.merchant_code, "store": till.store_no, "by": till.by, "now": now,
            "due": day_of(now) + DUE_AFTER, "cents": voucher.pays_cents,
        },
    )  # fmt: skip
    if row is None:
        raise NotVerified("undone")  # an old form, sent again after it was taken back
    vouchers.note(tx, voucher, VERIFIED, why=f"store {till.store_no}", by=till.by, now=now)
    return Verification(*row)


def undo(
    tx: Tx, till: Till, *, subscriber_id: int, voucher_id: int, why: str, now: datetime
) -> Voucher:
    """Take a verification back at the store that made it; the voucher can be used again.

    Raises TooLate, also where its points are back already (settlement/deductions.py), whatever the
    clock of this request says; and ValueError without a reason.
    """
    if not why.strip():
        raise ValueError("a reason is needed")
    voucher = vouchers.get(tx, subscriber_id=subscriber_id, voucher_id=voucher_id, lock=True)
    undone = sql.change(
        tx,
        "UPDATE verifications SET undone_at = %(now)s, undone_by = %(by)s, undone_why = %(why)s"
        " WHERE subscriber_id = %(subscriber)s AND voucher_id = %(id)s AND undone_at IS NULL"
        " AND merchant_code = %(merchant)s AND store_no = %(store)s AND at > %(since)s"
        " AND NOT EXISTS (SELECT 1 FROM settlement_deductions d"
        "  WHERE d.subscriber_id = %(subscriber)s AND d.voucher_id = %(id)s)",
        {
            "subscriber": subscriber_id, "id": voucher_id, "merchant": till.merchant_code,
            "store": till.store_no, "by": till.by, "why": why, "now": now,
            "since": now - UNDO_WITHIN,
        },
    )  # fmt: skip
    if not undone:
        raise TooLate
    vouchers.note(tx, voucher, ISSUED, why=f"undone: {why}", by=till.by, now=now)
    return vouchers.get(tx, subscriber_id=subscriber_id, voucher_id=voucher_id)


def _line(tx: Tx, voucher: Voucher, where: str, **values: str) -> Verification | None:
    row = sql.first(
        tx,
        f"SELECT {_LINE} FROM verifications n WHERE n.subscriber_id = %(subscriber)s"
        f" AND n.voucher_id = %(id)s {where}",
        {"subscriber": voucher.subscriber_id, "id": voucher.id, **values},
    )
    return Verification(*row) if row else None
