"""Broadcasts: loading a million numbers, queueing, and what replies notice of one that runs.

    python -m bench.broadcast           figures, as in `python -m bench`
    python -m bench.broadcast --quick   a smoke run

What queues is in this process, what sends in another, and the SMSC, emulated, in a third.
"""

from __future__ import annotations

import argparse
import io
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from bench.report import Row, table
from bench.servers import cpu_s, private_mib
from bench.sms_plane import Plane, Sending, owe, plane, wait
from bench.stage import postgres_alone
from embedded.postgres import Postgres
from handlers import broadcast_file, broadcasting
from models.audit import CLOCK
from models.base import Tx
from models.broadcasts import acting, loading, queueing
from models.broadcasts.broadcast import get
from models.broadcasts.loading import Line, Wording
from models.broadcasts.queueing import Pacing
from models.sending_policy import Policy
from models.store import Store
from workers.broadcasts_clock import BroadcastsClock

TEXT = "周末电影半价，会员凭积分兑换。退订回TD"
NO_NIGHT = Policy(quiet_from=datetime.min.time(), quiet_until=datetime.min.time())
LATENCY_MS, WINDOW = 20, 100
REPLY_EVERY_S, TICK_EVERY_S = 0.05, 2.0
STOP_AT = 0.6  # of the running one


_APPROVED = """
    WITH made AS (
        INSERT INTO approval_proposals (kind, subject, payload, reason, proposed_by, proposed_at,
            expires_at, state, decided_by, decided_at, decided_because)
        VALUES ('broadcast', 'broadcast:' || %(id)s, '{}', 'bench', 1, now(),
            now() + interval '1 hour', 'approved', 2, now(), '') RETURNING id
    )
    UPDATE broadcasts SET state = 'running', proposal_id = made.id, started_at = now()
    FROM made WHERE broadcasts.id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many numbers each case has, and how fast the one runs that is watched."""

    load: int = 1_000_000
    queue: int = 50_000
    run: int = 50_000
    pace_s: int = 1000


QUICK = Plan(load=20_000, queue=2_000, run=2_000, pace_s=300)


def measure(postgres: Postgres, plan: Plan) -> list[Row]:
    """All figures. Raises TooSlow."""
    with plane(postgres, max(plan.queue, plan.run)) as ready:
        return [
            *_load(ready.store, plan.load),
            *_queue(ready.store, postgres, plan.queue),
            *_run(ready, plan),
        ]


def _said(pace_s: int) -> Wording:
    return Wording("bench", TEXT, "【和生活圈】", parts=1, pace_s=pace_s, fen_per_1000=4000)


def _load(store: Store, count: int) -> list[Row]:
    """A CSV of so many numbers into a draft, as the console and the command do it."""
    csv = io.BytesIO(b"".join(b"137%08d\n" % place for place in range(count)))
    limits = broadcast_file.Limits(1 << 30, count, 0)
    before, start = private_mib(os.getpid()), time.perf_counter()
    with _watching() as peak:
        number = broadcasting.make(
            store, store.run, _said(100), broadcast_file.read(csv, limits), source="bench.csv",
            by=CLOCK, now=datetime.now(UTC),
        )  # fmt: skip
    took = time.perf_counter() - start
    found = store.read(lambda tx: get(tx, number))
    assert found.targets == count, found
    return [
        Row("broadcast.load", round(took, 1), "s"),
        Row("broadcast.load.numbers", round(count / took), "numbers/s"),
        Row("broadcast.load.memory", round(max(peak) - before, 1), "MiB"),
    ]


def _queue(store: Store, postgres: Postgres, count: int) -> list[Row]:
    """How many targets a second become owed, of people who are known, and at what cost."""
    numbers = [f"+86139{place:08d}" for place in range(count)]
    number = _running(store, numbers, pace_s=5000)
    pacing, now = Pacing(timedelta(hours=1), 500), datetime.now(UTC)
    database, own, start = cpu_s(postgres.pid), time.process_time(), time.perf_counter()
    early = private_mib(os.getpid())
    queued = 0
    while queued < count:
        queued += store.run(
            lambda tx: queueing.queue(tx, number, policy=NO_NIGHT, pacing=pacing, now=now)
        ).queued
    took = time.perf_counter() - start
    late = private_mib(os.getpid())
    store.run(lambda tx: acting.stop(tx, number, by=CLOCK, reason="bench", now=now))
    return [
        Row("broadcast.queue", round(queued / took), "numbers/s"),
        Row("broadcast.queue.cpu", round((time.process_time() - own) / queued * 1e6), "us/number"),
        Row("broadcast.queue.stores_cpu", round((cpu_s(postgres.pid) - database) / queued * 1e6),
            "us/number"),
        Row("broadcast.queue.memory", round(late, 1), "MiB", round(early, 1),
            round(late / early, 3)),
    ]  # fmt: skip


def _run(ready: Plane, plan: Plan) -> list[Row]:
    """How long replies wait while one runs, and how soon a stop is felt at the SMSC."""
    with ready.sending(delay_ms=LATENCY_MS, window=WINDOW) as sending:
        _forget(ready.store)
        numbers = [f"+86139{place:08d}" for place in range(plan.run)]
        number = _running(ready.store, numbers, pace_s=plan.pace_s)
        with _ticking(ready.store):
            wait("it has begun", lambda: sending.taken() > plan.run // 50, sending.process)
            first, began = sending.taken(), time.perf_counter()
            asked: dict[str, float] = {}
            while (taken := sending.taken()) < plan.run * STOP_AT:
                text = f"回复 {len(asked)}"
                asked[text] = time.time()
                owe(ready.store, 1, text=text, queue="reply", category="answer", skip=len(asked))
                time.sleep(REPLY_EVERY_S)
            rate = (taken - first - len(asked)) / (time.perf_counter() - began)
            ready.store.run(
                lambda tx: acting.stop(tx, number, by=CLOCK, reason="bench", now=datetime.now(UTC))
            )
            stopped = _last_after(sending)
        seen = {key.partition(" ")[2]: at for key, (_, at) in sending.texts("回复").items()}
        twice = sending.smsc.ask("count")["more_than_once"]
    cuts = quantiles([at - asked[text] for text, at in seen.items()], n=100)
    return [
        Row("broadcast.pace", round(rate), "SMS/s", plan.pace_s, round(rate / plan.pace_s, 3)),
        Row("broadcast.reply.p50", round(cuts[49] * 1000, 1), "ms"),
        Row("broadcast.reply.p99", round(cuts[98] * 1000, 1), "ms"),
        Row("broadcast.replies", len(seen), "replies", len(asked)),
        Row("broadcast.stop", round(stopped, 2), "s"),
        Row("broadcast.twice", twice, "SMS"),
    ]


def _last_after(sending: Sending) -> float:
    """How long after now the SMSC still takes something."""
    began = last = time.perf_counter()
    taken = sending.taken()
    while time.perf_counter() - last < 3.0:
        now = sending.taken()
        if now != taken:
            taken, last = now, time.perf_counter()
        time.sleep(0.01)
    return last - began


def _running(store: Store, numbers: list[str], *, pace_s: int) -> int:
    now = datetime.now(UTC)

    def work(tx: Tx) -> int:
        number = loading.create(tx, _said(pace_s), segment=None, source="", by=CLOCK, now=now)
        for begin in range(0, len(numbers), 20_000):
            chunk = numbers[begin : begin + 20_000]
            loading.add(tx, number, [Line(line, one) for line, one in enumerate(chunk, 1)])
        loading.loaded(tx, number, by=CLOCK, now=now)
        # Past the trigger that wants another person's approval.
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.exec_driver_sql(_APPROVED, {"id": number})
        return number

    return store.run(work)


def _forget(store: Store) -> None:
    """The letters of the case before: they fill everybody's week."""
    with store.begin() as tx:
        tx.exec_driver_sql("TRUNCATE mailbox")


@contextmanager
def _ticking(store: Store) -> Iterator[None]:
    """The clock's part, every two seconds, as it is shipped."""
    clock = BroadcastsClock(store, NO_NIGHT, Pacing(), lambda queues: None)
    over = threading.Event()

    def tick() -> None:
        while not over.wait(TICK_EVERY_S):
            clock.tick(datetime.now(UTC))

    clock.tick(datetime.now(UTC))
    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


@contextmanager
def _watching() -> Iterator[list[float]]:
    """This process's own memory, every 50 ms."""
    seen, over = [private_mib(os.getpid())], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            seen.append(private_mib(os.getpid()))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield seen
    over.set()
    thread.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.broadcast", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean little")
    options = parser.parse_args()
    with postgres_alone() as postgres:
        print(table(measure(postgres, QUICK if options.quick else Plan())))


if __name__ == "__main__":
    main()
