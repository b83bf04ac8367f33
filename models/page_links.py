"""Links into pages: a one-time link for people without WeChat, and the session it opens.

Tokens and session ids are random and stored hashed: who reads the database cannot use them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Index, String, Table, Text

from models import sql
from models.base import Tx, metadata, moment, subscriber_id

# 10 characters of 62 are 59 bits; a link lives for hours and guesses are rate-limited at the
# door. Longer would push the SMS into a second segment.
TOKEN_LENGTH = 10
_ALPHABET = string.ascii_letters + string.digits

links = Table(
    "page_links",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    subscriber_id(),
    Column("path", Text, nullable=False),
    moment("created_at"),
    moment("expires_at"),
    moment("used_at", nullable=True),
    Index(None, "expires_at"),
)

sessions = Table(
    "page_sessions",
    metadata,
    Column("id_hash", String(64), primary_key=True),
    subscriber_id(),
    moment("created_at"),
    moment("expires_at"),
    Index(None, "expires_at"),
    Index(None, "subscriber_id"),
)


@dataclass(frozen=True, slots=True)
class Link:
    """`usable` says whether opening it would still work."""

    subscriber_id: int
    path: str
    usable: bool


@dataclass(frozen=True, slots=True)
class Leads:
    """Where the link of an owed message is to lead, and whom."""

    owed_id: int
    subscriber_id: int
    path: str


def make_links(
    tx: Tx, wanted: Sequence[Leads], *, key: bytes, lasts: timedelta, now: datetime
) -> dict[int, str]:
    """The one-time tokens of owed messages, by their ids, in one statement.

    Derived from a secret key and the message's id: a message that is sent again has the same
    words, so that the gateway can be asked whether it has it already.
    """
    tokens = {each.owed_id: _token(key, each.owed_id) for each in wanted}
    sql.change(
        tx,
        "INSERT INTO page_links (token_hash, subscriber_id, path, created_at, expires_at)"
        " SELECT hash, id, path, %(now)s, %(until)s"
        " FROM unnest(%(hashes)s::text[], %(ids)s::bigint[], %(paths)s::text[])"
        " AS v (hash, id, path)"
        # Sent again, perhaps days later: it lasts from then, unless it has been opened.
        " ON CONFLICT (token_hash) DO UPDATE SET expires_at = excluded.expires_at"
        " WHERE page_links.used_at IS NULL",
        {
            "hashes": [_hash(token) for token in tokens.values()],
            "ids": [each.subscriber_id for each in wanted],
            "paths": [each.path for each in wanted], "now": now, "until": now + lasts,
        },
    )  # fmt: skip
    return tokens


def _token(key: bytes, owed_id: int) -> str:
    digest = hmac.new(key, f"page link {owed_id}".encode(), hashlib.sha256).digest()
    number, token = int.from_bytes(digest, "big"), ""
    for _ in range(TOKEN_LENGTH):
        number, letter = divmod(number, len(_ALPHABET))
        token += _ALPHABET[letter]
    return token


def look_up(tx: Tx, token: str, now: datetime) -> Link | None:
    """What a token would open; changes nothing, so that previews do not use it up."""
    row = sql.first(
        tx,
        "SELECT subscriber_id, path, used_at IS NULL AND expires_at > %(now)s"
        " FROM page_links WHERE token_hash = %(hash)s",
        {"hash": _hash(token), "now": now},
    )
    return Link(*row) if row else None


def use(tx: Tx, token: str, now: datetime) -> Link | None:
    """Use a token up. None if it is unknown, used or too old; of two at once one succeeds."""
    row = sql.first(
        tx,
        "UPDATE page_links SET used_at = %(now)s WHERE token_hash = %(hash)s"
        " AND used_at IS NULL AND expires_at > %(now)s RETURNING subscriber_id, path",
        {"hash": _hash(token), "now": now},
    )
    return Link(row[0], row[1], usable=True) if row else None


def open_session(tx: Tx, *, subscriber_id: int, lasts: timedelta, now: datetime) -> str:
    """A new session id for the person's browser."""
    session_id = secrets.token_urlsafe(32)
    tx.execute(
        sessions.insert().values(
            id_hash=_hash(session_id),
            subscriber_id=subscriber_id,
            created_at=now,
            expires_at=now + lasts,
        )
    )
    return session_id


def session_owner(tx: Tx, session_id: str, now: datetime) -> int | None:
    """Whose session this is, or None if it is unknown or over."""
    owner: int | None = sql.maybe_value(
        tx,
        "SELECT subscriber_id FROM page_sessions WHERE id_hash = %(hash)s AND expires_at > %(now)s",
        {"hash": _hash(session_id), "now": now},
    )
    return owner


def close_session(tx: Tx, session_id: str) -> None:
    tx.execute(sessions.delete().where(sessions.c.id_hash == _hash(session_id)))


def close_sessions_of(tx: Tx, subscriber_id: int) -> None:
    """End every session of a person, for example when a link to WeChat is removed."""
    tx.execute(sessions.delete().where(sessions.c.subscriber_id == subscriber_id))


def forget_links_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete links that were over by then, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM page_links WHERE token_hash IN (SELECT token_hash FROM page_links"
        " WHERE expires_at < %(before)s ORDER BY expires_at LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )


def forget_sessions_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete sessions that were over by then, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM page_sessions WHERE id_hash IN (SELECT id_hash FROM page_sessions"
        " WHERE expires_at < %(before)s ORDER BY expires_at LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
