"""Publications: every version of the files that went live, whole, with who and why.

    menus   publications         the folder menus/     menu_pushes says which of them WeChat shows
    rules   rule_publications    the folder rules/
    draws   draw_publications    the folder rules/draws/
    surveys survey_publications  the folder rules/surveys/

Rows are never changed; to roll back is to publish an older version's files again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Integer,
    String,
    Table,
    Text,
)

from models import sql
from models.base import Tx, document, metadata, moment

MENUS, RULES, DRAWS, SURVEYS = SETS = ("menus", "rules", "draws", "surveys")
_TABLES: Mapping[str, str] = {
    MENUS: "publications",
    RULES: "rule_publications",
    DRAWS: "draw_publications",
    SURVEYS: "survey_publications",
}
WHY_CHARS_MOST = 300  # of a failed push

for _name in _TABLES.values():
    Table(
        _name,
        metadata,
        Column("version", Integer, Identity(), primary_key=True),
        Column("author", String(60), nullable=False),
        Column("note", Text, nullable=False),
        document("files"),
        moment("at"),
        Column("approved_by", String(60)),  # who let it go live; NULL: published by a command
        Column("proposal_id", BigInteger, ForeignKey("approval_proposals.id"), unique=True),
        CheckConstraint("approved_by <> author", name="four_eyes"),
        CheckConstraint("(approved_by IS NULL) = (proposal_id IS NULL)", name="approved"),
    )

pushes = Table(
    "menu_pushes",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("failed", Text, nullable=False, server_default=""),  # why; "" once WeChat shows it
    moment("at"),
    CheckConstraint("version >= 0", name="version"),
)


@dataclass(frozen=True, slots=True)
class Publication:
    """One version; `approved_by` is None where a command has published it."""

    version: int
    author: str
    note: str
    at: datetime
    files: Mapping[str, str]
    approved_by: str | None = None
    proposal_id: int | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """The last try to have WeChat show a version; `shown` is the last version that it took."""

    version: int
    failed: str
    at: datetime
    shown: int


_COLUMNS = "version, author, note, at, files, approved_by, proposal_id"
_WITHOUT_FILES = "version, author, note, at, '{}'::jsonb, approved_by, proposal_id"


def lock(tx: Tx, of: str = MENUS) -> None:
    """One publisher at a time, so that version numbers follow the order of the commits."""
    sql.change(tx, f"LOCK TABLE {_TABLES[of]} IN SHARE ROW EXCLUSIVE MODE")


def live_version(tx: Tx, of: str = MENUS) -> int:
    """The number of the live version, 0 if nothing has been published."""
    return int(sql.value(tx, f"SELECT coalesce(max(version), 0) FROM {_TABLES[of]}"))


def get(tx: Tx, version: int, of: str = MENUS) -> Publication | None:
    """One version, or None."""
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM {_TABLES[of]} WHERE version = %(version)s",
        {"version": version},
    )
    return Publication(*row) if row else None


def live(tx: Tx, of: str = MENUS) -> Publication | None:
    """The version that was published last, or None."""
    row = sql.first(tx, f"SELECT {_COLUMNS} FROM {_TABLES[of]} ORDER BY version DESC LIMIT 1")
    return Publication(*row) if row else None


def history(
    tx: Tx, limit: int = 50, *, before: int | None = None, author: str = "", of: str = MENUS
) -> list[Publication]:
    """The latest versions (before a version, of an author), newest first, without files."""
    rows = sql.rows(
        tx,
        f"SELECT {_WITHOUT_FILES} FROM {_TABLES[of]}"
        " WHERE (%(before)s::integer IS NULL OR version < %(before)s::integer)"
        " AND (%(author)s = '' OR author = %(author)s)"
        " ORDER BY version DESC LIMIT %(limit)s",
        {"limit": limit, "before": before, "author": author},
    )
    return [Publication(*row) for row in rows]


def publish(
    tx: Tx, files: Mapping[str, str], *, author: str, note: str, now: datetime,
    approved_by: str | None = None, proposal_id: int | None = None, of: str = MENUS,
) -> int:  # fmt: skip
    """Make these files the live version. Returns its number. Who calls has checked them."""
    lock(tx, of)
    return int(
        sql.value(
            tx,
            f"INSERT INTO {_TABLES[of]} (author, note, files, at, approved_by, proposal_id)"
            " VALUES (%(author)s, %(note)s, %(files)s, %(now)s, %(approved_by)s, %(proposal)s)"
            " RETURNING version",
            {
                "author": author, "note": note, "files": Jsonb(dict(files)), "now": now,
                "approved_by": approved_by, "proposal": proposal_id,
            },
        )
    )  # fmt: skip


def pushed(tx: Tx, version: int, *, failed: str = "", now: datetime) -> None:
    """Note that WeChat was told to show a version, and took it, or why it did not."""
    sql.change(
        tx,
        "INSERT INTO menu_pushes (version, failed, at) VALUES (%(version)s, %(failed)s, %(now)s)",
        {"version": version, "failed": failed[:WHY_CHARS_MOST], "now": now},
    )


def last_push(tx: Tx) -> Push | None:
    """How the last try went, or None if there was none."""
    row = sql.first(
        tx,
        "SELECT version, failed, at, coalesce((SELECT p.version FROM menu_pushes p"
        " WHERE p.failed = '' ORDER BY p.id DESC LIMIT 1), 0)"
        " FROM menu_pushes ORDER BY id DESC LIMIT 1",
    )
    return Push(*row) if row else None
