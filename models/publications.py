"""Publications: every version of the menu files that went live, whole, with who and why.

Rows are never changed; to roll back is to publish an older version's files again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb
from sqlalchemy import Column, Identity, Integer, String, Table, Text

from models import sql
from models.base import Tx, document, metadata, moment

publications = Table(
    "publications",
    metadata,
    Column("version", Integer, Identity(), primary_key=True),
    Column("author", String(60), nullable=False),
    Column("note", Text, nullable=False),
    document("files"),
    moment("at"),
)


@dataclass(frozen=True, slots=True)
class Publication:
    version: int
    author: str
    note: str
    at: datetime
    files: Mapping[str, str]


def live_version(tx: Tx) -> int:
    """The number of the live version, 0 if nothing has been published."""
    return int(sql.value(tx, "SELECT coalesce(max(version), 0) FROM publications"))


def get(tx: Tx, version: int) -> Publication | None:
    """One version, or None."""
    row = sql.first(
        tx,
        "SELECT version, author, note, at, files FROM publications WHERE version = %(version)s",
        {"version": version},
    )
    return Publication(*row) if row else None


def history(tx: Tx, limit: int = 50) -> list[Publication]:
    """The latest versions, newest first."""
    rows = sql.rows(
        tx,
        "SELECT version, author, note, at, files FROM publications"
        " ORDER BY version DESC LIMIT %(limit)s",
        {"limit": limit},
    )
    return [Publication(*row) for row in rows]


def publish(tx: Tx, files: Mapping[str, str], *, author: str, note: str, now: datetime) -> int:
    """Make these files the live version. Returns its number."""
    # One publisher at a time, so that version numbers follow the order of the commits.
    sql.change(tx, "LOCK TABLE publications IN SHARE ROW EXCLUSIVE MODE")
    return int(
        sql.value(
            tx,
            "INSERT INTO publications (author, note, files, at)"
            " VALUES (%(author)s, %(note)s, %(files)s, %(now)s) RETURNING version",
            {"author": author, "note": note, "files": Jsonb(dict(files)), "now": now},
        )
    )
