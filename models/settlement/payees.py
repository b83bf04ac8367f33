"""Payees: the bank account that a merchant is paid into, sealed; each change is a row of its own.

The database alone cannot read an account (models/operators/vault.py), and people see its last
digits. The whole number stands in the bank's file and nowhere else.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
)

from models import sql
from models.base import Tx, metadata, moment
from models.operators.vault import Vault

HOLDER_MAX, BANK_MAX = 80, 80  # characters
NUMBER_MIN, NUMBER_MAX = 8, 32  # digits of an account
TAIL = 4  # digits that are shown
_NUMBER = re.compile(rf"[0-9]{{{NUMBER_MIN},{NUMBER_MAX}}}")

payees = Table(
    "merchant_payees",
    metadata,
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("no", Integer, nullable=False),  # the highest counts
    Column("sealed", LargeBinary, nullable=False),
    Column("tail", String(TAIL), nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    PrimaryKeyConstraint("merchant_code", "no"),
    CheckConstraint(f"tail ~ '^[0-9]{{{TAIL}}}$' AND no > 0", name="tail"),
)


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Who is paid, at which bank, into which account."""

    holder: str
    bank: str
    number: str


@dataclass(frozen=True, slots=True)
class Payee:
    """What may be shown of a merchant's account, and who entered it when."""

    merchant_code: str
    no: int
    tail: str
    by: str
    at: datetime


def tidy(holder: str, bank: str, number: str) -> BankAccount:
    """An account as it was typed, without spaces. Raises ValueError: "holder", "bank", "number"."""
    number = re.sub(r"[\s-]", "", number)
    for name, text, most in (
        ("holder", holder.strip(), HOLDER_MAX),
        ("bank", bank.strip(), BANK_MAX),
    ):
        if not text or len(text) > most or not text.isprintable():
            raise ValueError(name)
    if not _NUMBER.fullmatch(number):
        raise ValueError("number")
    return BankAccount(holder.strip(), bank.strip(), number)


def seal(vault: Vault, merchant: str, account: BankAccount) -> bytes:
    """The account, readable for this merchant only."""
    words = json.dumps(asdict(account), ensure_ascii=False, sort_keys=True)
    return vault.seal_for(f"merchant {merchant}", words)


def unseal(vault: Vault, merchant: str, sealed: bytes) -> BankAccount:
    """The account that was sealed. Raises vault.Unsealable."""
    return BankAccount(**json.loads(vault.open_for(f"merchant {merchant}", sealed)))


def enter(
    tx: Tx, vault: Vault, merchant: str, account: BankAccount, *, by: str, now: datetime
) -> Payee:
    """Pay this merchant into this account from now on."""
    row = sql.one(
        tx,
        "INSERT INTO merchant_payees (merchant_code, no, sealed, tail, by, at)"
        " SELECT %(merchant)s::text, coalesce(max(no), 0) + 1, %(sealed)s, %(tail)s, %(by)s,"
        " %(now)s"
        " FROM merchant_payees WHERE merchant_code = %(merchant)s::text"
        " RETURNING merchant_code, no, tail, by, at",
        {
            "merchant": merchant, "sealed": seal(vault, merchant, account),
            "tail": account.number[-TAIL:], "by": by, "now": now,
        },
    )  # fmt: skip
    return Payee(*row)


def of(tx: Tx, merchant: str) -> Payee | None:
    """The account that counts, None where nobody has entered one."""
    row = sql.first(
        tx,
        "SELECT merchant_code, no, tail, by, at FROM merchant_payees"
        " WHERE merchant_code = %(m)s ORDER BY no DESC LIMIT 1",
        {"m": merchant},
    )
    return Payee(*row) if row else None
