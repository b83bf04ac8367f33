"""Alembic's entry: it migrates the database whose URL the command gives."""

from __future__ import annotations

import warnings

from alembic import context
from sqlalchemy import NullPool, create_engine, exc

import models.tables  # noqa: F401  every table registers itself
from models.base import metadata
from models.store import with_driver

# No pool: a migration that fails must not leave its connection, and so the lock, behind.
engine = create_engine(with_driver(context.config.attributes["url"]), poolclass=NullPool)
# Only one migrates at a time, however many servers start at once.
MIGRATION_LOCK = 0x11FE_DB

with engine.connect() as connection:
    connection.exec_driver_sql("SELECT pg_advisory_lock(%(lock)s)", {"lock": MIGRATION_LOCK})
    connection.commit()
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with warnings.catch_warnings(), context.begin_transaction():
        # A check that is NOT VALID (points_legs_grace_once, 0019) is read back with options that
        # SQLAlchemy 2.1 takes for an argument it does not know. Alembic compares no checks.
        unknown = "Can't validate argument 'dialect_options'"
        warnings.filterwarnings("ignore", unknown, exc.SAWarning)
        context.run_migrations()
engine.dispose()
