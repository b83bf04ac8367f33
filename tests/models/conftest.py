"""The store alone, on a database of the test's own, and people who have nothing yet."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from models import points, subscribers
from models.base import Tx
from models.store import Store
from models.subscribers import Subscriber

# Noon in Shanghai, so that nothing here depends on the day it runs.
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)

Result = TypeVar("Result")
_numbers = itertools.count(1)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """A pool big enough for the threads of a race."""
    opened = Store(database_url, connections=16, patience_s=10)
    yield opened
    opened.close()


def newcomer(tx: Tx) -> Subscriber:
    """Somebody with a number that nobody else has."""
    return subscribers.lock(tx, "sms", f"+86139{next(_numbers):08d}", NOON)


def rows(store: Store, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """What the database says."""
    with store.reading() as tx:
        return [tuple(row) for row in tx.exec_driver_sql(query, values or None)]


def cause(key: str, reason: str = "test") -> points.Cause:
    return points.Cause(key, reason, "sms", "tests")


def at_once(works: Sequence[Callable[[], Result]]) -> list[Result]:
    """Each on a thread of its own, released together."""
    barrier = threading.Barrier(len(works))

    def start(work: Callable[[], Result]) -> Result:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))
