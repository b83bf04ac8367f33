"""Vouchers: verifications from Python against pgbench making the same ones, by turns.

pgbench runs the statements of models/vouchers/verifying.py, with as many connections and in
transactions like theirs, so what is between them is Python. Each voucher is verified once: every
turn has vouchers of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.ledger import PROCESSES, THREADS
from bench.report import Row
from commands.db import upgrade
from embedded.postgres import Postgres
from models.store import Store

MERCHANT = "bench"
FASTEST = 4_000  # verifications a second that a turn has vouchers for

# In bulk, past the triggers; nobody has paid for them, which a till does not look at.
_MAKE = """
    SET session_replication_role = replica;
    INSERT INTO merchants (code, name, category, city) VALUES ('bench', '商户', 'car', '长沙');
    INSERT INTO stores (merchant_code, store_no, name, address, latitude, longitude)
    VALUES ('bench', 1, '门店', '一路一号', 28.2, 112.9);
    INSERT INTO offers (code, merchant_code, title, price_points, face_fen)
    VALUES ('bench', 'bench', '洗车券', 600, 2000);
    INSERT INTO subscribers (created_at) SELECT now() FROM generate_series(1, 10000);
    INSERT INTO vouchers (subscriber_id, id, key, offer_code, merchant_code, title, code,
        short_code, price_points, price_fen, face_fen, pays_cents, serial, issued_at, valid_until,
        events)
    SELECT 1001 + mod(n, 10000), n, 'bench:' || n, 'bench', 'bench', '洗车券',
           lpad(n::text, 26, '0'), lpad(n::text, 10, '0'), 600, 0, 2000, 170000, n, now(),
           now() + interval '30 days', 1
    FROM generate_series(1, {count}) n;
    INSERT INTO voucher_codes (merchant_code, code, subscriber_id, voucher_id)
    SELECT merchant_code, short_code, subscriber_id, id FROM vouchers;
    INSERT INTO voucher_events (subscriber_id, voucher_id, no, state, why, by, at)
    SELECT subscriber_id, id, 1, 'issued', 'redeemed', 'bench', now() FROM vouchers;
    SET session_replication_role = DEFAULT;
"""

# {first}: of this turn; each client goes through vouchers of its own.
_PGBENCH = """
\\set n :n + 1
\\set id {first} + :client_id * {each} + :n
\\set person 1001 + mod(:id, 10000)
BEGIN;
SELECT v.*, ARRAY(SELECT store_no FROM offer_stores s WHERE s.offer_code = v.offer_code)
    FROM voucher_codes c JOIN vouchers v ON v.subscriber_id = c.subscriber_id
    AND v.id = c.voucher_id
    WHERE c.merchant_code = 'bench' AND c.code = lpad((:id)::text, 10, '0') FOR NO KEY UPDATE OF v;
INSERT INTO verifications AS n (subscriber_id, voucher_id, no, key, merchant_code, store_no, by,
    at, due_on, cents)
    SELECT :person, :id, count(*) + 1, 'bench:' || :id, 'bench', 1, 'bench', now(),
           current_date + 15, 170000
    FROM verifications WHERE subscriber_id = :person AND voucher_id = :id
    ON CONFLICT (subscriber_id, voucher_id, key) DO NOTHING RETURNING n.*;
WITH changed AS (UPDATE vouchers SET state = 'verified', ended_at = now(), events = events + 1
    WHERE subscriber_id = :person AND id = :id RETURNING events)
    INSERT INTO voucher_events (subscriber_id, voucher_id, no, state, why, by, at)
    SELECT :person, :id, events, 'verified', 'store 1', 'bench', now() FROM changed;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many turns each has, and how long one is."""

    rounds: int = 3
    seconds: float = 4.0


QUICK = Plan(rounds=1, seconds=1.0)


def measure(postgres: Postgres, plan: Plan) -> list[Row]:
    """The row about vouchers; a database of its own is made and dropped."""
    each = int(FASTEST * plan.seconds) // (PROCESSES * THREADS)
    a_turn = each * PROCESSES * THREADS
    url = _made(postgres, count=2 * (plan.rounds + 1) * a_turn)
    theirs, ours = [], []
    for number in range(plan.rounds + 1):  # the first is a warm-up
        first = 2 * number * a_turn
        pgbench = _pgbench(postgres, url, first, each, plan.seconds)
        python = _python(url, first + a_turn, each, plan.seconds)
        print(f"vouchers round {number}: {python:.0f}/s against {pgbench:.0f}/s",
              file=sys.stderr, flush=True)  # fmt: skip
        if number:
            theirs.append(pgbench)
            ours.append(python)
    ratio = median(one / another for one, another in zip(ours, theirs, strict=True))
    return [Row("vouchers.verify.vs_pgbench", round(median(ours), 1), "verifications/s",
                round(median(theirs), 1), round(ratio, 3))]  # fmt: skip


def _made(postgres: Postgres, count: int) -> str:
    admin = Store(postgres.url, connections=1, patience_s=600)
    with admin.reading() as tx:
        tx.exec_driver_sql("DROP DATABASE IF EXISTS vouchers")
        tx.exec_driver_sql("CREATE DATABASE vouchers")
    admin.close()
    url = postgres.url.replace("/lifecircle?", "/vouchers?")
    upgrade(url)
    store = Store(url, connections=1, patience_s=600)
    with store.begin() as tx:
        for statement in _MAKE.format(count=count).split(";"):
            if statement.strip():
                tx.exec_driver_sql(statement)
    with store.reading() as tx:
        tx.exec_driver_sql("VACUUM ANALYZE")
        tx.exec_driver_sql("CHECKPOINT")
    store.close()
    return url


def _pgbench(postgres: Postgres, url: str, first: int, each: int, seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "verify.sql"
        script.write_text(_PGBENCH.format(first=first, each=each), "utf-8")
        command = [
            str(postgres.program("pgbench")), "--no-vacuum", "--protocol=prepared",
            f"--client={PROCESSES * THREADS}", f"--jobs={PROCESSES}", "--define=n=0",
            f"--time={max(1, round(seconds))}", f"--file={script}", url.replace("+psycopg", ""),
        ]  # fmt: skip
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in said.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


def _python(url: str, first: int, each: int, seconds: float) -> float:
    crew = [
        subprocess.Popen(
            [
                sys.executable, "-m", "bench.vouchers_client", url,
                str(first + number * THREADS * each), str(each), str(seconds), str(THREADS),
            ],
            stdout=subprocess.PIPE, text=True,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    made = [int(one.communicate()[0]) for one in crew]
    return sum(made) / seconds
