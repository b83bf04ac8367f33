"""The rounds: every case has its turn in each, forwards and backwards by turns, after a warm-up."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from bench import cases, load
from bench.cases import Case
from bench.load import Run
from bench.stage import Stage

# The echo has three turns in a round, so that each case stands near one.
TURNS = (
    "echo", "balance", "werobot", "change", "echo", "werobot_alone", "click", "duplicate",
    "hostile", "hostile_echo", "echo",
)  # fmt: skip
WARM_UP_REQUESTS = 3000
# Prepared beyond what the last rate needs, should the next turn be faster.
SPARE = 1.6
# A turn must not last for ever where answers go missing.
LOSERS_PATIENCE_S = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often. `huge`: requests of ten megabytes; `lots` to expire; `lines` of a
    file of events; `vouchers` of a statement."""

    rounds: int
    seconds: float
    warm_up_s: float
    subscribers: int
    drain_s: float
    huge: int
    lots: int
    lines: int
    vouchers: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One case's turn: messages rightly answered a second, microseconds of processor for each."""

    case: str
    rate: float
    lost_share: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    stores_cpu_us: float
    generator_share: float  # of one processor


Rounds = list[dict[str, list[Turn]]]


def run(stage: Stage, plan: Plan) -> Rounds:
    """Measure all cases. Raises WrongAnswer, LoadFailed."""
    every = cases.cases(stage, subscribers=plan.subscribers)
    rates: dict[str, float] = {}
    for name in dict.fromkeys(TURNS):
        rates[name] = WARM_UP_REQUESTS / plan.warm_up_s / SPARE
        rates[name] = _turn(stage, every[name], plan.warm_up_s, rates[name]).rate
        _say(f"warm-up {name}: {rates[name]:.0f}/s")
    stage.vacuum()
    rounds: Rounds = []
    for number in range(plan.rounds):
        turns: dict[str, list[Turn]] = {}
        for name in TURNS if number % 2 == 0 else reversed(TURNS):
            turn = _turn(stage, every[name], plan.seconds, rates[name])
            rates[name] = turn.rate
            turns.setdefault(name, []).append(turn)
            _say(
                f"round {number + 1} {name}: {turn.rate:.0f}/s, {turn.cpu_us:.0f} us"
                f" + {turn.stores_cpu_us:.0f} us, p99 {turn.p99_ms:.1f} ms"
            )
        rounds.append(turns)
    return rounds


def _turn(stage: Stage, case: Case, seconds: float, expected_rate: float) -> Turn:
    prepared = case.prepare(int(expected_rate * seconds * SPARE) + load.CONNECTIONS)
    wires = [each.wire for each in prepared]
    cpu, stores = case.server.cpu_s(), stage.stores_cpu_s()
    patience_s = LOSERS_PATIENCE_S if case.may_lose else load.PATIENCE_S
    ran = load.run(case.server.port, wires, seconds=seconds, patience_s=patience_s)
    cpu, stores = case.server.cpu_s() - cpu, stage.stores_cpu_s() - stores
    right = cases.check(case, prepared, ran)
    case.after(ran)
    return _summed_up(case.name, ran, right, cpu, stores)


def _summed_up(name: str, ran: Run, right: int, cpu_s: float, stores_cpu_s: float) -> Turn:
    count = max(right, 1)
    return Turn(
        case=name,
        rate=right / ran.seconds,
        lost_share=1 - right / len(ran.answers),
        p50_ms=ran.percentile_ms(0.50),
        p99_ms=ran.percentile_ms(0.99),
        cpu_us=1e6 * cpu_s / count,
        stores_cpu_us=1e6 * stores_cpu_s / count,
        generator_share=ran.generator_cpu_s / ran.seconds,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
