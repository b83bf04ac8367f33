"""Operators' sessions: opaque tokens, stored hashed; over when idle, when old, or when revoked.

signed in ──▶ code ──▶ password ──▶ enrol ──▶ done
               (each step only where it is due)
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from models import sql
from models.base import Tx, metadata, moment
from models.operators.accounts import COLUMNS, Operator
from models.operators.roles import NEEDS_CODE

# What is asked for next; with "done" all doors open that the role opens, before it none.
CODE, PASSWORD, ENROL, DONE = "code", "password", "enrol", "done"
# A page every second must not write every second.
NOTED_EVERY = timedelta(minutes=1)
BROWSER_LENGTH = 200

sessions = Table(
    "operator_sessions",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False),
    Column("operator_id", BigInteger, ForeignKey("operators.id"), nullable=False),
    Column("code_passed", Boolean, nullable=False),
    # The secret that is being enrolled, sealed; it counts once a code has proved it.
    Column("totp_offered", LargeBinary),
    Column("address", String(45), nullable=False),
    Column("browser", String(BROWSER_LENGTH), nullable=False),
    moment("created_at"),
    moment("seen_at"),
    moment("expires_at"),
    moment("ended_at", nullable=True),
    Column("ended_because", String(20)),
    UniqueConstraint("token_hash"),
    CheckConstraint("length(token_hash) = 32", name="hashed"),
    CheckConstraint("expires_at > created_at", name="lasts"),
    CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="ended"),
    Index(None, "operator_id"),
    Index(None, "expires_at"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lives without being used, and at all."""

    idle: timedelta = timedelta(minutes=30)
    lasts: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Session:
    """`step`: what is asked for next; only with "done" may anything else be done."""

    id: int
    operator: Operator
    step: str
    code_passed: bool
    address: str
    browser: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


def create(
    tx: Tx, operator_id: int, *, limits: Limits, address: str, browser: str, now: datetime,
    code_passed: bool = False,
) -> str:  # fmt: skip
    """A new session; returns its token, which only the browser has from now on."""
    token = secrets.token_urlsafe(32)
    sql.run(
        tx,
        "INSERT INTO operator_sessions (token_hash, operator_id, code_passed, address, browser,"
        " created_at, seen_at, expires_at) VALUES (%(hash)s, %(operator)s, %(code_passed)s,"
        " %(address)s, %(browser)s, %(now)s, %(now)s, %(until)s)",
        {
            "hash": _hash(token), "operator": operator_id, "code_passed": code_passed,
            "address": address[:45], "browser": _tidy(browser), "now": now,
            "until": now + limits.lasts,
        },
    )  # fmt: skip
    return token


def find(tx: Tx, token: str, *, limits: Limits, now: datetime) -> Session | None:
    """The session of a token, noted as seen; None if it is unknown or over.

    At most once a minute it writes, one statement: run it in a transaction or in `store.read`.
    """
    row = sql.first(
        tx,
        f"SELECT {COLUMNS}, s.id, s.code_passed, o.must_change, s.address, s.browser,"
        " s.created_at, s.seen_at, s.expires_at"
        " FROM operator_sessions s JOIN operators o ON o.id = s.operator_id"
        f" WHERE s.token_hash = %(hash)s AND o.active AND {_ALIVE}",
        {"hash": _hash(token), "now": now, "idle_since": now - limits.idle},
    )
    if row is None:
        return None
    found = _session(row)
    if now - found.seen_at >= NOTED_EVERY:
        sql.run(
            tx,
            "UPDATE operator_sessions SET seen_at = %(now)s"
            " WHERE id = %(id)s AND seen_at < %(now)s",
            {"id": found.id, "now": now},
        )
    return found


_ALIVE = "s.ended_at IS NULL AND s.expires_at > %(now)s AND s.seen_at > %(idle_since)s"


def _session(row: tuple[Any, ...]) -> Session:
    operator = Operator(*row[:7])
    number, code_passed, must_change, *rest = row[7:]
    step = _step(operator, code_passed=code_passed, must_change=must_change)
    return Session(number, operator, step, code_passed, *rest)


def _step(operator: Operator, *, code_passed: bool, must_change: bool) -> str:
    if operator.totp and not code_passed:
        return CODE
    if must_change:
        return PASSWORD
    if operator.role in NEEDS_CODE and not operator.totp:
        return ENROL
    return DONE


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _tidy(browser: str) -> str:
    return "".join(sign for sign in browser if sign.isprintable())[:BROWSER_LENGTH]
