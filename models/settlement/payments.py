"""Payments: statements that are paid together, by one file for the bank.

    statements ─▶ ready() ─▶ proposed, approved by another ─▶ make() ─▶ the bank's file ─▶ paid

A statement is in one payment at most: its number is the key. What a payment says, account
included, is frozen when it is made, so that its file is the same however often it is written.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment

NOTE_MAX = 200  # characters, of what the bank called it

payments = Table(
    "settlement_payments",
    metadata,
    Column("id", Integer, Identity(start=1001), primary_key=True),
    Column("through", Date, nullable=False),  # statements of periods that end here or before
    Column("merchants", Integer, nullable=False),
    Column("statements", Integer, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),  # of what was proposed, and approved
    Column("proposal_id", BigInteger, ForeignKey("approval_proposals.id"), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("approved_by", String(80), nullable=False),
    moment("made_at"),
    Column("paid_by", String(80)),
    moment("paid_at", nullable=True),
    Column("paid_note", String(NOTE_MAX)),
    UniqueConstraint("proposal_id"),
    CheckConstraint("proposed_by <> approved_by", name="two_people"),
    CheckConstraint("merchants > 0 AND statements >= merchants AND fen > 0", name="something"),
    CheckConstraint(
        "(paid_by IS NULL) = (paid_at IS NULL) AND (paid_by IS NULL) = (paid_note IS NULL)",
        name="paid",
    ),
)

# A merchant's part of a payment: one line of the bank's file.
payment_payees = Table(
    "settlement_payment_payees",
    metadata,
    Column("payment_id", Integer, ForeignKey("settlement_payments.id"), nullable=False),
    Column("merchant_code", String(32), ForeignKey("merchants.code"), nullable=False),
    Column("name", String(60), nullable=False),
    Column("account_no", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("tail", String(4), nullable=False),
    Column("fen", BigInteger, nullable=False),
    PrimaryKeyConstraint("payment_id", "merchant_code"),
    ForeignKeyConstraint(
        ["merchant_code", "account_no"], ["merchant_payees.merchant_code", "merchant_payees.no"]
    ),
    CheckConstraint("fen > 0", name="fen"),
)

payment_statements = Table(
    "settlement_payment_statements",
    metadata,
    Column(
        "statement_id", Integer, ForeignKey("settlement_statements.id"), primary_key=True,
        autoincrement=False,
    ),
    Column("payment_id", Integer, nullable=False),
    Column("merchant_code", String(32), nullable=False),
    Column("fen", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["payment_id", "merchant_code"],
        ["settlement_payment_payees.payment_id", "settlement_payment_payees.merchant_code"],
    ),
    CheckConstraint("fen > 0", name="fen"),
    Index(None, "payment_id", "merchant_code"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """What a merchant would get: the sum of some statements, into an account that ends so.

    `changed` says that this is another account than the last payment went to, or the first.
    """

    merchant_code: str
    name: str
    account_no: int | None
    tail: str | None
    fen: int
    statements: tuple[int, ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class Ready:
    """What could be paid, and what cannot since nobody has entered an account."""

    through: date
    parts: tuple[Part, ...]
    without_account: tuple[Part, ...]

    @property
    def fen(self) -> int:
        return sum(part.fen for part in self.parts)

    @property
    def statements(self) -> int:
        return sum(len(part.statements) for part in self.parts)

    def digest(self) -> bytes:
        """Says whether it is still the same: who gets how much, into which account, for what."""
        found = hashlib.sha256(f"{self.through}\n".encode())
        for part in self.parts:
            found.update(
                f"{part.merchant_code} {part.account_no} {part.fen} {part.statements}\n".encode()
            )
        return found.digest()


@dataclass(frozen=True, slots=True)
class Payment:
    id: int
    through: date
    merchants: int
    statements: int
    fen: int
    digest: bytes
    proposal_id: int
    proposed_by: str
    approved_by: str
    made_at: datetime
    paid_by: str | None
    paid_at: datetime | None
    paid_note: str | None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A line of the bank's file; `sealed` is the account (settlement/payees.py)."""

    merchant_code: str
    name: str
    sealed: bytes
    tail: str
    fen: int
    statements: tuple[int, ...]


_COLUMNS = ", ".join(Payment.__dataclass_fields__)

_READY = """
    SELECT s.merchant_code, m.name, p.no, p.tail, s.fen, s.ids,
           p.no IS DISTINCT FROM (
               SELECT account_no FROM settlement_payment_payees l
               WHERE l.merchant_code = s.merchant_code ORDER BY payment_id DESC LIMIT 1)
    FROM (SELECT merchant_code, sum(fen)::bigint AS fen, array_agg(id ORDER BY id) AS ids
          FROM settlement_statements s
          WHERE last <= %(through)s AND fen > 0 AND NOT EXISTS (
              SELECT FROM settlement_payment_statements x WHERE x.statement_id = s.id)
          GROUP BY merchant_code) s
    JOIN merchants m ON m.code = s.merchant_code
    LEFT JOIN LATERAL (
        SELECT no, tail FROM merchant_payees WHERE merchant_code = s.merchant_code
        ORDER BY no DESC LIMIT 1) p ON true
    ORDER BY s.merchant_code
"""


class ChangedSince(Exception):
    """What could be paid now is not what was proposed."""


def ready(tx: Tx, through: date) -> Ready:
    """Every statement until this day that is in no payment yet, by merchant."""
    found = [
        Part(code, name, no, tail, fen, tuple(ids), changed)
        for code, name, no, tail, fen, ids, changed in sql.rows(tx, _READY, {"through": through})
    ]
    return Ready(
        through,
        tuple(part for part in found if part.account_no is not None),
        tuple(part for part in found if part.account_no is None),
    )


def make(
    tx: Tx, through: date, *, digest: bytes, proposal_id: int, proposed_by: str, approved_by: str,
    now: datetime,
) -> Payment:  # fmt: skip
    """Make the payment that was proposed. Raises ChangedSince."""
    # Two that are approved at once: the second waits, and finds nothing left.
    sql.run(tx, "LOCK TABLE settlement_payment_statements IN SHARE ROW EXCLUSIVE MODE")
    what = ready(tx, through)
    if not what.parts or what.digest() != digest:
        raise ChangedSince
    row = sql.one(
        tx,
        "INSERT INTO settlement_payments (through, merchants, statements, fen, digest, proposal_id,"
        " proposed_by, approved_by, made_at) VALUES (%(through)s, %(merchants)s, %(statements)s,"
        " %(fen)s, %(digest)s, %(proposal)s, %(proposed)s, %(approved)s, %(now)s)"
        f" RETURNING {_COLUMNS}",
        {
            "through": through, "merchants": len(what.parts), "statements": what.statements,
            "fen": what.fen, "digest": digest, "proposal": proposal_id, "proposed": proposed_by,
            "approved": approved_by, "now": now,
        },
    )  # fmt: skip
    made = Payment(*row)
    values = {
        "id": made.id, "codes": [part.merchant_code for part in what.parts],
        "fen": [part.fen for part in what.parts],
        "ids": [number for part in what.parts for number in part.statements],
    }  # fmt: skip
    sql.run(
        tx,
        "INSERT INTO settlement_payment_payees (payment_id, merchant_code, name, account_no,"
        " sealed, tail, fen) SELECT %(id)s, code, m.name, p.no, p.sealed, p.tail, fen"
        " FROM unnest(%(codes)s::text[], %(fen)s::bigint[]) AS given (code, fen)"
        " JOIN merchants m USING (code) JOIN LATERAL (SELECT no, sealed, tail FROM merchant_payees"
        " WHERE merchant_code = code ORDER BY no DESC LIMIT 1) p ON true",
        values,
    )
    sql.run(
        tx,
        "INSERT INTO settlement_payment_statements (statement_id, payment_id, merchant_code, fen)"
        " SELECT id, %(id)s, merchant_code, fen FROM settlement_statements"
        " WHERE id = ANY (%(ids)s)",
        values,
    )
    return made


def get(tx: Tx, number: int) -> Payment | None:
    """A payment by its number."""
    row = sql.first(
        tx, f"SELECT {_COLUMNS} FROM settlement_payments WHERE id = %(n)s", {"n": number}
    )
    return Payment(*row) if row else None


def listed(tx: Tx, *, limit: int, below: int | None = None) -> list[Payment]:
    """Payments, the newest first; the next page is `below` the last number of this one."""
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM settlement_payments WHERE id < %(below)s"
        " ORDER BY id DESC LIMIT %(limit)s",
        {"below": below or 2**31 - 1, "limit": limit},
    )
    return [Payment(*row) for row in rows]


def parts(tx: Tx, payment_id: int, *, limit: int, after: str = "") -> list[FilePart]:
    """A payment's lines by merchant; the next page begins `after` the last merchant of this one."""
    rows = sql.rows(
        tx,
        "SELECT p.merchant_code, p.name, p.sealed, p.tail, p.fen,"
        " (SELECT array_agg(statement_id ORDER BY statement_id) FROM settlement_payment_statements"
        " s WHERE s.payment_id = p.payment_id AND s.merchant_code = p.merchant_code)"
        " FROM settlement_payment_payees p WHERE payment_id = %(id)s AND merchant_code > %(after)s"
        " ORDER BY merchant_code LIMIT %(limit)s",
        {"id": payment_id, "after": after, "limit": limit},
    )
    return [
        FilePart(code, name, sealed, tail, fen, tuple(ids))
        for code, name, sealed, tail, fen, ids in rows
    ]


def mark_paid(tx: Tx, number: int, *, note: str, by: str, now: datetime) -> bool:
    """The bank has paid it; False where somebody has said so before. ValueError without a note."""
    if not note.strip() or len(note) > NOTE_MAX:
        raise ValueError("say what the bank calls it")
    return (
        sql.change(
            tx,
            "UPDATE settlement_payments SET paid_by = %(by)s, paid_at = %(now)s,"
            " paid_note = %(note)s WHERE id = %(id)s AND paid_at IS NULL",
            {"id": number, "by": by, "now": now, "note": note.strip()},
        )
        == 1
    )


def payment_of(tx: Tx, statement_ids: list[int]) -> dict[int, Payment]:
    """The payments that these statements are in, by the statement's number."""
    columns = ", ".join(f"p.{name}" for name in Payment.__dataclass_fields__)
    rows = sql.rows(
        tx,
        f"SELECT x.statement_id, {columns} FROM settlement_payment_statements x"
        " JOIN settlement_payments p ON p.id = x.payment_id WHERE x.statement_id = ANY (%(ids)s)",
        {"ids": statement_ids},
    )
    return {row[0]: Payment(*row[1:]) for row in rows}
