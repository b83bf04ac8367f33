"""Prove the ledger: every rule on every row, in one snapshot, the first offending row by name.

    guards     triggers and constraints are on           accounts   every account against its legs
    legs       every leg against its transfer            transfers  keys, and none without legs
    house      nothing expired early, holds are held     closings   the chain, and every sealed day

The rows never come here: PostgreSQL sorts and compares, and sends what offends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import psycopg

from models import sql
from models.base import Tx
from models.points import closings, verify_closings, verify_sql
from models.points.verify_closings import Anchor

# For the server's sort of all sides of all legs; what does not fit goes to its disk.
WORK_MEMORY = "128MB"

Row = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(slots=True)
class Check:
    """A rule: how many rows break it, and the first of them with its numbers."""

    name: str
    rule: str
    wrong: int = 0
    first: Row | None = None
    took_s: float = 0.0

    def found(self, row: Row) -> None:
        self.wrong += 1
        if self.first is None:
            self.first = row


@dataclass(frozen=True, slots=True)
class Report:
    """What was proven, over how many legs, and how long it took."""

    checks: list[Check]
    legs: int
    took_s: float

    @property
    def ok(self) -> bool:
        return not any(check.wrong for check in self.checks)


def verify(
    tx: Tx, *, anchors: Iterable[Anchor] = (), progress: Progress = lambda _: None
) -> Report:
    """Check everything. `tx` must be new: it becomes one read-only snapshot without time limits."""
    sql.run(tx, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    closings.unhurried(tx)
    sql.run(tx, "SELECT set_config('work_mem', %s, true)", [WORK_MEMORY])
    began = time.monotonic()
    legs = int(sql.value(tx, "SELECT count(*) FROM points_legs"))
    progress(f"{legs:,} legs")
    checks: list[Check] = []
    for one in verify_sql.PASSES:
        if one.needs is None or _exists(tx, one.needs):
            checks += _run(tx, one, progress)
    checks += _closings(tx, list(anchors), progress)
    return Report(checks, legs, time.monotonic() - began)


def _run(tx: Tx, one: verify_sql.Pass, progress: Progress) -> list[Check]:
    """One statement over a table, for all the rules that can be seen in it."""
    began = time.monotonic()
    progress(f"{one.name}: {', '.join(one.rules)}")
    checks = {name: Check(name, rule) for name, rule in one.rules.items()}
    for row in _streamed(tx, one.statement, one.values):
        at = row.pop("milestone", None)
        for name in one.rules:
            if row.get(name):
                checks[name].found({k: v for k, v in row.items() if k not in one.rules})
        if at is not None and at % verify_sql.MILESTONE == 0:
            progress(f"{one.name}: {at:,} rows")
    for check in checks.values():
        check.took_s = time.monotonic() - began
    return list(checks.values())


def _closings(tx: Tx, anchors: list[Anchor], progress: Progress) -> list[Check]:
    checks = []
    for name, rule, wrong_rows in verify_closings.checks(tx, anchors, progress):
        began = time.monotonic()
        progress(f"closings: {name}")
        check = Check(name, rule)
        for row in wrong_rows:
            check.found(row)
        check.took_s = time.monotonic() - began
        checks.append(check)
    return checks


def _streamed(tx: Tx, statement: str, values: Row) -> Iterator[Row]:
    """Rows as they come, never all at once."""
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    with driver.cursor() as cursor:
        for row in cursor.stream(statement, values or None):
            names = [column.name for column in cursor.description or ()]
            yield dict(zip(names, row, strict=True))


def _exists(tx: Tx, columns: str) -> bool:
    """Whether the database has "table.column" and more of them, separated by blanks."""
    wanted = [name.split(".") for name in columns.split()]
    found = sql.rows(
        tx,
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = current_schema()",
    )
    return all(tuple(name) in set(found) for name in wanted)
