"""SMS over a bind: how many a second one sender submits, its memory, and how long replies wait.

    python -m bench.sms              figures, as in `python -m bench`
    python -m bench.sms --kills 20   kill -9 of the sender in the middle of 20,000 messages
    python -m bench.sms --kills 20 --gateway cmpp
    python -m bench.sms --memory 1000000     of one sender, at a tenth, a half, and the end
    python -m bench.sms --rate 20000 --senders 2   the rate alone, at 20 ms and window 100

The SMSC is emulated in a process of its own, which counts what it takes by text.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, replace
from statistics import quantiles

from bench import sms_bare, sms_kills
from bench.report import Row, table
from bench.servers import cpu_s, private_mib
from bench.sms_plane import TEXT, Plane, Sending, owe, plane
from bench.stage import postgres_alone
from embedded.postgres import Postgres

LATENCY_MS, WINDOW = 20, 100
REPLY_EVERY_S = 0.05
CHUNK = 50_000  # messages that are owed at once where there are very many


@dataclass(frozen=True, slots=True)
class Plan:
    """How many messages each case has; `flat` is the one whose memory is watched."""

    narrow: int = 3_000
    wide: int = 20_000
    flat: int = 60_000


QUICK = Plan(narrow=600, wide=2_000, flat=3_000)


def measure(postgres: Postgres, plan: Plan) -> list[Row]:
    """All figures. Raises TooSlow."""
    people = max(plan.narrow, plan.wide, plan.flat)
    with plane(postgres, people) as ready:
        return [
            *_rate(ready, "sms.submit.10", plan.narrow, window=10, delay_ms=LATENCY_MS),
            *_rate(ready, "sms.submit", plan.wide, window=WINDOW, delay_ms=LATENCY_MS),
            *_flat(ready, postgres, plan.flat),
            *_replies(ready, plan.wide),
        ]


def _rate(
    ready: Plane, name: str, count: int, *, window: int, delay_ms: int, senders: int = 1
) -> list[Row]:
    """The rate of submits, against what the window allows at this latency.

    And against a bare bind without any outbox on this machine, just before.
    """
    most = senders * window / (delay_ms / 1000)
    with ready.sending(delay_ms=delay_ms, window=window, senders=senders) as sending:
        bare = asyncio.run(sms_bare.rate(sending.smsc.ports["smpp"], window, count))
        before = sending.taken()
        owe(ready.store, count)
        rate = sending.rate(count, before)
    return [
        Row(f"{name}.vs_window", round(rate, 1), "SMS/s", round(most, 1), round(rate / most, 3)),
        Row(f"{name}.vs_bare", round(rate, 1), "SMS/s", round(bare, 1), round(rate / bare, 3)),
    ]


def _flat(ready: Plane, postgres: Postgres, count: int) -> list[Row]:
    """Without latency: the rate, what it costs, and the memory at the first and the last tenth."""
    with ready.sending(delay_ms=0, window=WINDOW) as sending:
        owe(ready.store, count)
        sending.wait_until(count // 10)
        pid, began, database = sending.pid, sending.cpu_s(), cpu_s(postgres.pid)
        early, start = private_mib(pid), time.perf_counter()
        sending.wait_until(count)
        late, took = private_mib(pid), time.perf_counter() - start
        share, done = sending.cpu_s() - began, count - count // 10
        database = cpu_s(postgres.pid) - database
    return [
        Row("sms.submit.no_latency", round(done / took, 1), "SMS/s"),
        Row("sms.submit.cpu", round(share / done * 1e6, 1), "us/SMS"),
        Row("sms.submit.stores_cpu", round(database / done * 1e6, 1), "us/SMS"),
        Row("sms.memory", round(late, 1), "MiB", round(early, 1), round(late / early, 3)),
    ]


def memory(postgres: Postgres, count: int, gateway: str) -> list[Row]:
    """What one sender takes while so many messages leave, owed in chunks. Raises TooSlow."""
    chunk = min(CHUNK, count)
    seen: list[float] = []
    with plane(postgres, chunk, gateway) as ready, ready.sending(
        delay_ms=0, window=WINDOW
    ) as sending:  # fmt: skip
        began = time.perf_counter()
        for number in range(count // chunk):
            owe(ready.store, chunk, text=f"{TEXT}{number}")
            done = (number + 1) * chunk
            sending.wait_until(done)
            if done * 10 // count > (done - chunk) * 10 // count:
                seen.append(private_mib(sending.pid))
        took = time.perf_counter() - began
    return [
        Row("sms.memory.rate", round(count / took, 1), "SMS/s"),
        Row("sms.memory.tenth", round(seen[0], 1), "MiB"),
        Row("sms.memory.half", round(seen[len(seen) // 2], 1), "MiB"),
        Row("sms.memory.end", round(seen[-1], 1), "MiB", round(seen[0], 1),
            round(seen[-1] / seen[0], 3)),
    ]  # fmt: skip


def rate(postgres: Postgres, count: int, gateway: str, senders: int) -> list[Row]:
    """The rate alone, of one sender or two. Raises TooSlow."""
    with plane(postgres, count, gateway) as ready:
        return _rate(
            ready, f"sms.submit.{senders}", count, window=WINDOW, delay_ms=LATENCY_MS,
            senders=senders,
        )  # fmt: skip


def _replies(ready: Plane, count: int) -> list[Row]:
    """How long a reply waits until the SMSC has it, while bulk is under way."""
    with ready.sending(delay_ms=LATENCY_MS, window=WINDOW) as sending:
        owe(ready.store, count)
        sending.wait_until(count // 20)
        asked: dict[str, float] = {}
        while sending.taken() < count * 0.9:
            text = f"回复 {len(asked)}"
            asked[text] = time.time()
            owe(ready.store, 1, text=text, queue="reply", category="answer", skip=len(asked))
            time.sleep(REPLY_EVERY_S)
        sending.wait_until(count + len(asked))
        waits = _waits(sending, asked)
    cuts = quantiles(waits, n=100)
    return [
        Row("sms.reply.p50", round(cuts[49] * 1000, 1), "ms"),
        Row("sms.reply.p99", round(cuts[98] * 1000, 1), "ms"),
    ]


def _waits(sending: Sending, asked: dict[str, float]) -> list[float]:
    seen = {key.partition(" ")[2]: at for key, (_, at) in sending.texts("回复").items()}
    return [at - asked[text] for text, at in seen.items()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.sms", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean little")
    parser.add_argument("--kills", type=int, default=0, help="kill the sender so often")
    parser.add_argument("--gateway", choices=("smpp", "cmpp"), default="smpp")
    parser.add_argument("--memory", type=int, default=0, help="over so many messages")
    parser.add_argument("--rate", type=int, default=0, help="over so many messages")
    parser.add_argument("--senders", type=int, choices=(1, 2), default=1, help="of --rate")
    parser.add_argument("--messages", type=int, help="how many, of the longest case")
    options = parser.parse_args()
    with postgres_alone() as postgres:
        if options.kills:
            rows = sms_kills.measure(
                postgres, options.kills, options.messages or 20_000, options.gateway
            )
        elif options.memory:
            rows = memory(postgres, options.memory, options.gateway)
        elif options.rate:
            rows = rate(postgres, options.rate, options.gateway, options.senders)
        else:
            plan = QUICK if options.quick else Plan()
            rows = measure(postgres, replace(plan, flat=options.messages or plan.flat))
    print(table(rows))


if __name__ == "__main__":
    main()
