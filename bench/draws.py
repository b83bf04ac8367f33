"""Draws: on one pool of prizes against draws spread over a hundred; and a crowd on one pool.

measure()   draws.hot_pool.vs_spread        1 % of draws win: what is hot is the draw itself
            draws.hot_winners.vs_spread     30 % win: the stock's row is what they wait for
crowd()     100,000 draws by 32 clients with exactly 1,000 prizes, then all of it proven:
            python -m bench.draws [--attempts N] [--kills N]
doors       draws by WeChat's callbacks, with web, workers, Valkey and PostgreSQL killed:
            python -m bench.draws --doors --kills 5
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import psycopg

from bench import draws_doors
from bench.draws_client import FIRST_ID, SEEDS, pool
from bench.report import Row
from bench.stage import FOLDER, postgres_alone
from commands.db import upgrade
from embedded.postgres import Postgres
from models import points, sql
from models.draws import auditing, publishing, watching
from models.draws.definition import Draw
from models.points import verify
from models.store import Store

PROCESSES, THREADS = 2, 4
POOLS = 100
PEOPLE = 2_000
PRICE = 10
# The crowd: 32 clients; one attempt of 21 is one too many for its person.
CLIENTS, THREADS_EACH = 4, 8
EACH, A_PERSON = 5_000, 20
PRIZES = 1_000
BLOCK = 2_500  # attempts that a client process makes
STARTS = 20  # tries to begin a database that was killed

_PEOPLE = """
    SET session_replication_role = replica;
    INSERT INTO subscribers (id, status, created_at) OVERRIDING SYSTEM VALUE
    SELECT {first} + n, 'active', now() FROM generate_series(0, {last}) n;
    INSERT INTO subscriber_addresses (channel, address, subscriber_id, since)
    SELECT 'sms', '+86170' || lpad(n::text, 8, '0'), {first} + n, now()
    FROM generate_series(0, {last}) n;
    SET session_replication_role = DEFAULT
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """How many turns each has, and how long one is."""

    rounds: int = 3
    seconds: float = 4.0


QUICK = Plan(rounds=1, seconds=1.0)


def measure(postgres: Postgres, plan: Plan) -> list[Row]:
    """The rows about draws; databases of their own are made and dropped."""
    rows = []
    for name, ppm in (("hot_pool", 10_000), ("hot_winners", 300_000)):
        url = _made(postgres, f"draws_{name}", PEOPLE, [_pool(n, ppm) for n in range(POOLS)])
        hot, spread = [], []
        for number in range(plan.rounds + 1):  # the first is a warm-up
            one, many = (_for(url, pools, plan.seconds) for pools in (1, POOLS))
            _say(f"{name} round {number}: {one:.0f}/s on one pool, {many:.0f}/s on {POOLS}")
            if number:
                hot.append(one)
                spread.append(many)
        ratio = median(one / many for one, many in zip(hot, spread, strict=True))
        rows.append(Row(f"draws.{name}.vs_spread", round(median(hot), 1), "draws/s",
                        round(median(spread), 1), round(ratio, 3)))  # fmt: skip
    return rows


def crowd(postgres: Postgres, attempts: int, kills: int) -> None:
    """Let a crowd draw on one pool, kill what can be killed meanwhile, and prove the outcome."""
    stock = PRIZES * attempts // (EACH * (A_PERSON + 1))
    people = attempts // (A_PERSON + 1)
    # Twice as likely as the stock lasts for: it must run out, half way.
    odds = 2_000_000 * stock // (people * A_PERSON)
    terms = _pool(0, odds, stock=stock, limits={"person_day": A_PERSON, "person": A_PERSON})
    url = _made(postgres, "draws_crowd", people, [terms])
    began = time.monotonic()
    killed = _run(postgres, url, people, attempts, kills)
    took = time.monotonic() - began
    _prove(url, people * A_PERSON, stock)
    print(f"{people * A_PERSON} draws by {CLIENTS * THREADS_EACH} clients in {took:.0f} s,"
          f" {people * A_PERSON / took:.0f} a second; killed: {killed or 'nothing'}")  # fmt: skip


def _doors(kills: int) -> None:
    size = draws_doors.Size(kills=kills)
    seen = draws_doors.run(FOLDER, size)
    print(f"{size.draws} draws by {size.people} people in {seen.took_s:.0f} s:"
          f" {seen.sent} messages, {seen.again} sent again, {seen.unanswered} not answered,"
          f" {seen.busy} told to come again; killed: {dict(seen.killed) or 'nothing'}")  # fmt: skip


def _run(postgres: Postgres, url: str, people: int, attempts: int, kills: int) -> dict[str, int]:
    """All attempts, in blocks that client processes make; who is killed begins its block anew."""
    blocks = [(at, min(at + BLOCK, attempts)) for at in range(0, attempts, BLOCK)]
    running: dict[int, tuple[subprocess.Popen[str], tuple[int, int]]] = {}
    killed = {"postgres": 0, "client": 0}
    done, number = 0, 0
    due = {round(attempts * (n + 1) / (kills + 1)) for n in range(kills)}
    while blocks or running:
        while blocks and len(running) < CLIENTS:
            block = blocks.pop(0)
            running[number] = (_client(url, block, people), block)
            number += 1
        time.sleep(0.05)
        for name, (process, block) in list(running.items()):
            if process.poll() is None:
                continue
            del running[name]
            if process.returncode == 0:
                done += block[1] - block[0]
                _say(f"{done} of {attempts}")
            else:
                blocks.insert(0, block)
        for at in [each for each in due if done >= each - BLOCK]:
            due.remove(at)
            _kill_some(postgres, running, killed)
    return {name: count for name, count in killed.items() if count}


def _kill_some(postgres: Postgres, running: dict[int, Any], killed: dict[str, int]) -> None:
    """kill -9 of a client and of the database, while all draw."""
    time.sleep(random.uniform(0.5, 1.5))
    victims = [process for process, _block in running.values() if process.poll() is None]
    if victims:
        victims[0].kill()
        killed["client"] += 1
    os.kill(postgres.pid, signal.SIGKILL)
    killed["postgres"] += 1
    for _ in range(STARTS):  # the first may still meet what was killed
        try:
            postgres.start()
        except psycopg.OperationalError:
            time.sleep(1)
        else:
            return
    raise SystemExit("PostgreSQL does not come back")


def _prove(url: str, draws: int, stock: int) -> None:
    """Raises AssertionError where a draw is too many, a prize too many, or anything is not so."""
    store = Store(url, connections=2, patience_s=600)
    with store.reading() as tx:
        found = sql.one(
            tx,
            "SELECT (SELECT count(*) FROM draw_results), (SELECT count(*) FROM draw_deliveries),"
            " (SELECT taken FROM draw_stock), (SELECT max(draws) FROM draw_people),"
            " (SELECT count(DISTINCT slot) FROM draw_results)",
        )
        _say(f"results, prizes, taken, most of a person, slots: {found}")
        assert found == (draws, stock, stock, A_PERSON, stock), found
        assert points.house_balance(tx, publishing.pays_into(pool(0))) == draws * PRICE
        seen = watching.watch(tx, pool(0), datetime.now(UTC))
        for each in seen.prizes:
            _say(f"{each.prize.code}: promised {each.promised:.5f}, seen {each.seen:.5f}"
                 f" ({each.low:.5f} to {each.high:.5f})")  # fmt: skip
            assert each.within, each
        began = time.monotonic()
        report = auditing.audit(tx, pool(0), SEEDS)
        _say(f"audit: {report.results} results, {len(report.findings)} findings,"
             f" {time.monotonic() - began:.1f} s")  # fmt: skip
        assert not report.findings, report.findings[:5]
    with store.begin() as tx:
        proof = verify.verify(tx)
        _say(f"ledger: {proof.legs} legs, {'good' if proof.ok else 'BROKEN'}, {proof.took_s:.1f} s")
        assert proof.ok
    store.close()


def _pool(number: int, ppm: int, *, stock: int = 10**8, **more: Any) -> Draw:
    """A draw for a price, with one prize of a point."""
    today = points.day_of(datetime.now(UTC))
    return Draw.model_validate(
        {
            "code": pool(number), "title": "试抽", "expected_draws": 1, "fallback": "thanks",
            "window": {"from": today - timedelta(days=1), "until": today + timedelta(days=2)},
            "price_points": PRICE, "budget": {"points": stock},
            "prizes": [
                {"code": "one", "title": "1积分", "kind": "points", "points": 1,
                 "odds_ppm": ppm, "stock": stock},
                {"code": "thanks", "title": "谢谢参与", "kind": "thanks",
                 "odds_ppm": 1_000_000 - ppm},
            ], **more,
        }
    )  # fmt: skip


def _made(postgres: Postgres, name: str, people: int, draws: list[Draw]) -> str:
    admin = Store(postgres.url, connections=1, patience_s=600)
    with admin.reading() as tx:
        tx.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        tx.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.close()
    url = postgres.url.replace("/lifecircle?", f"/{name}?")
    upgrade(url)
    store, now = Store(url, connections=1, patience_s=600), datetime.now(UTC)
    with store.begin() as tx:
        for statement in _PEOPLE.format(first=FIRST_ID, last=people - 1).split(";"):
            tx.exec_driver_sql(statement)
        given = [
            points.Credit(
                f"bench:{n}", "bench", "bench", points.ISSUING, FIRST_ID + n, points.CONSUMPTION,
                points.day_of(now) + timedelta(days=999), 1_000_000,
            )
            for n in range(people)
        ]  # fmt: skip
        points.credit(tx, given, reason="bench", channel="bench", now=now)
        for draw in draws:
            publishing.publish(tx, draw, SEEDS, author="bench", note="bench", now=now)
    with store.reading() as tx:
        tx.exec_driver_sql("VACUUM ANALYZE")
        tx.exec_driver_sql("CHECKPOINT")
    store.close()
    return url


def _for(url: str, pools: int, seconds: float) -> float:
    crew = [
        _process(url, "for", str(pools), str(PEOPLE), str(seconds), str(THREADS))
        for _ in range(PROCESSES)
    ]
    return sum(int(one.communicate()[0]) for one in crew) / seconds


def _client(url: str, block: tuple[int, int], people: int) -> subprocess.Popen[str]:
    return _process(url, "all", str(block[0]), str(block[1]), str(people), str(THREADS_EACH))


def _process(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.draws_client", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """The crowd, alone."""
    parser = argparse.ArgumentParser(prog="python -m bench.draws", description=__doc__)
    parser.add_argument("--attempts", type=int, default=EACH * (A_PERSON + 1))
    parser.add_argument("--kills", type=int, default=0, help="of each part that is killed")
    parser.add_argument("--doors", action="store_true", help="through the real doors")
    parser.add_argument("--ratio", action="store_true", help="measure the ratios instead")
    options = parser.parse_args()
    if options.doors:
        _doors(options.kills)
        return
    with postgres_alone() as postgres:
        if options.ratio:
            for row in measure(postgres, Plan()):
                print(row)
        else:
            crowd(postgres, options.attempts, options.kills)


if __name__ == "__main__":
    main()
