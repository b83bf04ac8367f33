"""How fast a daily file of events is loaded, and whether memory stays flat.

`python -m bench.ingest` makes a file of so many lines, some of them bad, five lines a person; loads
it as `python app.py events load` does, on a durable PostgreSQL of its own, with two rules active.
`--plain` leaves the rules out: what recording alone costs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import logs
from bench.report import Row, versus
from bench.servers import ROOT, cpu_s
from commands.db import seed, upgrade
from embedded.postgres import Postgres
from handlers import rule_files
from models import sql
from models.earning import publishing
from models.earning.earn import earn
from models.earning.files import File
from models.store import Store
from workers.event_loader import Loader

FOLDER = ROOT / "var" / "bench-ingest"
FIRST_NUMBER = 13_900_000_000
EVENTS_A_PERSON = 5
BATCH_LINES = 1000
BAD_EVERY = 1000


def main() -> None:
    """Make the file, load it, and say how it went."""
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=BATCH_LINES)
    parser.add_argument("--plain", action="store_true", help="without rules")
    parser.add_argument("--parquet", action="store_true", help="the same lines as Parquet")
    parser.add_argument("--out", type=Path, help="where the results go, as JSON")
    options = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    logs.configure("warning")
    postgres = Postgres(FOLDER / "postgres")
    postgres.start()
    try:
        path = make(FOLDER / "events.csv", options.lines)
        if options.parquet:
            path = as_parquet(path)
        results = run(postgres, path, batch_lines=options.batch, with_rules=not options.plain)
    finally:
        postgres.stop()
    for name, value in results.items():
        print(f"{name:<34} {value:>14,.2f}")
    if options.out:
        options.out.write_text(json.dumps(results, indent=1) + "\n")


def rows(postgres: Postgres, lines: int) -> list[Row]:
    """The rows about loading a file with two rules active."""
    path = make(FOLDER / "events.csv", lines)
    found = run(postgres, path, batch_lines=BATCH_LINES, with_rules=True)
    tenth, end = found["peak memory at 10 %, MB"], found["peak memory at the end, MB"]
    return [
        Row("ledger.ingest", round(found["lines a second"], 1), "lines/s"),
        Row("ledger.ingest.postings", round(found["postings a second"], 1), "postings/s"),
        Row("ledger.ingest.cpu", round(found["our processor, us a line"], 1), "us/line"),
        Row("ledger.ingest.stores_cpu", round(found["PostgreSQL's processor, us a line"], 1),
            "us/line"),
        versus("ledger.ingest.memory", end, "MB", tenth),
    ]  # fmt: skip


def run(postgres: Postgres, path: Path, *, batch_lines: int, with_rules: bool) -> dict[str, float]:
    """Load a file into the server's own database, begun afresh; what it took."""
    upgrade(postgres.url)
    store = Store(postgres.url, connections=1, patience_s=300)
    seed(store, datetime.now(UTC), rules=False)
    if with_rules:
        publish_two_rules(store)
    results = measure(store, postgres.pid, path, batch_lines=batch_lines)
    store.close()
    return results


def make(path: Path, lines: int) -> Path:
    """A file as BOSS would send it: two types of events, and now and then a bad line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC) - timedelta(days=1)
    people = max(1, lines // EVENTS_A_PERSON)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write("event_id,type,msisdn,occurred_at,amount_fen,package\r\n")
        for n in range(lines):
            at = (began + timedelta(milliseconds=80 * n % 80_000_000)).isoformat()
            number = FIRST_NUMBER + n * 7919 % people
            what = "package_ordered" if n % 2 else "bill_paid"
            package = "10GB 流量包" if n % 2 else ""
            if n % BAD_EVERY == BAD_EVERY - 1:
                number //= 10
            file.write(f"boss-{n:012d},{what},{number},{at},{100 + n % 9900},{package}\r\n")
    return path


def as_parquet(path: Path) -> Path:
    """The same lines as a Parquet file with typed columns."""
    import duckdb

    target = path.with_suffix(".parquet")
    duckdb.execute(f"COPY (FROM read_csv('{path}')) TO '{target}' (FORMAT parquet)")
    return target


def measure(store: Store, postgres_pid: int, path: Path, *, batch_lines: int) -> dict[str, float]:
    """Load the file; what it took."""
    at_tenth = 0.0

    def tell(file: File, share: float) -> None:
        nonlocal at_tenth
        if share >= 0.1 and not at_tenth:
            at_tenth = peak_mb()

    loader = Loader(store, earn, lambda: datetime.now(UTC), batch_lines, 5.0, False, tell)
    cpu, stores_cpu, began = time.process_time(), cpu_s(postgres_pid), time.monotonic()
    loaded = loader.load(path, None)
    took_s = time.monotonic() - began
    cpu, stores_cpu = time.process_time() - cpu, cpu_s(postgres_pid) - stores_cpu
    with store.begin() as tx:
        transfers = sql.value(tx, "SELECT count(*) FROM points_transfers WHERE reason = 'earned'")
    return {
        "lines": loaded.lines,
        "new events": loaded.new,
        "bad lines": loaded.bad,
        "postings": transfers,
        "points given": loaded.points,
        "file, MB": loaded.size / 1e6,
        "seconds": took_s,
        "lines a second": loaded.lines / took_s,
        "postings a second": transfers / took_s,
        "our processor, us a line": 1e6 * cpu / loaded.lines,
        "PostgreSQL's processor, us a line": 1e6 * stores_cpu / loaded.lines,
        "peak memory at 10 %, MB": at_tenth,
        "peak memory at the end, MB": peak_mb(),
        "cores": float(os.cpu_count() or 0),
        "load before": os.getloadavg()[0],
    }


def peak_mb() -> float:
    """The most memory this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def publish_two_rules(store: Store) -> None:
    """A point for each yuan of a bill, capped a day, and one for each yuan of a data package."""
    drafts = rule_files.load(ROOT / "rules").drafts
    chosen = [drafts["bill-points"], drafts["data"]]
    now = datetime.now(UTC)
    store.run(lambda tx: publishing.publish(tx, chosen, by="bench", note="bench", now=now))


if __name__ == "__main__":
    main()
