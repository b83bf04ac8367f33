"""Lockouts: failures at the door, per login and per address; each lock lasts longer.

Counted for logins that do not exist, too, so that a lock tells nobody which do. A browser in which
somebody has signed in before is counted apart (`known`): whoever fails on purpose in another's name
locks out strangers, not the one whose name it is.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Table

from models import sql
from models.base import Tx, metadata, moment

# So many failures are free: an office of many people has one address.
FREE = {"login": 5, "address": 30}
FIRST_LOCK = timedelta(minutes=1)
LONGEST_LOCK = timedelta(hours=1)
# One failure is forgotten in this time: what people mistype in a day must not add up to a lock.
FORGETS_ONE = {"login": timedelta(hours=1), "address": timedelta(minutes=2)}
# By then all are.
FORGOTTEN_AFTER = timedelta(hours=24)

tries = Table(
    "operator_tries",
    metadata,
    Column("kind", String(8), primary_key=True),
    # Hashed: people type their password into the wrong field.
    Column("key_hash", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    moment("last_at"),
    moment("locked_until", nullable=True),
    CheckConstraint("kind IN ('login', 'address')", name="kind"),
    CheckConstraint("failures >= 0", name="failures"),
    Index(None, "last_at"),
)


def hold(
    tx: Tx, *, login: str, address: str, known: bool = False, now: datetime
) -> datetime | None:
    """Until when this login or address is locked, if it is.

    Whoever tries the same at the same time waits until this transaction has ended: a hundred
    guesses at once are counted one by one.
    """
    until = None
    for kind, key in _keys(login, address, known):
        (locked_until,) = sql.one(
            tx,
            "INSERT INTO operator_tries (kind, key_hash, failures, last_at)"
            " VALUES (%(kind)s, %(key)s, 0, %(now)s)"
            " ON CONFLICT (kind, key_hash) DO UPDATE SET kind = excluded.kind"
            " RETURNING locked_until",
            {"kind": kind, "key": key, "now": now},
        )
        until = _later(until, locked_until)
    return until if until and until > now else None


def fail(
    tx: Tx, *, login: str, address: str, known: bool = False, now: datetime
) -> datetime | None:
    """Count a failure, after hold(); returns until when the next try is refused, if it is."""
    until = None
    for kind, key in _keys(login, address, known):
        (failures,) = sql.one(
            tx,
            "UPDATE operator_tries SET last_at = %(now)s,"
            " failures = 1 + greatest(0, failures - floor(extract(epoch FROM %(now)s - last_at)"
            " / %(forgets_s)s)::integer)"
            " WHERE kind = %(kind)s AND key_hash = %(key)s RETURNING failures",
            {
                "kind": kind,
                "key": key,
                "now": now,
                "forgets_s": FORGETS_ONE[kind].total_seconds(),
            },
        )
        over = failures - FREE[kind]
        if over >= 0:
            locked_until = now + min(FIRST_LOCK * 2 ** min(over, 20), LONGEST_LOCK)
            sql.run(
                tx,
                "UPDATE operator_tries SET locked_until = %(until)s"
                " WHERE kind = %(kind)s AND key_hash = %(key)s",
                {"kind": kind, "key": key, "until": locked_until},
            )
            until = _later(until, locked_until)
    return until


def forgive(tx: Tx, login: str) -> None:
    """Forget the failures of a login; those of an address stay, whoever else signs in there."""
    sql.run(
        tx,
        "DELETE FROM operator_tries WHERE kind = 'login' AND key_hash = ANY (%(keys)s)",
        {"keys": list(_hashes(login))},
    )


def locked_until(tx: Tx, login: str, now: datetime) -> datetime | None:
    """Until when a login is locked, if it is, be it for strangers alone."""
    found: datetime | None = sql.value(
        tx,
        "SELECT max(locked_until) FROM operator_tries WHERE kind = 'login'"
        " AND key_hash = ANY (%(keys)s) AND locked_until > %(now)s",
        {"keys": list(_hashes(login)), "now": now},
    )
    return found


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete tries that nobody counts any more, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM operator_tries WHERE ctid = ANY (ARRAY("
        " SELECT ctid FROM operator_tries WHERE last_at < %(before)s"
        " LIMIT %(limit)s FOR UPDATE SKIP LOCKED))",
        {"before": before, "limit": limit},
    )


def _keys(login: str, address: str, known: bool) -> list[tuple[str, bytes]]:
    """Always in this order, so that two tries never wait for each other in a circle."""
    strange, familiar = _hashes(login)
    if known:  # an address has nothing to say where the browser itself is counted
        return [("login", familiar)]
    return [("address", _hash(_network(address))), ("login", strange)]


def _hashes(login: str) -> tuple[bytes, bytes]:
    """Of a login for strangers, and for browsers in which it has signed in."""
    named = login.strip().lower()
    return _hash(named), _hash(f"{named} known")  # no login has a blank


def _network(address: str) -> str:
    """Who has an IPv6 address has 2^64 of them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(one, other) if one and other else one or other
