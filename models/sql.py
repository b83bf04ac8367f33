"""Statements inside a transaction, and what comes back: rows, the first, a value, a count.

They go to the driver through the transaction's own connection: SQLAlchemy's result machinery
would cost four times what the driver does (docs/benchmarks.md). Values are always bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import psycopg

from models.base import Tx

Values = Mapping[str, Any] | Sequence[Any] | None
Row = tuple[Any, ...]


def run(tx: Tx, statement: str, values: Values = None) -> psycopg.Cursor[Row]:
    """Run a statement in this transaction."""
    driver = cast("psycopg.Connection[Row]", tx.connection.driver_connection)
    return driver.execute(statement, values)


def rows(tx: Tx, statement: str, values: Values = None) -> list[Row]:
    """All rows."""
    return run(tx, statement, values).fetchall()


def first(tx: Tx, statement: str, values: Values = None) -> Row | None:
    """The first row, or None."""
    return run(tx, statement, values).fetchone()


def one(tx: Tx, statement: str, values: Values = None) -> Row:
    """The row that must be there. Raises LookupError."""
    row = first(tx, statement, values)
    if row is None:
        raise LookupError("the statement gave no row")
    return row


def value(tx: Tx, statement: str, values: Values = None) -> Any:
    """The first column of the row that must be there. Raises LookupError."""
    return one(tx, statement, values)[0]


def maybe_value(tx: Tx, statement: str, values: Values = None) -> Any:
    """The first column of the first row, or None."""
    row = first(tx, statement, values)
    return row[0] if row else None


def change(tx: Tx, statement: str, values: Values = None) -> int:
    """How many rows the statement changed."""
    return run(tx, statement, values).rowcount


@dataclass(frozen=True, slots=True)
class Write:
    """A statement that changes rows, to be run later; nobody needs what it would return."""

    statement: str
    values: Mapping[str, Any]


def together(tx: Tx, writes: Sequence[Write]) -> None:
    """Run writes that do not see each other's rows, as one statement: one trip to the server."""
    if writes:
        values = {
            f"{name}_{n}": v for n, write in enumerate(writes) for name, v in write.values.items()
        }
        run(tx, _as_one(tuple(write.statement for write in writes)), values)


@cache  # few shapes: what one message can leave behind
def _as_one(statements: tuple[str, ...]) -> str:
    *before, last = (each.replace(")s", f"_{n})s") for n, each in enumerate(statements))
    if not before:
        return last
    return "WITH " + ", ".join(f"w{n} AS ({each})" for n, each in enumerate(before)) + " " + last
