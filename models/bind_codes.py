"""Codes that prove a number: sent to it by SMS, for an openid that wants to be bound to it.

asked ──right code in time──▶ used: the openid is bound (models/binding.py)
  └──wrong codes, too late, or a newer code──▶ void
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.subscribers import Subscriber

CODE_DIGITS = 6
KEPT_FOR = timedelta(days=2)

codes = Table(
    "bind_codes",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, Identity(), nullable=False),
    Column("msisdn", String(20), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("code_hash", String(64), nullable=False),
    Column("attempts_left", Integer, nullable=False),
    moment("sent_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    # The openid, hashed: who unfollows and follows again is somebody new, and asks no more often.
    Column("asked_by", String(64)),
    PrimaryKeyConstraint("subscriber_id", "id"),
    CheckConstraint("attempts_left >= 0", name="attempts"),
    Index(None, "msisdn", "sent_at"),
    Index(None, "asked_by", "sent_at"),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How often codes may be asked for and guessed."""

    code_lasts: timedelta
    attempts: int
    per_person_an_hour: int
    per_number_a_day: int
    countries: frozenset[str]  # dialling codes with their plus, such as +86


class TooOften(Exception):
    """No code can be sent now; `wait` says for how long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"wait {wait}")
        self.wait = wait


def make_code(tx: Tx, who: Subscriber, msisdn: str, *, limits: Limits, now: datetime) -> str:
    """A new code for this number; earlier ones of this person are void. Raises TooOften."""
    _check_rate(tx, who, msisdn, limits, now)
    tx.execute(
        codes.update()
        .where(codes.c.subscriber_id == who.id, codes.c.used_at.is_(None))
        .values(attempts_left=0)
    )
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    salt = secrets.token_hex(16)
    tx.execute(
        codes.insert().values(
            subscriber_id=who.id,
            msisdn=msisdn,
            salt=salt,
            code_hash=_hash(salt, code),
            attempts_left=limits.attempts,
            sent_at=now,
            expires_at=now + limits.code_lasts,
            asked_by=_asked_by(who),
        )
    )
    return code


def try_code(tx: Tx, who: Subscriber, msisdn: str, code: str, *, now: datetime) -> int | None:
    """None if the code is right, and then it is used up; else how many attempts are left."""
    row = sql.first(
        tx,
        "UPDATE bind_codes SET attempts_left = attempts_left - 1"
        " WHERE subscriber_id = %(id)s AND msisdn = %(msisdn)s AND used_at IS NULL"
        " AND attempts_left > 0 AND expires_at > %(now)s"
        " RETURNING id, salt, code_hash, attempts_left",
        {"id": who.id, "msisdn": msisdn, "now": now},
    )
    if row is None:
        return 0
    code_id, salt, code_hash, attempts_left = row
    if not hmac.compare_digest(code_hash, _hash(salt, code)):
        return int(attempts_left)
    tx.execute(
        codes.update()
        .where(codes.c.subscriber_id == who.id, codes.c.id == code_id)
        .values(used_at=now)
    )
    return None


def asked_by(tx: Tx, who: Subscriber, msisdn: str, since: datetime) -> bool:
    """Whether this person, or the openid they have now, asked for a code for a number lately.

    Known for KEPT_FOR.
    """
    found = sql.maybe_value(
        tx,
        "SELECT 1 FROM bind_codes WHERE msisdn = %(msisdn)s AND sent_at > %(since)s"
        " AND (subscriber_id = %(id)s OR asked_by = %(openid)s) LIMIT 1",
        {"msisdn": msisdn, "since": since, "id": who.id, "openid": _asked_by(who) or ""},
    )
    return found is not None


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete codes that count for no limit any more, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM bind_codes WHERE (subscriber_id, id) IN (SELECT subscriber_id, id"
        " FROM bind_codes WHERE sent_at < %(before)s LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )


def _check_rate(tx: Tx, who: Subscriber, msisdn: str, limits: Limits, now: datetime) -> None:
    # One at a time for a number, whoever asks: counting and adding must not interleave.
    sql.run(tx, "SELECT pg_advisory_xact_lock(hashtextextended(%(number)s, 1))", {"number": msisdn})
    for where, value, period, most in (
        ("subscriber_id", who.id, timedelta(hours=1), limits.per_person_an_hour),
        ("asked_by", _asked_by(who), timedelta(hours=1), limits.per_person_an_hour),
        ("msisdn", msisdn, timedelta(days=1), limits.per_number_a_day),
    ):
        sent = sql.one(
            tx,
            f"SELECT count(*), min(sent_at) FROM bind_codes"
            f" WHERE {where} = %(value)s AND sent_at > %(since)s",
            {"value": value, "since": now - period},
        )
        if sent[0] >= most:
            raise TooOften(sent[1] + period - now)


def _asked_by(who: Subscriber) -> str | None:
    return hashlib.sha256(who.openid.encode()).hexdigest() if who.openid else None


def _hash(salt: str, code: str) -> str:
    return hashlib.sha256(f"{salt}:{code}".encode()).hexdigest()
