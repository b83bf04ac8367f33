"""The store: one PostgreSQL, reached by transactions that change and by reads that do not wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import structlog
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from models.base import REMEMBERING, RunAgain, Tx

log = structlog.get_logger()
Result = TypeVar("Result")

# A deadlock, or a connection that a restarted server has closed: the transaction did not
# happen, or its message is kept under its key, so it is run again. More tries would outlast a door.
TRIES = 3
# Patience has run out already; another try would only make somebody wait longer.
_TIMED_OUT = (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable)


class Unavailable(Exception):
    """The database cannot be reached, or has not answered within the limit."""


class Store:
    """A pool of connections. `patience_s` bounds every statement and every wait for a lock.

    `remembering`: the key of models/remembered.py, which every transaction carries.
    """

    def __init__(
        self, url: str, *, connections: int, patience_s: float, remembering: bytes | None = None
    ) -> None:
        self._patience_s = patience_s
        milliseconds = int(patience_s * 1000)
        options: dict[str, Any] = {
            "pool_size": connections,
            "max_overflow": 0,
            "pool_timeout": patience_s,
            "execution_options": {REMEMBERING: remembering},
            "hide_parameters": True,  # an error must not quote what somebody wrote
            "connect_args": {
                "connect_timeout": max(2, int(patience_s)),
                "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
                " -c timezone=UTC -c jit=off",
                "prepare_threshold": 2,
            },
        }
        self._engine = create_engine(with_driver(url), **options)
        event.listen(self._engine, "connect", _limit_transactions(milliseconds))
        # Without BEGIN and COMMIT, on connections of their own: to switch one over and back would
        # cost as much as a statement.
        self._single = create_engine(
            with_driver(url), isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **options
        )

    @property
    def engine(self) -> object:
        """For Alembic and metrics."""
        return self._engine

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """A transaction: committed at the end, rolled back on an exception."""
        with self._engine.begin() as tx, _noticing_loss(tx):
            yield tx

    @contextmanager
    def reading(self) -> Iterator[Tx]:
        """A connection on which every statement is its own transaction."""
        with self._single.connect() as tx, _noticing_loss(tx):
            yield tx

    def run(self, work: Callable[[Tx], Result]) -> Result:
        """Run `work` in a transaction, again if it collided. Raises Unavailable, or RunAgain."""
        return self._again(work, self.begin)

    def read(self, work: Callable[[Tx], Result]) -> Result:
        """Run `work`, which changes nothing, without a transaction. Raises Unavailable."""
        return self._again(work, self.reading)

    def alone(self, work: Callable[[Tx], Result]) -> Result:
        """Run `work`, which makes one statement: a transaction of its own. Raises Unavailable.

        It spares BEGIN and COMMIT: two of three trips to the server. A second statement would be a
        second transaction, so only what is one statement by its nature comes here.
        """
        return self._again(work, self.reading)

    def close(self) -> None:
        self._engine.dispose()
        self._single.dispose()

    def _again(self, work: Callable[[Tx], Result], opened: Callable[[], object]) -> Result:
        give_up_at = time.monotonic() + self._patience_s
        for attempt in range(1, TRIES + 1):
            try:
                with opened() as tx:  # type: ignore[attr-defined]
                    return work(tx)
            except (DBAPIError, psycopg.Error) as error:
                cause = error.orig if isinstance(error, DBAPIError) else error
                # OperationalError: lost, timed out, or collided with another transaction.
                if not isinstance(cause, psycopg.OperationalError):
                    raise
                log.warning("transaction failed", attempt=attempt, why=type(cause).__name__)
                late = time.monotonic() >= give_up_at
                if attempt == TRIES or late or isinstance(cause, _TIMED_OUT):
                    raise Unavailable(type(cause).__name__) from error
            except RunAgain as error:
                log.warning("transaction failed", attempt=attempt, why=type(error).__name__)
                if attempt == TRIES or time.monotonic() >= give_up_at:
                    raise
            except NoFreeConnection as error:
                raise Unavailable("no connection is free") from error
        raise AssertionError("unreachable")


def _limit_transactions(milliseconds: int) -> Callable[..., None]:
    """Bound a whole transaction, too, where PostgreSQL can (from 17 on)."""

    def connected(driver: psycopg.Connection[Any], _: object) -> None:
        if driver.info.server_version >= 170000:
            driver.execute(
                "SELECT set_config('transaction_timeout', %s, false)", [str(milliseconds)]
            )
            driver.commit()

    return connected


@contextmanager
def _noticing_loss(tx: Tx) -> Iterator[None]:
    """Tell the pool of a connection that has died: statements pass it by (models/sql.py)."""
    try:
        yield
    except psycopg.OperationalError:
        driver = tx.connection.driver_connection
        if driver is not None and driver.closed:
            tx.invalidate()
            # The server was restarted: the idle ones are dead, too, and would use up our tries.
            tx.engine.dispose()
        raise


def with_driver(url: str) -> str:
    """postgresql://... -> postgresql+psycopg://..., since SQLAlchemy's default is psycopg 2."""
    scheme, _, rest = url.partition("://")
    return f"postgresql+psycopg://{rest}" if scheme in ("postgres", "postgresql") else url
