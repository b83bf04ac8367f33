"""Drafts: what an operator has typed into the files that are to go live, and has not proposed yet.

    (none) ──save──▶ draft ──save──▶ draft (next revision) ──clear──▶ cleared ──undo──▶ draft

Each changed file remembers the text that it began from (`was`), so that it shows when somebody
else has published the same file meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String, Table

from models import sql
from models.base import Tx, document, metadata, moment
from models.publications import SETS

drafts = Table(
    "drafts",
    metadata,
    Column(
        "operator_id",
        BigInteger,
        ForeignKey("operators.id"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("kind", String(8), primary_key=True),  # "menus" or "rules"
    Column("revision", Integer, nullable=False),  # raised by every change
    document("files"),  # {name: {"was": text or null, "text": text or null}}
    document("cleared"),  # what was thrown away last, to be brought back
    moment("changed_at"),
    CheckConstraint(f"kind IN {SETS}", name="kind"),
    CheckConstraint("revision > 0", name="revision"),
)


class Overtaken(Exception):
    """The draft has changed since it was read: the same person, in another window."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A file as it was live when the edit began, and as it shall be; None: there is no file."""

    was: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class Draft:
    """The changed files of one operator; revision 0 and nothing in it where there is no draft."""

    operator_id: int
    kind: str
    revision: int = 0
    files: Mapping[str, Edit] = field(default_factory=dict)
    cleared: Mapping[str, Edit] = field(default_factory=dict)
    changed_at: datetime | None = None

    def over(self, live: Mapping[str, str]) -> dict[str, str]:
        """The live files with the draft laid over them."""
        files = dict(live)
        for name, edit in self.files.items():
            if edit.text is None:
                files.pop(name, None)
            else:
                files[name] = edit.text
        return files

    def conflicts(self, live: Mapping[str, str]) -> list[str]:
        """The names of files that somebody else has published since they were edited here."""
        return sorted(
            name for name, edit in self.files.items() if live.get(name) not in (edit.was, edit.text)
        )

    def with_file(self, name: str, text: str | None, live: Mapping[str, str]) -> dict[str, Edit]:
        """The files after one more edit; one that is again what it began from is no edit."""
        before = self.files.get(name)
        was = before.was if before else live.get(name)
        files = {other: edit for other, edit in self.files.items() if other != name}
        if text not in (was, live.get(name)):
            files[name] = Edit(was, text)
        return files

    def settled(self, name: str, live: Mapping[str, str], *, keep: bool) -> dict[str, Edit]:
        """The files once a conflict is decided: keep what was typed, or take what is live."""
        files = dict(self.files)
        edit = files.pop(name, None)
        if keep and edit is not None and edit.text != live.get(name):
            files[name] = Edit(live.get(name), edit.text)
        return files


def get(tx: Tx, operator_id: int, kind: str) -> Draft:
    """The draft of an operator for the menus or the rules."""
    row = sql.first(
        tx,
        "SELECT revision, files, cleared, changed_at FROM drafts"
        " WHERE operator_id = %(operator)s AND kind = %(kind)s",
        {"operator": operator_id, "kind": kind},
    )
    if row is None:
        return Draft(operator_id, kind)
    revision, files, cleared, changed_at = row
    return Draft(operator_id, kind, revision, _edits(files), _edits(cleared), changed_at)


def save(tx: Tx, draft: Draft, files: Mapping[str, Edit], now: datetime) -> Draft:
    """Keep these files as the draft that `draft` was. Raises Overtaken."""
    return _write(tx, draft, files=files, cleared=draft.cleared, now=now)


def clear(tx: Tx, draft: Draft, now: datetime) -> Draft:
    """Throw the draft away; undo() brings it back. Raises Overtaken."""
    return _write(tx, draft, files={}, cleared=draft.files or draft.cleared, now=now)


def undo(tx: Tx, draft: Draft, now: datetime) -> Draft:
    """Bring back what was thrown away last; what was edited since stays. Raises Overtaken."""
    return _write(tx, draft, files={**draft.cleared, **draft.files}, cleared={}, now=now)


def _write(
    tx: Tx, draft: Draft, *, files: Mapping[str, Edit], cleared: Mapping[str, Edit], now: datetime
) -> Draft:
    changed = sql.change(
        tx,
        "INSERT INTO drafts AS d (operator_id, kind, revision, files, cleared, changed_at)"
        " VALUES (%(operator)s, %(kind)s, %(revision)s + 1, %(files)s, %(cleared)s, %(now)s)"
        " ON CONFLICT (operator_id, kind) DO UPDATE SET revision = excluded.revision,"
        " files = excluded.files, cleared = excluded.cleared, changed_at = excluded.changed_at"
        " WHERE d.revision = %(revision)s",
        {
            "operator": draft.operator_id, "kind": draft.kind, "revision": draft.revision,
            "files": Jsonb(_written(files)), "cleared": Jsonb(_written(cleared)), "now": now,
        },
    )  # fmt: skip
    if not changed:
        raise Overtaken(draft.kind)
    return Draft(draft.operator_id, draft.kind, draft.revision + 1, dict(files), dict(cleared), now)


def _edits(stored: Mapping[str, Mapping[str, Any]]) -> dict[str, Edit]:
    return {name: Edit(each["was"], each["text"]) for name, each in stored.items()}


def _written(files: Mapping[str, Edit]) -> dict[str, dict[str, str | None]]:
    return {name: {"was": each.was, "text": each.text} for name, each in files.items()}
