"""Lockouts: failures at the door, per login and per address; each lock lasts longer."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, String, Table

from models.base import metadata, moment

tries = Table(
    "operator_tries",
    metadata,
    Column("kind", String(8), primary_key=True),
    # Hashed: people type their password into the wrong field.
    Column("key_hash", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    moment("last_at"),
    moment("locked_until", nullable=True),
    CheckConstraint("kind IN ('login', 'address')", name="kind"),
    CheckConstraint("failures >= 0", name="failures"),
    Index(None, "last_at"),
)
