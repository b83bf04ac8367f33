"""Rules: every version that was published, and the copy of the live ones that a process uses.

    (none) ──publish──▶ live ──publish──▶ live (next version) ──stop──▶ stopped ──publish──▶ ...

Each change is a row of its own, never changed; the newest version of a rule says how it stands.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import pydantic
import structlog
from psycopg.types.json import Jsonb
from sqlalchemy import CheckConstraint, Column, Engine, Integer, String, Table, Text

from models import sql
from models.base import Tx, document, metadata, moment
from models.earning.definition import Rule
from models.earning.expressions import Refused
from models.earning.judging import LiveRule, RuleBook, compiled

log = structlog.get_logger()

LIVE, STOPPED = "live", "stopped"
# A running process takes a new version over after this at most; nearly every event would read
# them all otherwise.
BOOK_LASTS = timedelta(seconds=2)

versions = Table(
    "earning_rules",
    metadata,
    Column("code", String(40), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    document("definition"),
    Column("state", String(8), nullable=False),
    moment("published_at"),
    Column("by", String(60), nullable=False),
    Column("note", Text, nullable=False),
    CheckConstraint("state IN ('live', 'stopped')", name="state"),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint("definition ->> 'code' = code", name="definition"),
)


@dataclass(frozen=True, slots=True)
class Version:
    """One row of a rule's history."""

    rule: Rule
    version: int
    state: str
    published_at: datetime
    by: str
    note: str


_VERSION = "definition, version, state, published_at, by, note"
_NEWEST = f"SELECT DISTINCT ON (code) {_VERSION} FROM earning_rules ORDER BY code, version DESC"


def newest(tx: Tx) -> dict[str, Version]:
    """How each rule stands that was ever published, by its code."""
    found = [_version(row) for row in sql.rows(tx, _NEWEST)]
    return {each.rule.code: each for each in found if each is not None}


def live(tx: Tx) -> dict[str, Version]:
    """The rules that are live, by their codes."""
    return {code: each for code, each in newest(tx).items() if each.state == LIVE}


def history(tx: Tx, limit: int = 100) -> list[Version]:
    """The latest changes of all rules, the newest first."""
    rows = sql.rows(
        tx,
        f"SELECT {_VERSION} FROM earning_rules ORDER BY published_at DESC, code, version DESC"
        " LIMIT %(limit)s",
        {"limit": limit},
    )
    return [each for row in rows if (each := _version(row)) is not None]


def get(tx: Tx, code: str, version: int) -> Version:
    """A version that must exist and be readable. Raises LookupError."""
    row = sql.one(
        tx,
        f"SELECT {_VERSION} FROM earning_rules WHERE code = %(code)s AND version = %(version)s",
        {"code": code, "version": version},
    )
    found = _version(row)
    if found is None:
        raise LookupError(f"{code}@{version} cannot be read by this program")
    return found


def lock(tx: Tx) -> None:
    """One publisher at a time; those who read do not wait."""
    sql.change(tx, "LOCK TABLE earning_rules IN SHARE ROW EXCLUSIVE MODE")


def add(tx: Tx, rule: Rule, *, state: str, by: str, note: str, now: datetime) -> int:
    """Write the next version of a rule; returns its number."""
    return int(
        sql.value(
            tx,
            "INSERT INTO earning_rules (code, version, definition, state, published_at, by, note)"
            " SELECT %(code)s::varchar, coalesce(max(version), 0) + 1, %(definition)s, %(state)s,"
            " %(now)s, %(by)s, %(note)s FROM earning_rules WHERE code = %(code)s::varchar"
            " RETURNING version",
            {
                "code": rule.code, "definition": Jsonb(written(rule)), "state": state, "now": now,
                "by": by, "note": note,
            },
        )
    )  # fmt: skip


def written(rule: Rule) -> dict[str, object]:
    """The rule as it is kept: what was left out stays out."""
    found: dict[str, object] = rule.model_dump(
        mode="json", by_alias=True, exclude_defaults=True, exclude_none=True
    )
    return found


def _version(row: sql.Row) -> Version | None:
    definition, *rest = row
    try:
        rule = Rule.model_validate_json(pydantic.TypeAdapter(dict).dump_json(definition))
    except pydantic.ValidationError:
        # A version of a newer program, or of one that has forgotten a part: told, not guessed at.
        log.exception("earning rule not readable", rule=definition.get("code"), version=row[1])
        return None
    return Version(rule, *rest)


class LiveBook:
    """A process's copy of the live rules, renewed when it is older than BOOK_LASTS."""

    def __init__(self) -> None:
        self._book = RuleBook([])
        self._read_at: datetime | None = None
        self._changes = -1

    def __call__(self, tx: Tx, now: datetime) -> RuleBook:
        read_at = self._read_at
        if read_at is None or not timedelta() <= now - read_at <= BOOK_LASTS:
            # Rows are only ever added, so their number says whether anything has changed.
            changes = int(sql.value(tx, "SELECT count(*) FROM earning_rules"))
            if changes != self._changes:
                self._book = book_of(live(tx).values())
                self._changes = changes
            self._read_at = now
        return self._book


_books: WeakKeyDictionary[Engine, LiveBook] = WeakKeyDictionary()
_opening = threading.Lock()


def current(tx: Tx, now: datetime) -> RuleBook:
    """The rules to apply, at most BOOK_LASTS old."""
    found = _books.get(tx.engine)
    if found is None:
        with _opening:
            found = _books.setdefault(tx.engine, LiveBook())
    return found(tx, now)


def book_of(found: Collection[Version]) -> RuleBook:
    """The versions, compiled; one that cannot be is left out and told, since the others go on."""
    ready: list[LiveRule] = []
    for each in found:
        try:
            ready.append(compiled(each.rule, each.version))
        except Refused as refused:
            log.error(
                "earning rule cannot be used", rule=each.rule.code, version=each.version,
                why=str(refused),
            )  # fmt: skip
    return RuleBook(ready)
