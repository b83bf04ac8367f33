"""Event files: how far each has been read, so that one that was cut short goes on where it stopped.

    loading ─▶ loaded            a file is known by its content, whatever it is called
       └─▶ stopped (too many bad lines) ─▶ loading, when it is started again

The position moves in the transaction that records the batch before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)  # fmt: skip

from models import sql
from models.base import Tx, document, metadata, moment

NAME_CHARS_MOST = 200

event_files = Table(
    "event_files",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("sha256", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("encoding", String(16), nullable=False),  # "utf-8", "gb18030" or "parquet"
    Column("state", String(16), nullable=False, server_default="loading"),
    # Who reads it: whoever began last. Who began before finds another name here, and stops.
    Column("loader", String(64), nullable=False),
    Column("position", BigInteger, nullable=False, server_default="0"),  # a byte; Parquet: a row
    Column("line", BigInteger, nullable=False, server_default="0"),  # the last one that was read
    Column("new", BigInteger, nullable=False, server_default="0"),
    Column("repeats", BigInteger, nullable=False, server_default="0"),
    Column("conflicts", BigInteger, nullable=False, server_default="0"),
    Column("bad", BigInteger, nullable=False, server_default="0"),
    document("reasons", server_default="{}"),  # of conflicts and bad lines, counted
    Column("rejects_size", BigInteger, nullable=False, server_default="0"),  # bytes written
    Column("points", BigInteger, nullable=False, server_default="0"),  # given
    moment("started_at"),
    moment("moved_at"),
    UniqueConstraint("sha256"),
    CheckConstraint("state IN ('loading', 'stopped', 'loaded')", name="state"),
    CheckConstraint("octet_length(sha256) = 32", name="sha256"),
    CheckConstraint(
        "least(size, position, line, new, repeats, conflicts, bad, rejects_size, points) >= 0",
        name="counts",
    ),
)


class TakenOver(Exception):
    """Somebody else has begun to load the same file."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that is loaded, and what has come of it so far; `lines` are those with an event."""

    id: int
    sha256: bytes
    name: str
    size: int
    encoding: str
    state: str
    loader: str
    position: int
    line: int
    new: int
    repeats: int
    conflicts: int
    bad: int
    reasons: Mapping[str, int]
    rejects_size: int
    points: int
    started_at: datetime
    moved_at: datetime

    @property
    def lines(self) -> int:
        return self.new + self.repeats + self.conflicts + self.bad


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch has brought, and where the file goes on."""

    position: int
    line: int
    new: int
    repeats: int
    conflicts: int
    bad: int
    reasons: Mapping[str, int]
    rejects_size: int
    points: int


_COLUMNS = ", ".join(field.name for field in fields(File))


def find(tx: Tx, sha256: bytes) -> File | None:
    """The file with this content, or None."""
    row = sql.first(
        tx, f"SELECT {_COLUMNS} FROM event_files WHERE sha256 = %(sha256)s", {"sha256": sha256}
    )
    return File(*row) if row else None


def listed(tx: Tx, limit: int) -> list[File]:
    """The files, the last begun first."""
    query = f"SELECT {_COLUMNS} FROM event_files ORDER BY id DESC LIMIT %(limit)s"
    return [File(*row) for row in sql.rows(tx, query, {"limit": limit})]


def begin(
    tx: Tx, *, sha256: bytes, name: str, size: int, encoding: str, loader: str, now: datetime
) -> File:
    """Begin a file, or go on with it: from now on `loader` alone moves it. A loaded one stays so.

    How it is encoded can be said anew as long as nothing of it was read.
    """
    sql.change(
        tx,
        "INSERT INTO event_files AS f (sha256, name, size, encoding, loader, started_at, moved_at)"
        " VALUES (%(sha256)s, %(name)s, %(size)s, %(encoding)s, %(loader)s, %(now)s, %(now)s)"
        " ON CONFLICT (sha256) DO UPDATE SET loader = excluded.loader, name = excluded.name,"
        "  state = 'loading', moved_at = excluded.moved_at,"
        "  encoding = CASE f.position WHEN 0 THEN excluded.encoding ELSE f.encoding END"
        " WHERE f.state <> 'loaded'",
        {
            "sha256": sha256, "name": name[-NAME_CHARS_MOST:], "size": size, "encoding": encoding,
            "loader": loader, "now": now,
        },
    )  # fmt: skip
    found = find(tx, sha256)
    if found is None:
        raise LookupError("the file that was just begun is gone")
    return found


def hold(tx: Tx, file: File) -> File:
    """The file as it is now, held until the transaction ends. Raises TakenOver."""
    row = sql.one(
        tx, f"SELECT {_COLUMNS} FROM event_files WHERE id = %(id)s FOR NO KEY UPDATE",
        {"id": file.id},
    )  # fmt: skip
    held = File(*row)
    if held.loader != file.loader:
        raise TakenOver(file.name)
    return held


def move(tx: Tx, held: File, step: Step, now: datetime) -> File:
    """Count a batch and move the position behind it."""
    reasons = dict(Counter(held.reasons) + Counter(step.reasons))
    row = sql.one(
        tx,
        "UPDATE event_files SET position = %(position)s, line = %(line)s, new = new + %(new)s,"
        " repeats = repeats + %(repeats)s, conflicts = conflicts + %(conflicts)s,"
        " bad = bad + %(bad)s, reasons = %(reasons)s, rejects_size = %(rejects_size)s,"
        " points = points + %(points)s, moved_at = %(now)s"
        f" WHERE id = %(id)s RETURNING {_COLUMNS}",
        {
            "id": held.id, "position": step.position, "line": step.line, "new": step.new,
            "repeats": step.repeats, "conflicts": step.conflicts, "bad": step.bad,
            "reasons": Jsonb(reasons), "rejects_size": step.rejects_size, "points": step.points,
            "now": now,
        },
    )  # fmt: skip
    return File(*row)


def end(tx: Tx, file: File, *, state: str, now: datetime) -> File:
    """The file is "loaded" whole, or was "stopped". Raises TakenOver."""
    held = hold(tx, file)
    row = sql.one(
        tx,
        "UPDATE event_files SET state = %(state)s, moved_at = %(now)s"
        f" WHERE id = %(id)s RETURNING {_COLUMNS}",
        {"id": held.id, "state": state, "now": now},
    )
    return File(*row)
