"""The audit: who did what to what, append-only, each entry sealed over the one before.

    write ──▶ audit_entries: the entry and the digest of what it says
    COMMIT ─▶ audit_chain:   its number, and sha256(hash before, number, entry, digest)

The link is made by a deferred trigger at the commit: writers queue up for the chain only while
one of them commits, never while one works, and nobody waits for anything after it has the lock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from models import sql
from models.base import Tx, metadata, moment
from models.hiding import hide_numbers

GENESIS = bytes(32)
Key = tuple[datetime, int]  # of an entry: when, and its id
REASON_LENGTH = 1000

entries = Table(
    "audit_entries",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    moment("at"),
    # None: a command or the clock, which `login` names.
    Column("operator_id", BigInteger, ForeignKey("operators.id")),
    Column("login", String(60), nullable=False),
    Column("role", String(16), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(120), nullable=False),
    # json, not jsonb: kept as it was written, letter by letter, since it is digested.
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    Column("reason", Text, nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("address", String(45), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    CheckConstraint("action ~ '^[a-z_]+[.][a-z_]+$'", name="action"),
    CheckConstraint("subject <> ''", name="subject"),
    CheckConstraint("length(digest) = 32", name="digest"),
    CheckConstraint(f"length(reason) <= {REASON_LENGTH}", name="reason"),
    Index(None, "at", "id"),
    Index(None, "login", "at", "id"),
    Index(None, "action", "at", "id"),
    Index(None, "subject", "at", "id"),
    Index(None, "request_id"),
)

chain = Table(
    "audit_chain",
    metadata,
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_id", BigInteger, ForeignKey("audit_entries.id"), nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("previous_no", BigInteger),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("entry_id"),
    UniqueConstraint("no", "hash"),
    UniqueConstraint("previous_no", postgresql_nulls_not_distinct=True),
    ForeignKeyConstraint(["previous_no", "previous_hash"], ["audit_chain.no", "audit_chain.hash"]),
    CheckConstraint("no = coalesce(previous_no, 0) + 1", name="next"),
    CheckConstraint(
        "hash = sha256(previous_hash || int8send(no) || int8send(entry_id) || digest)",
        name="sealed",
    ),
)


@dataclass(frozen=True, slots=True)
class By:
    """Who acts: an operator with a request, or (`operator_id` None) a command or the clock."""

    operator_id: int | None
    login: str
    role: str
    request_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it was written."""

    id: int
    at: datetime
    operator_id: int | None
    login: str
    role: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str
    request_id: str
    address: str

    @property
    def key(self) -> Key:
        """Where it stands in a list that is paged by key."""
        return self.at, self.id


_COLUMNS = ", ".join(field.name for field in fields(Entry))
CLOCK = By(None, "clock", "clock", "", "")


def write(
    tx: Tx, by: By, *, action: str, subject: str, before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None, reason: str = "", now: datetime,
) -> int:  # fmt: skip
    """Note what was done, in the transaction that does it; returns the entry's id.

    `action` is noun.verb ("subscriber.block"), `subject` a kind and a number ("subscriber:42"):
    never a phone number, never the name of a person; a number in the reason is masked, since
    nobody can take it out again. ValueError for too long a reason.
    """
    if len(reason) > REASON_LENGTH:
        raise ValueError(f"a reason has {REASON_LENGTH} characters at most")
    values: dict[str, Any] = {
        "at": now.astimezone(UTC), "operator_id": by.operator_id, "login": by.login,
        "role": by.role, "action": action, "subject": subject, "before": _json(before),
        "after": _json(after), "reason": hide_numbers(reason.replace("\0", "")),
        "request_id": by.request_id[:64], "address": by.address[:45],
    }  # fmt: skip
    values["digest"] = digest(values)
    row = sql.one(
        tx,
        f"INSERT INTO audit_entries ({', '.join(values)})"
        f" VALUES ({', '.join(f'%({name})s' for name in values)})"
        # Until the end of this transaction: see wrote().
        " RETURNING id, set_config('circle.audited', 'yes', true)",
        values,
    )
    return int(row[0])


def search(
    tx: Tx, *, login: str = "", action: str = "", subject: str = "", request_id: str = "",
    since: datetime | None = None, until: datetime | None = None, before: Key | None = None,
    limit: int = 50,
) -> list[Entry]:  # fmt: skip
    """Entries, the newest first, at most `limit`, below the key `before`.

    `action` may end with a dot: "menus." finds every verb. `since` is in, `until` is not.
    """
    wanted = {
        "login = %(login)s": bool(login), "subject = %(subject)s": bool(subject),
        "action = %(action)s": bool(action) and not action.endswith("."),
        "starts_with(action, %(action)s)": action.endswith("."),
        "request_id = %(request_id)s": bool(request_id), "at >= %(since)s": since is not None,
        "at < %(until)s": until is not None, "(at, id) < (%(at)s, %(id)s)": before is not None,
    }  # fmt: skip
    where = " AND ".join(condition for condition, given in wanted.items() if given)
    at, number = before or (None, None)
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM audit_entries WHERE {where or 'true'}"
        " ORDER BY at DESC, id DESC LIMIT %(limit)s",
        {
            "login": login, "action": action, "subject": subject, "request_id": request_id,
            "since": since, "until": until, "at": at, "id": number, "limit": limit,
        },
    )  # fmt: skip
    return [Entry(*row) for row in rows]


def actions(tx: Tx) -> list[str]:
    """Every action that an entry has, in order: read from its index by leaps."""
    rows = sql.rows(
        tx,
        "WITH RECURSIVE found(action) AS ("
        " SELECT min(action) FROM audit_entries UNION ALL SELECT ("
        "  SELECT min(e.action) FROM audit_entries e WHERE e.action > found.action)"
        " FROM found WHERE found.action IS NOT NULL)"
        " SELECT action FROM found WHERE action IS NOT NULL",
    )
    return [str(action) for (action,) in rows]


def wrote(tx: Tx) -> bool:
    """Whether this transaction has written an entry (that was not rolled back to a savepoint)."""
    return bool(sql.value(tx, "SELECT current_setting('circle.audited', true) = 'yes'"))


def digest(entry: Mapping[str, Any]) -> bytes:
    """SHA-256 of the canonical JSON of an entry: its columns but id and digest, keys in order."""
    plain = dict(entry)
    plain["at"] = entry["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(_canonical(plain).encode()).digest()


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else _canonical(dict(value))


def _canonical(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False,
        default=_plain,
    )  # fmt: skip


def _plain(value: object) -> object:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date() | Decimal():
            return str(value)
        case set() | frozenset():
            return sorted(value, key=str)
        case Mapping():
            return dict(value)
    raise TypeError(f"the audit cannot keep a {type(value).__name__}")
