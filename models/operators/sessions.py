"""Operators' sessions: opaque tokens, stored hashed; over when idle, when old, or when revoked.

signed in ──▶ code ──▶ password ──▶ enrol ──▶ done
               (each step only where it is due)
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
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

from models import audit, sql
from models.audit import By
from models.base import Tx, metadata, moment
from models.operators.accounts import COLUMNS, Operator, needs_over, subject
from models.operators.roles import NEEDS_CODE, ROLES

# What is asked for next; with "done" all doors open that the role opens, before it none.
CODE, PASSWORD, ENROL, DONE = "code", "password", "enrol", "done"
# A page every second must not write every second.
NOTED_EVERY = timedelta(minutes=1)
BROWSER_LENGTH = 200
# Then nobody asks any more from where somebody was signed in; the audit has who and when.
KEPT_FOR = timedelta(days=30)

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
    token_hash: bytes = field(repr=False)


class Over(Exception):
    """The session has been ended, or has another token by now."""


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


def find(
    tx: Tx, token: str, *, limits: Limits, now: datetime, note: bool = True,
    admits: Collection[str] = ROLES,
) -> Session | None:  # fmt: skip
    """The session of a token, noted as seen; None if it is unknown or over, or if the door
    `admits` no such role: what opens the one is good for nothing at the other.

    `note` False: a page asks by itself, and nobody may be sitting before it. At most once a minute
    it writes, one statement: run it in a transaction or in `store.read`.
    """
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS}"
        " FROM operator_sessions s JOIN operators o ON o.id = s.operator_id"
        f" WHERE s.token_hash = %(hash)s AND o.active AND o.role = ANY (%(roles)s) AND {_ALIVE}",
        {
            "hash": _hash(token), "now": now, "idle_since": now - limits.idle,
            "roles": list(admits),
        },
    )  # fmt: skip
    if row is None:
        return None
    found = _session(row)
    if note and now - found.seen_at >= NOTED_EVERY:
        sql.run(
            tx,
            "UPDATE operator_sessions SET seen_at = %(now)s"
            " WHERE id = %(id)s AND seen_at < %(now)s",
            {"id": found.id, "now": now},
        )
    return found


def hold(tx: Tx, session: Session) -> None:
    """Keep the session and the role as they are until the end of the transaction.

    Whoever disables the operator, changes the role or resets the account waits for it, or has
    come first; so does what the same person does in another window. Raises Over when the session
    has ended or the role is another by now.
    """
    held = sql.first(
        tx,
        "SELECT 1 FROM operator_sessions s JOIN operators o ON o.id = s.operator_id"
        " WHERE s.id = %(id)s AND s.ended_at IS NULL AND o.active AND o.role = %(role)s"
        " FOR NO KEY UPDATE OF o",
        {"id": session.id, "role": session.operator.role},
    )
    if held is None:
        raise Over


def renew(tx: Tx, session: Session, *, code_passed: bool | None = None, now: datetime) -> str:
    """A new token for a session that has just passed a step; the old one is good for nothing.

    Raises Over when it has been ended or renewed meanwhile.
    """
    token = secrets.token_urlsafe(32)
    changed = sql.change(
        tx,
        "UPDATE operator_sessions SET token_hash = %(new)s, seen_at = %(now)s, totp_offered = NULL,"
        " code_passed = coalesce(%(code_passed)s, code_passed)"
        " WHERE id = %(id)s AND token_hash = %(old)s AND ended_at IS NULL",
        {
            "new": _hash(token), "old": session.token_hash, "id": session.id,
            "code_passed": code_passed, "now": now,
        },
    )  # fmt: skip
    if not changed:
        raise Over
    return token


def sign_out(tx: Tx, session: Session, *, by: By, now: datetime) -> None:
    """End one's own session."""
    if _end(tx, "id = %(id)s", "signed out", now, id=session.id):
        _note(tx, by, session.operator.id, "signed out", now)


def revoke(tx: Tx, session_id: int, *, by: By, now: datetime) -> bool:
    """End a session, one's own or, with the permission, another's. False if it is over already.

    Raises PermissionError.
    """
    owner = sql.maybe_value(
        tx, "SELECT operator_id FROM operator_sessions WHERE id = %(id)s", {"id": session_id}
    )
    if owner != by.operator_id:
        needs_over(tx, by, owner or 0)
    ended = bool(owner and _end(tx, "id = %(id)s", "revoked", now, id=session_id))
    if ended:
        _note(tx, by, owner, "revoked", now)
    return ended


def revoke_all(
    tx: Tx, operator_id: int, *, because: str, by: By, now: datetime, but: int | None = None
) -> int:
    """End all sessions of an operator, `but` one; returns how many there were."""
    ended = _end(
        tx, "operator_id = %(operator)s AND id IS DISTINCT FROM %(but)s", because, now,
        operator=operator_id, but=but,
    )  # fmt: skip
    if ended:
        _note(tx, by, operator_id, because, now, sessions=ended)
    return ended


def listed(tx: Tx, operator_id: int, *, limits: Limits, now: datetime) -> list[Session]:
    """The sessions of an operator that are not over, the latest first."""
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM operator_sessions s JOIN operators o ON o.id = s.operator_id"
        f" WHERE s.operator_id = %(operator)s AND o.active AND {_ALIVE} ORDER BY s.id DESC",
        {"operator": operator_id, "now": now, "idle_since": now - limits.idle},
    )
    return [_session(row) for row in rows]


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete sessions that were over before a moment, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM operator_sessions WHERE id = ANY (ARRAY(SELECT id FROM operator_sessions"
        " WHERE expires_at < %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED))",
        {"before": before, "limit": limit},
    )


def _end(tx: Tx, where: str, because: str, now: datetime, **values: Any) -> int:
    return sql.change(
        tx,
        "UPDATE operator_sessions SET ended_at = %(now)s, ended_because = %(because)s"
        f" WHERE ended_at IS NULL AND expires_at > %(now)s AND {where}",
        {"now": now, "because": because, **values},
    )


def _note(tx: Tx, by: By, operator_id: int, because: str, now: datetime, **more: Any) -> None:
    audit.write(
        tx, by, action="session.end", subject=subject(operator_id), now=now,
        after={"because": because, **more},
    )  # fmt: skip


_COLUMNS = (
    f"{COLUMNS}, s.id, s.code_passed, o.must_change, s.address, s.browser,"
    " s.created_at, s.seen_at, s.expires_at, s.token_hash"
)
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
