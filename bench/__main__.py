"""Runs everything, prints a table and writes bench/results.json. `--quick` is a smoke run."""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    broadcast,
    dialogs,
    drain,
    draws,
    expiry,
    hostile,
    ingest,
    ledger,
    measure,
    report,
    settlement,
    sms,
    vouchers,
)
from bench.measure import Plan
from bench.stage import postgres_alone, stage

RESULTS = Path(__file__).parent / "results.json"
FULL = Plan(
    rounds=3,
    seconds=3.0,
    warm_up_s=1.5,
    subscribers=40_000,
    drain_s=8.0,
    huge=20,
    lots=50_000,
    lines=30_000,
    vouchers=40_000,
)
QUICK = Plan(
    rounds=1,
    seconds=0.6,
    warm_up_s=0.4,
    subscribers=10_000,
    drain_s=2.0,
    huge=4,
    lots=3_000,
    lines=3_000,
    vouchers=3_200,
)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean little")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results go")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    began, load_before = time.monotonic(), os.getloadavg()[0]
    with stage(subscribers=plan.subscribers) as running:
        rounds = measure.run(running, plan)
        results = report.messages(rounds) + report.processes(running)
        results += hostile.measure(running, plan.huge)
        results += drain.measure(running, plan.drain_s)
    with postgres_alone() as postgres:
        results += ledger.measure(postgres, ledger.QUICK if options.quick else ledger.Plan())
        results += vouchers.measure(postgres, vouchers.QUICK if options.quick else vouchers.Plan())
        results += draws.measure(postgres, draws.QUICK if options.quick else draws.Plan())
        results += expiry.measure(postgres, plan.lots)
        results += ingest.rows(postgres, plan.lines)
        results += settlement.measure(postgres, plan.vouchers)
    with postgres_alone() as postgres:
        results += sms.measure(postgres, sms.QUICK if options.quick else sms.Plan())
    with postgres_alone() as postgres:
        plan_of = broadcast.QUICK if options.quick else broadcast.Plan()
        results += broadcast.measure(postgres, plan_of)
    results += dialogs.measure(dialogs.QUICK if options.quick else dialogs.Plan())
    options.out.write_text(json.dumps([row.as_json() for row in results], indent=1) + "\n")
    at = datetime.now(UTC).isoformat(timespec="minutes")
    print(report.table(results))
    print(
        f"\n{at}, {os.cpu_count()} cores, load before {load_before:.2f},"
        f" {plan.rounds} rounds, {time.monotonic() - began:.0f} s in all"
    )


if __name__ == "__main__":
    main()
