"""How long it takes to prove and to close a ledger: `python -m bench.ledger_verify URL LEGS`.

The database is an empty one with our tables. Its legs are written in bulk, with the triggers off,
as the triggers would have written them: each person is given 10 points and spends 5, by turns.
"""

from __future__ import annotations

import resource
import sys
import time
from datetime import UTC, datetime, timedelta

import psycopg

from models.points import closings, verify
from models.store import Store, with_driver
from workers.closing_clock import close_through

FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 30
LEGS_A_PERSON = 20
STRIPES = 16

FILL = """
    INSERT INTO subscribers (id, status, created_at) OVERRIDING SYSTEM VALUE
    SELECT 1000000 + n, 'active', %(first)s FROM generate_series(0, %(people)s - 1) n;

    CREATE TEMP TABLE made AS
    SELECT 1000000000 + i AS serial, %(first)s + i * %(step)s AS at, i / %(people)s AS round,
           1000000 + i %% %(people)s AS person, (i %% %(stripes)s)::smallint AS stripe,
           (i / %(people)s) %% 2 = 0 AS given
    FROM generate_series(0, %(legs)s - 1) i;

    INSERT INTO points_transfers
        (serial, key, request_hash, reason, channel, origin, at)
    SELECT serial, 'bench:' || serial, sha256(int8send(serial)), 'bench', 'bench',
           'bench:' || serial, at
    FROM made ORDER BY serial;

    INSERT INTO points_legs
        (serial, leg_no, at, unit, points,
         payer_id, payer_kind, payer_expires_on, payer_stripe, payer_leg, payer_balance,
         payee_id, payee_kind, payee_expires_on, payee_stripe, payee_leg, payee_balance)
    SELECT serial, 1, at, 'points', CASE WHEN given THEN 10 ELSE 5 END,
           CASE WHEN given THEN 0 ELSE person END,
           CASE WHEN given THEN 'issuing' ELSE 'consumption' END,
           CASE WHEN given THEN '9999-12-31' ELSE '2027-12-31'::date END,
           CASE WHEN given THEN stripe ELSE 0 END,
           CASE WHEN given THEN house_leg ELSE round + 1 END,
           CASE WHEN given THEN -10 * house_leg ELSE has END,
           CASE WHEN given THEN person ELSE 0 END,
           CASE WHEN given THEN 'consumption' ELSE 'spent' END,
           CASE WHEN given THEN '2027-12-31' ELSE '9999-12-31'::date END,
           CASE WHEN given THEN 0 ELSE stripe END,
           CASE WHEN given THEN round + 1 ELSE house_leg END,
           CASE WHEN given THEN has ELSE 5 * house_leg END
    FROM (
        SELECT *, row_number() OVER (PARTITION BY given, stripe ORDER BY serial) AS house_leg,
               10 * (round / 2 + 1) - 5 * ((round + 1) / 2) AS has
        FROM made
    ) AS numbered ORDER BY serial;

    INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, stripe, balance, legs)
    SELECT id, unit, kind, expires_on, stripe, sum(points), count(*) FROM (
        SELECT payer_id AS id, unit, payer_kind AS kind, payer_expires_on AS expires_on,
               payer_stripe AS stripe, -points AS points FROM points_legs
        UNION ALL
        SELECT payee_id, unit, payee_kind, payee_expires_on, payee_stripe, points FROM points_legs
    ) AS sides GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (subscriber_id, unit, kind, expires_on, stripe)
    DO UPDATE SET balance = excluded.balance, legs = excluded.legs;
"""


def fill(url: str, *, legs: int) -> None:
    """Write a consistent ledger of so many legs over a month."""
    people = max(1, legs // LEGS_A_PERSON)
    values = {
        "first": FIRST_DAY, "people": people, "legs": legs, "stripes": STRIPES,
        "step": timedelta(days=DAYS) / legs,
    }  # fmt: skip
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(FILL, values)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE points_legs, points_transfers, points_accounts")


def main(url: str, legs: int) -> None:
    """Fill, verify, close, verify with the closings."""
    began = time.perf_counter()
    fill(url, legs=legs)
    print(f"filled with {legs:,} legs in {time.perf_counter() - began:.1f} s")
    store = Store(with_driver(url), connections=2, patience_s=10)
    for _ in range(2):
        with store.begin() as tx:
            report = verify.verify(tx, progress=lambda line: print(f"    {line}"))
        assert report.ok, [check for check in report.checks if check.wrong]
        print(f"verified in {report.took_s:.1f} s: {report.legs / report.took_s:,.0f} legs/s")
        if store.read(closings.last) is None:
            _close(store, legs)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"most memory of this process: {memory:.0f} MB")


def _close(store: Store, legs: int) -> None:
    began = time.perf_counter()
    day = (FIRST_DAY + timedelta(days=DAYS)).date()
    days = sum(1 for _ in close_through(store, day, now=lambda: datetime.now(UTC)))
    took = time.perf_counter() - began
    print(f"closed {days} days in {took:.1f} s: {legs / took:,.0f} legs/s")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
