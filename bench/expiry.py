"""Expiry: how many lots a second one process sweeps, and that its memory stays flat.

`python -m bench.expiry --lots N` runs it alone, on a PostgreSQL of its own. The lots are written in
bulk, past the triggers, but whole: each has its account, its transfer and its leg.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import logs
from bench import servers
from bench.report import Row, table
from bench.stage import postgres_alone
from commands.db import upgrade
from embedded.postgres import Postgres
from models import points, sql
from models.base import Tx
from models.points import expiry
from models.store import Store

LOTS = 1_000_000
CHUNK = 100_000  # lots written in one transaction
DAY = date(2026, 6, 30)
NOW = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)

# The n-th of a chunk: somebody new with 1 to 200 points, issued out of the n-th stripe by turns.
# Each stripe's legs go on from the last one it has, and its balance falls with each.
_MAKE = f"""
WITH people AS (
    INSERT INTO subscribers (created_at)
    SELECT %(at)s FROM generate_series(1, %(count)s) RETURNING id
), lots AS (
    SELECT id, 1 + mod(id, 200) AS points, mod(id, {points.STRIPES})::smallint AS stripe,
           nextval('points_transfers_serial_seq') AS serial
    FROM people
), numbered AS (
    SELECT l.*, a.legs + row_number() OVER in_stripe AS payer_leg,
           a.balance - sum(l.points) OVER in_stripe AS payer_balance
    FROM lots l JOIN points_accounts a ON a.subscriber_id = 0 AND a.unit = 'points'
        AND a.kind = 'issuing' AND a.stripe = l.stripe
    WINDOW in_stripe AS (PARTITION BY l.stripe ORDER BY l.id)
), accounts AS (
    INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)
    SELECT id, 'points', 'consumption', %(day)s, points, 1 FROM lots
), transfers AS (
    INSERT INTO points_transfers (serial, key, request_hash, reason, channel, origin, at)
    SELECT serial, 'bench:' || id, '\\x00', 'bench', 'bench', 'bench', %(at)s FROM lots
), legs AS (
    INSERT INTO points_legs
        (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on, payer_stripe,
         payer_leg, payer_balance, payee_id, payee_kind, payee_expires_on, payee_stripe, payee_leg,
         payee_balance)
    SELECT serial, 1, %(at)s, 'points', points, 0, 'issuing', '9999-12-31', stripe, payer_leg,
           payer_balance, id, 'consumption', %(day)s, 0, 1, points
    FROM numbered
)
UPDATE points_accounts a SET balance = a.balance - n.points, legs = a.legs + n.legs
FROM (SELECT stripe, sum(points) AS points, count(*) AS legs FROM lots GROUP BY stripe) n
WHERE a.subscriber_id = 0 AND a.unit = 'points' AND a.kind = 'issuing' AND a.stripe = n.stripe
"""


@dataclass(frozen=True, slots=True)
class Took:
    """One sweep of everything."""

    seconds: float
    server_cpu_s: float
    slowest_batch_s: float
    memory_before_mib: float
    memory_most_mib: float
    server_before_mib: float
    server_most_mib: float


def measure(postgres: Postgres, lots: int = LOTS) -> list[Row]:
    """The rows about expiry, in a database of their own."""
    url = _made(postgres, lots)
    store = Store(url, connections=1, patience_s=600)
    took = _sweep(store, lots)
    _check(store, lots)
    store.close()
    _say(f"expiry: {lots} lots in {took.seconds:.1f} s, slowest batch {took.slowest_batch_s:.2f} s")
    return [
        Row("ledger.expiry", round(lots / took.seconds, 1), "lots/s"),
        Row("ledger.expiry.server_cpu", round(1e6 * took.server_cpu_s / lots, 1), "us/lot"),
        Row("ledger.expiry.slowest_batch", round(1000 * took.slowest_batch_s, 1), "ms"),
        _grown("ledger.expiry.memory", took.memory_most_mib, took.memory_before_mib),
        _grown("ledger.expiry.server_memory", took.server_most_mib, took.server_before_mib),
    ]


def _grown(name: str, most: float, before: float) -> Row:
    return Row(name, round(most, 1), "MiB", round(before, 1), round(most / before, 3))


def _made(postgres: Postgres, lots: int) -> str:
    admin = Store(postgres.url, connections=1, patience_s=600)
    with admin.reading() as tx:
        tx.exec_driver_sql("DROP DATABASE IF EXISTS expiry")
        tx.exec_driver_sql("CREATE DATABASE expiry")
    admin.close()
    url = postgres.url.replace("/lifecircle?", "/expiry?")
    upgrade(url)
    store = Store(url, connections=1, patience_s=600)
    began = time.monotonic()
    for first in range(0, lots, CHUNK):
        count = min(CHUNK, lots - first)
        with store.begin() as tx:
            sql.run(tx, "SET LOCAL session_replication_role = replica")
            sql.run(tx, _MAKE, {"count": count, "day": DAY, "at": NOW - timedelta(days=400)})
    with store.reading() as tx:
        tx.exec_driver_sql("VACUUM ANALYZE")
        tx.exec_driver_sql("CHECKPOINT")
    _check_books(store)
    store.close()
    _say(f"{lots} lots made in {time.monotonic() - began:.0f} s")
    return url


def _sweep(store: Store, lots: int) -> Took:
    """Batch by batch, as the clock does it, in the smallest of transactions."""
    ours = os.getpid()
    store.run(lambda tx: expiry.begin_day(tx, DAY, now=NOW))
    server = store.run(lambda tx: int(sql.value(tx, "SELECT pg_backend_pid()")))
    done, slowest = 0, 0.0
    memory: list[tuple[float, float]] = []
    cpu_s = servers.cpu_s(server)
    began = told_at = time.perf_counter()
    while True:
        at = time.perf_counter()
        swept = store.run(lambda tx: expiry.sweep(tx, now=NOW, day=DAY))
        took = time.perf_counter() - at
        if swept is None:
            break
        done, slowest = done + swept.lots, max(slowest, took)
        if not memory or at - told_at > 1:
            told_at = at
            memory.append((servers.private_mib(ours), servers.private_mib(server)))
            rate = done / (time.perf_counter() - began)
            _say(f"{done} lots, {rate:.0f}/s, %.1f and %.1f MiB" % memory[-1])
    seconds = time.perf_counter() - began
    if done != lots:
        raise RuntimeError(f"{done} lots expired, not {lots}")
    memory.append((servers.private_mib(ours), servers.private_mib(server)))
    # From the first batch on: what is loaded once for all is no growth.
    return Took(
        seconds, servers.cpu_s(server) - cpu_s, slowest, memory[0][0], max(m for m, _ in memory),
        memory[0][1], max(m for _, m in memory),
    )  # fmt: skip


def _check(store: Store, lots: int) -> None:
    def look(tx: Tx) -> tuple[int, int]:
        (said,) = expiry.expired_by_day(tx, since=DAY, until=DAY)
        return said.lots, expiry.unexplained(tx)

    if store.read(look) != (lots, 0):
        raise RuntimeError("the day's statement is not what the account `expired` has")
    _check_books(store)


_WRONG = """
    WITH sides AS (
        SELECT payer_id AS id, payer_kind AS kind, payer_stripe AS stripe, payer_leg AS leg,
               payer_balance AS balance, -points AS points FROM points_legs UNION ALL
        SELECT payee_id, payee_kind, payee_stripe, payee_leg, payee_balance, points
        FROM points_legs
    ), summed AS (
        SELECT id, kind, stripe, sum(points) AS points, count(*) AS legs, max(leg) AS last,
               (array_agg(balance ORDER BY leg DESC))[1] AS balance
        FROM sides GROUP BY 1, 2, 3
    )
    SELECT count(*) FROM points_accounts a LEFT JOIN summed s
        ON (s.id, s.kind, s.stripe) = (a.subscriber_id, a.kind, a.stripe)
    WHERE a.unit = 'points' AND (s.points, s.legs, s.last, s.balance) IS DISTINCT FROM
        (a.balance::numeric, a.legs::bigint, a.legs, a.balance) AND (a.legs > 0 OR s.legs > 0)
"""


def _check_books(store: Store) -> None:
    wrong = store.read(lambda tx: int(sql.value(tx, _WRONG)))
    if wrong:
        raise RuntimeError(f"{wrong} accounts are not what their legs say")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Alone, on a PostgreSQL of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.expiry", description=__doc__)
    parser.add_argument("--lots", type=int, default=LOTS)
    options = parser.parse_args()
    logs.configure("warning")
    with postgres_alone() as postgres:
        print(table(measure(postgres, options.lots)))


if __name__ == "__main__":
    main()
