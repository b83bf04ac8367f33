"""Vouchers and their codes, and what happened to each.

    voucher_codes (merchant, code) ──▶ vouchers (subscriber_id, id) ──1:n──▶ voucher_events

A lookup table by code, so that the subscriber-scoped table needs no global key. A voucher has two
codes: a long one that its QR carries and nobody can guess, and a short one that can be typed,
whose guessing the tills count (verifying.py).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
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
from models.base import Tx, metadata, moment, subscriber_id
from models.subscribers import Subscriber

STATES = ISSUED, VERIFIED, REFUNDED, EXPIRED, GIVEN = (
    "issued", "verified", "refunded", "expired", "given",
)  # fmt: skip
# Crockford's base 32: no I, L, O, U, which people misread. 26 signs are 130 bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH, SHORT_LENGTH = 26, 10

vouchers = Table(
    "vouchers",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, Identity(start=10_000_001), nullable=False),
    Column("key", String(200), nullable=False),  # idempotency: the message that asked for it
    Column("offer_code", String(32), ForeignKey("offers.code"), nullable=False),
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("title", String(60), nullable=False),
    Column("state", String(16), nullable=False, server_default=ISSUED),
    Column("code", String(CODE_LENGTH), nullable=False),
    Column("short_code", String(SHORT_LENGTH), nullable=False),
    # As agreed when it was taken, whatever becomes of the offer.
    Column("price_points", Integer, nullable=False),
    Column("price_fen", Integer, nullable=False),
    Column("face_fen", Integer, nullable=False),
    Column("pays_cents", BigInteger, nullable=False),  # to the merchant, in hundredths of a fen
    # The transfer that paid it, also the number by which people speak of it. No key: the ledger
    # is not spread by subscriber, and its transfers are never deleted.
    Column("serial", BigInteger, nullable=False),
    moment("issued_at"),
    moment("valid_until"),
    moment("ended_at", nullable=True),
    Column("refund_serial", BigInteger),
    Column("paid_by", String(48)),  # an account of the house; NULL: its owner has paid
    Column("events", Integer, nullable=False, server_default="0"),
    moment("remind_at", nullable=True),  # when its owner is next told of it, unasked
    PrimaryKeyConstraint("subscriber_id", "id"),
    UniqueConstraint("subscriber_id", "key"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint("price_points > 0 AND price_fen >= 0 AND pays_cents >= 0", name="price"),
    CheckConstraint("valid_until > issued_at", name="window"),
    CheckConstraint("(state = 'issued') = (ended_at IS NULL)", name="ended"),
    CheckConstraint("refund_serial IS NULL OR state IN ('refunded', 'expired')", name="refunded"),
    Index("vouchers_running_out", "valid_until", postgresql_where=text("state = 'issued'")),
    Index("vouchers_to_remind", "remind_at", postgresql_where=text("remind_at IS NOT NULL")),
)

# What rows about a voucher refer to.
VOUCHER = ["vouchers.subscriber_id", "vouchers.id"]

codes = Table(
    "voucher_codes",
    metadata,
    Column("merchant_code", String(32), nullable=False),
    Column("code", String(CODE_LENGTH), nullable=False),
    Column("subscriber_id", BigInteger, nullable=False),
    Column("voucher_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("merchant_code", "code"),
    ForeignKeyConstraint(["subscriber_id", "voucher_id"], VOUCHER),
    Index(None, "subscriber_id", "voucher_id"),
)

# Never updated, never deleted: a trigger refuses it (migrations/).
events = Table(
    "voucher_events",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False),
    Column("voucher_id", BigInteger, nullable=False),
    Column("no", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # that it came into
    Column("why", Text, nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "voucher_id", "no"),
    ForeignKeyConstraint(["subscriber_id", "voucher_id"], VOUCHER),
    Index(None, "subscriber_id", "at"),
)


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher as it is now. Prices in points and fen; `pays_cents` in hundredths of a fen."""

    subscriber_id: int
    id: int
    offer_code: str
    merchant_code: str
    title: str
    state: str
    code: str
    short_code: str
    price_points: int
    price_fen: int
    face_fen: int
    pays_cents: int
    serial: int
    issued_at: datetime
    valid_until: datetime
    ended_at: datetime | None
    refund_serial: int | None
    paid_by: str | None


COLUMNS = ", ".join(f"v.{name}" for name in Voucher.__dataclass_fields__)


class NoSuchVoucher(Exception):
    """This person has no voucher of this number."""


def get(tx: Tx, *, subscriber_id: int, voucher_id: int, lock: bool = False) -> Voucher:
    """One voucher. Raises NoSuchVoucher."""
    row = sql.first(
        tx,
        f"SELECT {COLUMNS} FROM vouchers v"
        " WHERE v.subscriber_id = %(subscriber)s AND v.id = %(id)s"
        + (" FOR NO KEY UPDATE" if lock else ""),
        {"subscriber": subscriber_id, "id": voucher_id},
    )
    if row is None:
        raise NoSuchVoucher
    return Voucher(*row)


def of(tx: Tx, who: Subscriber, *, limit: int, before: int | None = None) -> list[Voucher]:
    """A person's, the newest first, those of people whom the person took over included.

    The next page begins `before` the last id of this one.
    """
    found = sql.rows(
        tx,
        "WITH RECURSIVE mine (id) AS (SELECT %(id)s::bigint UNION"
        " SELECT s.id FROM subscribers s JOIN mine ON s.merged_into = mine.id)"
        f" SELECT {COLUMNS} FROM vouchers v JOIN mine ON mine.id = v.subscriber_id"
        " WHERE v.id < %(before)s ORDER BY v.id DESC LIMIT %(limit)s",
        {"id": who.id, "before": before or 2**62, "limit": limit},
    )
    return [Voucher(*row) for row in found]


_ADD = (
    "WITH v AS (INSERT INTO vouchers (subscriber_id, key, offer_code, merchant_code, title,"
    " code, short_code, price_points, price_fen, face_fen, pays_cents, serial, issued_at,"
    " valid_until, remind_at, paid_by) VALUES (%(id)s, %(key)s, %(offer)s, %(merchant)s,"
    " %(title)s, %(code)s, %(short)s, %(points)s, %(fen)s, %(face)s, %(pays)s, %(serial)s, %(now)s,"
    " %(until)s, %(remind)s, %(paid_by)s) RETURNING *), looked_up AS (INSERT INTO voucher_codes"
    " (merchant_code, code, subscriber_id, voucher_id)"
    " SELECT v.merchant_code, each, v.subscriber_id, v.id"
    f" FROM v, unnest(ARRAY[v.code, v.short_code]) each) SELECT {COLUMNS} FROM v"
)


def add(tx: Tx, values: dict[str, Any]) -> Voucher:
    """A new voucher with codes of its own; the caller notes why it came to be."""
    short = new_short_code(tx, values["merchant"])
    return Voucher(*sql.one(tx, _ADD, {**values, "code": new_code(), "short": short}))


def new_code() -> str:
    """130 bits that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def new_short_code(tx: Tx, merchant: str) -> str:
    """Ten digits to be typed, which no voucher of this merchant has."""
    while True:
        # Two that draw the same at the same moment (1 in 10^10) collide at the key of the codes.
        code = "".join(str(secrets.randbelow(10)) for _ in range(SHORT_LENGTH))
        if find(tx, merchant=merchant, code=code) is None:
            return code


def find(tx: Tx, *, merchant: str, code: str) -> tuple[int, int] | None:
    """(subscriber id, voucher id) of a code at a merchant, or None."""
    row = sql.first(
        tx,
        "SELECT subscriber_id, voucher_id FROM voucher_codes"
        " WHERE merchant_code = %(merchant)s AND code = %(code)s",
        {"merchant": merchant, "code": code},
    )
    return (row[0], row[1]) if row else None


def note(
    tx: Tx, voucher: Voucher, state: str, *, why: str, by: str, now: datetime, **more: Any
) -> None:
    """Bring a voucher into a state, and note why and who."""
    values = {
        "subscriber": voucher.subscriber_id, "id": voucher.id, "state": state, "why": why,
        "by": by, "now": now, "ended": None if state == ISSUED else now, **more,
    }  # fmt: skip
    also = "".join(f", {name} = %({name})s" for name in more)
    sql.run(
        tx,
        "WITH changed AS (UPDATE vouchers SET state = %(state)s, ended_at = %(ended)s,"
        f" events = events + 1{also}"
        " WHERE subscriber_id = %(subscriber)s AND id = %(id)s RETURNING events)"
        " INSERT INTO voucher_events (subscriber_id, voucher_id, no, state, why, by, at)"
        " SELECT %(subscriber)s, %(id)s, events, %(state)s, %(why)s, %(by)s, %(now)s FROM changed",
        values,
    )
