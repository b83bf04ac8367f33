"""The console over a large store: how long operators wait for its lists and for a person's page.

`python -m bench.console FOLDER` measures over what `python -m bench.large FOLDER` has made. Each
page is asked for over HTTP by somebody who is signed in with the role for it; people are chosen at
random, so that their rows are as cold as in life. An answer that is no page stops it.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

import requests

import logs
from bench import large, servers, stage
from bench.report import Row, table
from bench.servers import ROOT
from commands.db import upgrade
from embedded.postgres import Postgres
from embedded.valkey import Valkey
from handlers.console.doorkeeper import COOKIE
from menus.menus import read_folder
from models import publications, sql
from models.audit import By
from models.base import Tx
from models.operators import accounts, roles, sessions
from models.store import Store

ROUNDS = 60  # of every page
WAIT_MOST_MS = 200.0  # for the 95th of 100 pages (the console's promise)
COMMAND = By(None, "command:bench", "command", "", "")
PERSON = "/console/subscribers/{person}"
OF_A_PERSON = (
    PERSON,
    f"{PERSON}?group=points",
    f"{PERSON}?group=messages",
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """An operator's browser."""

    role: str
    http: requests.Session


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, Store, int]]:
    """The web processes over the large store: their address, the store, how many people it has."""
    postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
    web = None
    try:
        postgres.start()
        valkey.start()
        upgrade(postgres.url)
        store = Store(postgres.url, connections=2, patience_s=600)
        count = store.read(_people)
        files, now = read_folder(ROOT / "menus"), datetime.now(UTC)
        store.run(
            lambda tx: publications.publish(tx, files, author="bench", note="the files", now=now)
        )
        port = servers.free_port()
        environment = stage.product_environment(postgres.url, valkey.url, port, servers.free_port())
        web = servers.start(
            "web", [str(ROOT / "app.py"), "web"],
            port=port, environment=environment, folder=folder / "web",
        )  # fmt: skip
        yield f"http://127.0.0.1:{port}", store, count
        store.close()
    finally:
        if web is not None:
            web.stop()
        postgres.stop()
        valkey.stop()


def measure(url: str, store: Store, people: int, rounds: int = ROUNDS) -> list[Row]:
    """A row for each list, for a person's page and for a search, and the slowest of them."""
    crew = {role: store.run(lambda tx, r=role: _visitor(tx, r)) for role in roles.ROLES}  # type: ignore[misc]
    rows = []
    for path in pages(crew, url):
        who = next(each for each in crew.values() if _opens(each, url + path))
        rows.append(_timed(path, who, url, people, rounds))
    served = crew[roles.SERVICE]
    rows += [_timed(path, served, url, people, rounds) for path in OF_A_PERSON]
    slowest = max(rows, key=lambda row: row.value)
    return [*rows, Row("console.slowest_p95", slowest.value, "ms", WAIT_MOST_MS,
                       round(slowest.value / WAIT_MOST_MS, 3))]  # fmt: skip


def pages(crew: dict[str, Visitor], url: str) -> list[str]:
    """Every page of the navigation, of every role."""
    found: dict[str, None] = {}
    for who in crew.values():
        home = who.http.get(f"{url}/console", timeout=30).text
        for piece in home.split('href="')[1:]:
            path = piece.split('"')[0]
            if path.startswith("/console/") and "sign-out" not in path:
                found[path] = None
    return sorted(found)


def _opens(who: Visitor, address: str) -> bool:
    return who.http.get(address, timeout=60, allow_redirects=False).status_code == 200


def _timed(path: str, who: Visitor, url: str, people: int, rounds: int) -> Row:
    took = []
    for _ in range(rounds + 3):  # the first few warm connections up
        chosen = path.format(person=large.FIRST_ID + random.randrange(people))
        began = time.perf_counter()
        answer = who.http.get(url + chosen, timeout=60, allow_redirects=False)
        took.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise RuntimeError(f"{chosen}: {answer.status_code}\n{answer.text[:500]}")
    cuts = quantiles(took[3:], n=20)
    row = Row(f"console.p95 {path}", round(cuts[18], 1), "ms", round(cuts[9], 1))
    print(f"{row.name}: p50 {cuts[9]:.1f} ms, p95 {cuts[18]:.1f} ms", file=sys.stderr, flush=True)
    return row


def _visitor(tx: Tx, role: str) -> Visitor:
    now = datetime.now(UTC)
    login = f"bench.{role}.{now:%H%M%S}"
    made, _ = accounts.create(tx, login=login, name="bench", role=role, by=COMMAND, now=now)
    sql.run(
        tx,
        "UPDATE operators SET must_change = false, totp_secret = %(any)s WHERE id = %(id)s",
        {"id": made.id, "any": b"never asked for" if role in roles.NEEDS_CODE else None},
    )
    token = sessions.create(
        tx, made.id, limits=sessions.Limits(), address="127.0.0.1", browser="bench", now=now,
        code_passed=True,
    )  # fmt: skip
    http = requests.Session()
    http.cookies.set(COOKIE, token)
    return Visitor(role, http)


def _people(tx: Tx) -> int:
    last = sql.value(tx, "SELECT max(id) FROM subscribers")
    return int(last) - large.FIRST_ID + 1


def main() -> None:
    """Measure what stands in a folder."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = arguments.parse_args()
    logs.configure("warning")
    with running(chosen.folder) as (url, store, people):
        print(table(measure(url, store, people, chosen.rounds)))


if __name__ == "__main__":
    main()
