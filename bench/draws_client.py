"""People who draw, from Python, each draw in a transaction of its own.

python -m bench.draws_client URL for POOLS PEOPLE SECONDS THREADS    -> draws made in that time
python -m bench.draws_client URL all FIRST LAST PEOPLE THREADS       -> draws made, and refused

`all` makes the attempts FIRST to LAST of a crowd. Attempt n is person n mod PEOPLE's and has a key
of its own: who is killed in the middle makes them all again, and nothing is drawn twice.
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

import psycopg
from sqlalchemy.exc import DBAPIError

from models.base import RunAgain, Tx
from models.draws import drawing
from models.draws.people import NotDrawn
from models.draws.seeds import Seeds
from models.operators.vault import Vault
from models.store import Store, Unavailable
from models.subscribers import lock_id

FIRST_ID = 10_000_000  # of the people that bench/draws.py makes
SECRET = "the secret of this benchmark"
SEEDS = Seeds(lambda: Vault(SECRET))
AT_MOST = 1000
TRIES = 200  # of an attempt, while the database is away
_numbers = itertools.count()


def pool(number: int) -> str:
    """The code of a draw."""
    return f"pool-{number}"


def one(tx: Tx, person: int, code: str, key: str) -> bool:
    """Draw once; False if this person may not."""
    who = lock_id(tx, FIRST_ID + person)
    try:
        drawing.draw(
            tx, who, code, key=key, channel="bench", seeds=SEEDS, now=datetime.now(UTC),
            at_most=AT_MOST,
        )  # fmt: skip
    except NotDrawn as refused:
        if refused.why not in ("day_limit", "person_limit"):
            raise
        return False
    return True


def for_a_while(store: Store, pools: int, people: int, seconds: float, threads: int) -> str:
    ends, made = time.monotonic() + seconds, [0] * threads

    def work(mine: int) -> None:
        while time.monotonic() < ends:
            person, code = random.randrange(people), pool(random.randrange(pools))
            key = f"{os.getpid()}:{next(_numbers)}"
            store.run(lambda tx, p=person, c=code, k=key: one(tx, p, c, k))  # type: ignore[misc]
            made[mine] += 1

    _together(work, threads)
    return str(sum(made))


def all_of_them(store: Store, first: int, last: int, people: int, threads: int) -> str:
    counted = [[0, 0] for _ in range(threads)]

    def work(mine: int) -> None:
        for attempt in range(first + mine, last, threads):
            drawn = _until_answered(store, attempt, people)
            counted[mine][0 if drawn else 1] += 1

    _together(work, threads)
    return " ".join(str(sum(column)) for column in zip(*counted, strict=True))


def _until_answered(store: Store, attempt: int, people: int) -> bool:
    for _ in range(TRIES):
        try:
            return store.run(lambda tx: one(tx, attempt % people, pool(0), f"attempt:{attempt}"))
        except (Unavailable, RunAgain, psycopg.OperationalError, DBAPIError):
            time.sleep(0.05)
    raise SystemExit(f"attempt {attempt} was never answered")


def _together(work: Callable[[int], None], threads: int) -> None:
    crew = [threading.Thread(target=work, args=[n]) for n in range(threads)]
    for each in crew:
        each.start()
    for each in crew:
        each.join()


def main() -> None:
    url, how, *more = sys.argv[1:]
    threads = int(more[-1])
    store = Store(url, connections=threads, patience_s=10)
    if how == "for":
        said = for_a_while(store, int(more[0]), int(more[1]), float(more[2]), threads)
    else:
        said = all_of_them(store, int(more[0]), int(more[1]), int(more[2]), threads)
    print(said)


if __name__ == "__main__":
    main()
