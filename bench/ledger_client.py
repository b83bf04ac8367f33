"""A client of the ledger: transfers from Python, each in a transaction of its own, for a while.

python -m bench.ledger_client URL WHAT PEOPLE SECONDS THREADS   -> transfers made
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from models import points
from models.base import Tx
from models.store import Store
from models.subscribers import Subscriber

HOT = "merchant:bench"
FIRST_ID = 10_000_000  # of the people that bench/ledger.py makes
_numbers = itertools.count()


def person(n: int) -> Subscriber:
    """The n-th of them, as the rules see one."""
    return Subscriber(FIRST_ID + n, "active", False, None, None, None)


def _between_two(people: int) -> Callable[[Tx], object]:
    payer, payee = random.sample(range(people), 2)
    cause = _cause()
    return lambda tx: points.transfer(
        tx, payer=person(payer), payee=person(payee), points=1, cause=cause, now=datetime.now(UTC)
    )


def _into_one(people: int) -> Callable[[Tx], object]:
    payer, cause = random.randrange(people), _cause()
    return lambda tx: points.spend(
        tx, person(payer), points=1, into=HOT, cause=cause, now=datetime.now(UTC)
    )


def _out_of_one(people: int) -> Callable[[Tx], object]:
    payee, cause = random.randrange(people), _cause()
    return lambda tx: points.issue(
        tx, person(payee), kind=points.CONSUMPTION, points=1, expires_on=points.day_of(LOT_ENDS),
        source=HOT, cause=cause, now=datetime.now(UTC),
    )  # fmt: skip


LOT_ENDS = datetime(2098, 12, 31, tzinfo=UTC)
WHAT = {"between_two": _between_two, "into_one": _into_one, "out_of_one": _out_of_one}


def _cause() -> points.Cause:
    return points.Cause(f"bench:{os.getpid()}:{next(_numbers)}", "bench", "bench", "bench")


def main() -> None:
    """Make transfers until the time is over."""
    url, what, people, seconds, threads = sys.argv[1:]
    store = Store(url, connections=int(threads), patience_s=10)
    ends, made = time.monotonic() + float(seconds), [0] * int(threads)

    def work(mine: int) -> None:
        while time.monotonic() < ends:
            store.alone(WHAT[what](int(people)))
            made[mine] += 1

    crew = [threading.Thread(target=work, args=[n]) for n in range(int(threads))]
    for each in crew:
        each.start()
    for each in crew:
        each.join()
    print(sum(made))


if __name__ == "__main__":
    main()
