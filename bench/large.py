"""A large store: millions of people with their messages and their ledger, written in bulk.

`python -m bench.large FOLDER --people 5000000` fills a PostgreSQL over FOLDER, to be measured by
bench/console.py. Each person has two addresses, two lots, five transfers of two legs (one that
issued, four that spent), a message heard, one sent and a membership; so 50 million legs stand
behind 5 million people. The books are right: the n-th person's legs have their numbers and
balances in closed form, in the person's lots and in the stripe of the house that the person uses.

Indexes and keys are dropped first and made again afterwards, which is several times faster than
to keep them while the rows come.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import logs
from commands.db import upgrade
from embedded.postgres import Postgres
from models import points, sql
from models.store import Store

PEOPLE = 5_000_000
CHUNK = 250_000  # people written in one transaction
FIRST_ID = 10_000_000
FIRST_NUMBER = 13_000_000_000
FIRST_SERIAL = 1_000_000_000
TRANSFERS = 5  # a person's
LOTS = (("consumption", 100, 10), ("promotional", 50, 5))  # kind, issued, spent each time

# The columns of one person: n, id, stripe of the house, place k within the stripe, since when.
_PEOPLE = f"""
CREATE UNLOGGED TABLE bench_people AS
SELECT n, {FIRST_ID} + n AS id, mod(n, {points.STRIPES})::smallint AS stripe,
       n / {points.STRIPES} AS k, now() - mod(n * 7919, 700) * interval '1 day' AS since
FROM generate_series(%(first)s::bigint, %(last)s) n
"""
_CLUB = """
INSERT INTO clubs (code, name, intro, price_fen, boss_service, position, is_open)
VALUES ('film', '电影俱乐部', '', 0, 'CLUB_FILM', 0, true)
"""
_ROWS = (
    """
INSERT INTO subscribers (id, created_at) SELECT id, since FROM bench_people
""",
    f"""
INSERT INTO subscriber_addresses (channel, address, subscriber_id, since, heard_at, open_until)
SELECT 'wechat', 'o_large_' || lpad(n::text, 20, '0'), id, since, since,
       since + interval '48 hours' FROM bench_people
UNION ALL
SELECT 'sms', '+86' || ({FIRST_NUMBER} + n), id, since, NULL, NULL FROM bench_people
""",
    """
INSERT INTO memberships (subscriber_id, club_code, state, since)
SELECT id, 'film', 'active', since FROM bench_people
""",
    """
INSERT INTO inbox (key, channel, kind, subscriber_id, reply, received_at)
SELECT 'large:' || n, 'wechat', 'click', id, '{}', since FROM bench_people
""",
    f"""
INSERT INTO outbox (subscriber_id, queue, kind, category, payload, state, created_at, due_at,
                    settled_at, status)
SELECT id, 'reply', 'sms', 'answer',
       jsonb_build_object('to', '+86' || ({FIRST_NUMBER} + n), 'text', '欢迎加入电影俱乐部'),
       'delivered', since, since, since, 'delivered'
FROM bench_people
""",
    f"""
INSERT INTO points_transfers (serial, key, request_hash, reason, channel, origin, at)
SELECT {FIRST_SERIAL} + n * {TRANSFERS} + t, 'large:' || n || ':' || t, '\\x00',
       CASE t WHEN 0 THEN 'earn' ELSE 'spend' END, 'boss', 'large', since + t * interval '1 hour'
FROM bench_people, generate_series(0, {TRANSFERS - 1}) t
""",
    f"""
INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)
SELECT id, 'points', kind, current_date + 400, issued - {TRANSFERS - 1} * spent, {TRANSFERS}
FROM bench_people,
     (VALUES {", ".join(str(lot) for lot in LOTS)}) AS lot (kind, issued, spent)
""",
    # What was issued: each stripe pays two legs a person, and falls by both lots.
    """
INSERT INTO points_legs (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on,
    payer_stripe, payer_leg, payer_balance, payee_id, payee_kind, payee_expires_on, payee_stripe,
    payee_leg, payee_balance)
SELECT {first_serial} + n * {transfers}, lot.no, since, 'points', issued, 0, 'issuing',
       '9999-12-31', stripe, 2 * k + lot.no, -(k * {issued} + so_far), id, kind,
       current_date + 400, 0, 1, issued
FROM bench_people, (VALUES {lots}) AS lot (no, kind, issued, spent, so_far, spent_so_far)
""",
    # What was spent: four times two legs a person, into the house's stripe.
    """
INSERT INTO points_legs (serial, leg_no, at, unit, points, payer_id, payer_kind, payer_expires_on,
    payer_stripe, payer_leg, payer_balance, payee_id, payee_kind, payee_expires_on, payee_stripe,
    payee_leg, payee_balance)
SELECT {first_serial} + n * {transfers} + t, lot.no, since + t * interval '1 hour', 'points',
       spent, id, kind, current_date + 400, 0, t + 1, issued - t * spent, 0, 'spent',
       '9999-12-31', stripe, k * {spendings} * 2 + (t - 1) * 2 + lot.no,
       k * {spendings} * {spent} + (t - 1) * {spent} + spent_so_far
FROM bench_people, generate_series(1, {spendings}) t,
     (VALUES {lots}) AS lot (no, kind, issued, spent, so_far, spent_so_far)
""",
)
# The house's stripes after all of them: so many people used each.
_HOUSE = """
UPDATE points_accounts a
SET balance = CASE kind WHEN 'issuing' THEN -used * {issued} ELSE used * {spendings} * {spent} END,
    legs = CASE kind WHEN 'issuing' THEN used * 2 ELSE used * {spendings} * 2 END
FROM (SELECT s, (%(people)s + {stripes} - 1 - s) / {stripes} AS used
      FROM generate_series(0, {stripes} - 1) s) each
WHERE subscriber_id = 0 AND unit = 'points' AND kind IN ('issuing', 'spent') AND stripe = each.s
"""
_TABLES = (
    "subscribers", "subscriber_addresses", "memberships", "inbox", "outbox", "points_transfers",
    "points_accounts", "points_legs",
)  # fmt: skip
# What can be dropped and made again, keys that others point at last; definitions from the catalog.
_CONSTRAINTS = """
SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', c.conrelid::regclass, c.conname),
       format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', c.conrelid::regclass, c.conname,
              pg_get_constraintdef(c.oid))
FROM pg_constraint c
WHERE contype IN ('p', 'u', 'f') AND (conrelid::regclass::text = ANY (%(tables)s)
      OR contype = 'f' AND confrelid::regclass::text = ANY (%(tables)s))
ORDER BY contype = 'p', contype = 'u', conname
"""
_INDEXES = """
SELECT format('DROP INDEX %%I', indexname), indexdef FROM pg_indexes i
WHERE schemaname = 'public' AND tablename = ANY (%(tables)s)
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)
"""


def fill(url: str, people: int) -> None:
    """Write so many people with all that belongs to them, then the keys and indexes again."""
    store = Store(url, connections=1, patience_s=7200)
    with store.reading() as tx:
        sql.run(tx, _CLUB)
        known = {"tables": list(_TABLES)}
        indexes = sql.rows(tx, _INDEXES, known)
        constraints = sql.rows(tx, _CONSTRAINTS, known)
        for drop, _ in indexes + constraints:
            sql.run(tx, drop)
    values = _figures()
    for first in range(0, people, CHUNK):
        last = min(first + CHUNK, people) - 1
        with store.begin() as tx:
            sql.run(tx, "SET LOCAL session_replication_role = replica")
            sql.run(tx, _PEOPLE, {"first": first, "last": last})
            for statement in _ROWS:
                sql.run(tx, statement.format(**values) if "{lots}" in statement else statement)
            sql.run(tx, "DROP TABLE bench_people")
        _say(f"{last + 1} people")
    with store.begin() as tx:
        sql.run(tx, "SET LOCAL session_replication_role = replica")
        sql.run(tx, _HOUSE.format(**values), {"people": people})
    with store.reading() as tx:
        sql.run(tx, "SET maintenance_work_mem = '1GB'")
        # A check of what was there before: foreign keys after the keys they point at.
        for _, make in reversed(constraints):
            sql.run(tx, make)
            _say(make[:90])
        for _, make in indexes:
            sql.run(tx, make)
            _say(make[:90])
        sql.run(tx, "VACUUM ANALYZE")
    store.close()


def _figures() -> dict[str, object]:
    """The sums that the closed forms need."""
    spendings = TRANSFERS - 1
    rows, issued, spent = [], 0, 0
    for number, (kind, issues, spends) in enumerate(LOTS, 1):
        issued, spent = issued + issues, spent + spends
        rows.append(str((number, kind, issues, spends, issued, spent)))
    return {
        "lots": ", ".join(rows), "issued": issued, "spent": spent, "spendings": spendings,
        "transfers": TRANSFERS, "first_serial": FIRST_SERIAL, "stripes": points.STRIPES,
    }  # fmt: skip


def main() -> None:
    """Make a PostgreSQL over a folder, and fill it."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--people", type=int, default=PEOPLE)
    chosen = arguments.parse_args()
    logs.configure("warning")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    postgres = Postgres(chosen.folder / "postgres", durable=False)
    postgres.start()
    try:
        upgrade(postgres.url)
        fill(postgres.url, chosen.people)
    finally:
        postgres.stop()
    _say(f"{chosen.people} people in {time.monotonic() - began:.0f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
