"""Medians over the rounds, as rows for results.json and as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.measure import Rounds, Turn
from bench.servers import Server
from bench.stage import Stage

CASES = ("balance", "change", "click", "duplicate", "hostile")
BESIDE_WEROBOT = ("balance", "change")
WEROBOTS = ("werobot", "werobot_alone")
# Whoever answers nothing in a turn is taken to have answered one a second: no endless ratios.
LEAST = 1.0
OTHERS = ("echo", *WEROBOTS)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure; where there is something to compare with, that figure and value / against."""

    name: str
    value: float
    unit: str
    against: float | None = None
    ratio: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def messages(rounds: Rounds) -> list[Row]:
    """The rows about messages. Ratios are medians of the ratios within each round."""
    rows = [_versus(rounds, f"wechat.{case}.vs_echo", case, _other(case)) for case in CASES]
    for case in BESIDE_WEROBOT:
        rows += [_versus(rounds, f"wechat.{case}.vs_{robot}", case, robot) for robot in WEROBOTS]
    for case in (*CASES, *OTHERS):
        against = None if case in OTHERS else _other(case)
        rows.append(_cpu(rounds, case, against))
        rows += [
            _plain(rounds, case, "stores_cpu", "us/message", lambda turn: turn.stores_cpu_us),
            _plain(rounds, case, "p50", "ms", lambda turn: turn.p50_ms),
            _plain(rounds, case, "p99", "ms", lambda turn: turn.p99_ms),
        ]
    rows += [
        _plain(rounds, "werobot", "lost", "of all", lambda turn: turn.lost_share),
        _plain(rounds, "werobot_alone", "lost", "of all", lambda turn: turn.lost_share),
        _plain(rounds, "echo", "generator_share", "of a core", lambda turn: turn.generator_share),
    ]
    return rows


def processes(stage: Stage) -> list[Row]:
    """Start-up time and memory, after the load."""
    ours, echo = stage.product, stage.echo
    return [
        versus("web.start_up", ours.started_in_s, "s", echo.started_in_s),
        versus("web.memory", _memory(ours), "MiB/process", _memory(echo)),
    ]


def versus(name: str, value: float, unit: str, against: float) -> Row:
    """A row with its ratio."""
    return Row(name, round(value, 3), unit, round(against, 3), round(value / against, 3))


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'name':34} {'value':>10} {'against':>10} {'ratio':>6}  unit"]
    for row in rows:
        against = f"{row.against:10.1f}" if row.against is not None else " " * 10
        ratio = f"{row.ratio:6.2f}" if row.ratio is not None else " " * 6
        lines.append(f"{row.name:34} {row.value:10.1f} {against} {ratio}  {row.unit}")
    return "\n".join(lines)


def _memory(server: Server) -> float:
    return median(server.memory_mib())


def _other(case: str) -> str:
    return "hostile_echo" if case == "hostile" else "echo"


def _round_median(turns: Sequence[Turn], figure: Callable[[Turn], float]) -> float:
    return median(figure(turn) for turn in turns)


def _versus(rounds: Rounds, name: str, case: str, other: str) -> Row:
    ours = [_round_median(turns[case], lambda turn: turn.rate) for turns in rounds]
    theirs = [_round_median(turns[other], lambda turn: turn.rate) for turns in rounds]
    ratio = median(one / max(another, LEAST) for one, another in zip(ours, theirs, strict=True))
    return Row(
        name, round(median(ours), 1), "messages/s", round(median(theirs), 1), round(ratio, 3)
    )


def _cpu(rounds: Rounds, case: str, other: str | None) -> Row:
    ours = [_round_median(turns[case], lambda turn: turn.cpu_us) for turns in rounds]
    name = f"{_prefix(case)}.cpu"
    if other is None:
        return Row(name, round(median(ours), 1), "us/message")
    theirs = [_round_median(turns[other], lambda turn: turn.cpu_us) for turns in rounds]
    ratio = median(one / max(another, LEAST) for one, another in zip(ours, theirs, strict=True))
    return Row(
        name, round(median(ours), 1), "us/message", round(median(theirs), 1), round(ratio, 3)
    )


def _plain(rounds: Rounds, case: str, what: str, unit: str, figure: Callable[[Turn], float]) -> Row:
    value = median(_round_median(turns[case], figure) for turns in rounds)
    return Row(f"{_prefix(case)}.{what}", round(value, 2), unit)


def _prefix(case: str) -> str:
    return case if case in OTHERS else f"wechat.{case}"
