"""Files of rules that are published whole: one row a version, and the newest is live.

rules/NAME.yaml ──check, publish──▶ NAME_rules (version, content) ──▶ Rules
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Column, Identity, Integer, String, Table, Text

from models import sql
from models.base import Tx, document, metadata, moment


@dataclass(frozen=True, slots=True)
class RuleVersions:
    """The versions of one file, in the table of this name."""

    name: str
    table: Table = field(init=False)

    def __post_init__(self) -> None:
        made = Table(
            self.name,
            metadata,
            Column("version", Integer, Identity(), primary_key=True),
            document("content"),
            Column("author", String(60), nullable=False),
            Column("note", Text, nullable=False),
            moment("at"),
        )
        object.__setattr__(self, "table", made)

    def live(self, tx: Tx) -> tuple[int, str] | None:
        """The version that was published last and its content as JSON, or None."""
        row = sql.first(
            tx, f"SELECT version, content::text FROM {self.name} ORDER BY version DESC LIMIT 1"
        )
        return (row[0], row[1]) if row else None

    def content_of(self, tx: Tx) -> Mapping[str, Any] | None:
        """The live rules as they were published, to compare a file with; or None."""
        found: Mapping[str, Any] | None = sql.maybe_value(
            tx, f"SELECT content FROM {self.name} ORDER BY version DESC LIMIT 1"
        )
        return found

    def hold(self, tx: Tx) -> None:
        """One publisher at a time, so that version numbers follow the order of the commits."""
        sql.run(tx, f"LOCK TABLE {self.name} IN SHARE ROW EXCLUSIVE MODE")

    def publish(
        self, tx: Tx, content: Mapping[str, Any], *, author: str, note: str, now: datetime
    ) -> tuple[int, str]:
        """Make checked content live; returns its version and the content as JSON."""
        self.hold(tx)
        row = sql.one(
            tx,
            f"INSERT INTO {self.name} (content, author, note, at)"
            " VALUES (%(content)s, %(author)s, %(note)s, %(now)s) RETURNING version, content::text",
            {"content": Jsonb(dict(content)), "author": author, "note": note, "now": now},
        )
        return row[0], row[1]
