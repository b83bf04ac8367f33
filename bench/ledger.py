"""The ledger: transfers from Python against pgbench making the same ones with the same connections.

Both call points_move, the one statement a transfer is, as a transaction of its own, in the same
tables, by turns; so what is between them is Python.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.ledger_client import FIRST_ID, HOT, person
from bench.report import Row, versus
from commands.db import upgrade
from embedded.postgres import Postgres
from models import points
from models.store import Store

PROCESSES, THREADS = 2, 4  # 8 connections, as a machine of two processors runs web
LOT_ENDS = "2098-12-31"
FEW_ENTRIES, MANY_ENTRIES = 10, 100_000
LOOKS = 300

# The same transfer as points.transfer makes: one call, in a transaction of its own.
_PGBENCH = """
\\set payer random(0, {last})
\\set payee random(0, {last})
\\set nonce random(1, 9000000000000000)
SELECT * FROM points_move('bench:' || :nonce || ':' || :client_id, '\\x00', 'bench', 'bench',
    'bench', NULL, NULL, now(), current_date, 'points', 1, {first} + :payer,
    ARRAY['consumption', 'promotional'],
    {first} + CASE WHEN :payee = :payer THEN (:payee + 1) % ({last} + 1) ELSE :payee END,
    NULL, NULL);
"""

# In bulk, past the triggers, and as true as if each had been issued by itself.
_PEOPLE = """
    SET session_replication_role = replica;
    INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)
    SELECT {first} + n, 'points', 'consumption', '{ends}', 1000000, 1
    FROM generate_series(0, {last}) n;
    SET session_replication_role = DEFAULT;
"""
_ENTRIES = """
    SET session_replication_role = replica;
    INSERT INTO points_transfers (serial, key, request_hash, reason, channel, origin, at)
    SELECT {person}::bigint * 1000000 + n, 'history:{person}:' || n, '\\x00', 'bench', 'bench',
           'bench', now() - n * interval '1 minute'
    FROM generate_series(1, {count}) n;
    INSERT INTO points_legs (serial, leg_no, at, unit, points, payer_id, payer_kind,
        payer_expires_on, payer_stripe, payer_leg, payer_balance, payee_id, payee_kind,
        payee_expires_on, payee_stripe, payee_leg, payee_balance)
    SELECT {person}::bigint * 1000000 + n, 1, now() - n * interval '1 minute', 'points', 1, 0,
           'history:{person}', '9999-12-31'::date, 0, n, 0, {person}, 'consumption',
           current_date + 30 * (mod(n, 36) + 1), 0, n / 36 + 1, n / 36 + 1
    FROM generate_series(1, {count}) n;
    INSERT INTO points_accounts (subscriber_id, unit, kind, expires_on, balance, legs)
    SELECT {person}, 'points', 'consumption', current_date + 30 * (lot + 1), {count} / 36 + 1,
           {count} / 36 + 1
    FROM generate_series(0, least({count}, 36) - 1) lot;
    SET session_replication_role = DEFAULT;
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many people in the small and in the large ledger, and how long each turn is."""

    few: int = 10_000
    many: int = 5_000_000
    rounds: int = 3
    seconds: float = 4.0


QUICK = Plan(many=100_000, rounds=1, seconds=1.0)


def measure(postgres: Postgres, plan: Plan) -> list[Row]:
    """The rows about the ledger; two databases of their own are made and dropped."""
    small, large = (_made(postgres, f"ledger_{n}", n) for n in (plan.few, plan.many))
    turns: dict[str, list[float]] = {}
    for number in range(plan.rounds + 1):  # the first is a warm-up
        for name, figure in _round(postgres, small, large, plan):
            _say(f"ledger round {number} {name}: {figure:.0f}/s")
            if number:
                turns.setdefault(name, []).append(figure)
    rows = [
        _ratio("ledger.transfer.vs_pgbench", turns["small"], turns["pgbench"]),
        _ratio("ledger.transfer.5m_vs_10k", turns["large"], turns["small"]),
        _ratio("ledger.hot_account.vs_spread", turns["into_one"], turns["small"]),
        _ratio("ledger.hot_budget.vs_spread", turns["out_of_one"], turns["small"]),
    ]
    return rows + _history(small)


def _round(postgres: Postgres, small: str, large: str, plan: Plan) -> list[tuple[str, float]]:
    return [
        ("pgbench", _pgbench(postgres, small, plan.few, plan.seconds)),
        ("small", _python(small, "between_two", plan.few, plan.seconds)),
        ("large", _python(large, "between_two", plan.many, plan.seconds)),
        ("into_one", _python(small, "into_one", plan.few, plan.seconds)),
        ("out_of_one", _python(small, "out_of_one", plan.few, plan.seconds)),
    ]


def _ratio(name: str, ours: list[float], theirs: list[float]) -> Row:
    ratio = median(one / another for one, another in zip(ours, theirs, strict=True))
    return Row(name, round(median(ours), 1), "transfers/s", round(median(theirs), 1),
               round(ratio, 3))  # fmt: skip


def _made(postgres: Postgres, name: str, people: int) -> str:
    admin = Store(postgres.url, connections=1, patience_s=600)
    with admin.reading() as tx:
        tx.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        tx.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.close()
    url = postgres.url.replace("/lifecircle?", f"/{name}?")
    upgrade(url)
    store = Store(url, connections=1, patience_s=600)
    began = time.monotonic()
    with store.begin() as tx:
        for statement in _statements(_PEOPLE, first=FIRST_ID, last=people - 1, ends=LOT_ENDS):
            tx.exec_driver_sql(statement)
        points.open_house_account(tx, HOT)
        cause = points.Cause("fund", "bench", "bench", "bench")
        points.fund(tx, HOT, points=16_000_000_000, cause=cause, now=datetime.now(UTC))
    with store.reading() as tx:
        tx.exec_driver_sql("VACUUM ANALYZE")
        tx.exec_driver_sql("CHECKPOINT")
    store.close()
    _say(f"ledger of {people} accounts made in {time.monotonic() - began:.0f} s")
    return url


def _statements(script: str, **values: object) -> list[str]:
    return [each for each in script.format(**values).split(";") if each.strip()]


def _pgbench(postgres: Postgres, url: str, people: int, seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "transfer.sql"
        script.write_text(_PGBENCH.format(first=FIRST_ID, last=people - 1))
        command = [
            str(postgres.program("pgbench")), "--no-vacuum", "--protocol=prepared",
            f"--client={PROCESSES * THREADS}", f"--jobs={PROCESSES}",
            f"--time={max(1, round(seconds))}", f"--file={script}",
            url.replace("+psycopg", ""),
        ]  # fmt: skip
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in said.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


def _python(url: str, what: str, people: int, seconds: float) -> float:
    command = [
        sys.executable, "-m", "bench.ledger_client", url, what, str(people), str(seconds),
        str(THREADS),
    ]  # fmt: skip
    crew = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    made = [int(each.communicate()[0]) for each in crew]
    return sum(made) / seconds


def _history(url: str) -> list[Row]:
    """A balance, with what expires soon, for a person with a long history against a short one."""
    store = Store(url, connections=1, patience_s=600)
    people = {FEW_ENTRIES: person(-1), MANY_ENTRIES: person(-2)}
    with store.begin() as tx:
        for count, who in people.items():
            for statement in _statements(_ENTRIES, person=who.id, count=count):
                tx.exec_driver_sql(statement)
    with store.reading() as tx:
        tx.exec_driver_sql("VACUUM ANALYZE")
        took: dict[int, list[float]] = {count: [] for count in people}
        now = datetime.now(UTC)
        for _ in range(LOOKS):
            for count, who in people.items():
                began = time.perf_counter()
                points.balance(tx, who, now=now, expiring_days=30)
                took[count].append(1e6 * (time.perf_counter() - began))
    store.close()
    few, many = (median(took[count]) for count in (FEW_ENTRIES, MANY_ENTRIES))
    return [versus("ledger.balance.100k_vs_10", many, "us", few)]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
