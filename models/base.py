"""What every table shares: the metadata, the transaction, and the ways to write columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, DateTime, ForeignKey, MetaData
from sqlalchemy.dialects.postgresql import JSONB

# A transaction is a Core connection: the caller (a door, a worker or a command) begins and
# commits it; functions in models/ only use it. Core, not ORM sessions: docs/decisions.md.
Tx = Connection

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


class RunAgain(Exception):
    """Others have changed what this transaction began with: run it from its beginning."""


# The operator itself, as the owner of system accounts and of what belongs to nobody else.
HOUSE = 0

# How a transaction carries the key of models/remembered.py: callers far above need not know of it.
REMEMBERING = "remembering_key"


def moment(name: str, *, nullable: bool = False, **more: Any) -> Column[Any]:
    """A point in time, stored in UTC."""
    return Column(name, DateTime(timezone=True), nullable=nullable, **more)


def document(name: str, *, nullable: bool = False, **more: Any) -> Column[Any]:
    """A JSON document."""
    return Column(name, JSONB, nullable=nullable, **more)


def subscriber_id(*, primary_key: bool = False, nullable: bool = False) -> Column[Any]:
    """The owner of a subscriber-scoped row; stands first in its keys (docs/architecture.md)."""
    return Column(
        "subscriber_id",
        BigInteger,
        ForeignKey("subscribers.id"),
        primary_key=primary_key,
        nullable=nullable,
        autoincrement=False,
    )
