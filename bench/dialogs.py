"""What a message costs in each dialog: a crowd of ten thousand messages, timed one by one.

The messages go in where the doors hand them over, into a durable PostgreSQL; the far ends are in
memory. One message at a time, so that a figure is the work of that message and nobody's waiting.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from random import Random

import logs
import settings as configuration
from app import Circle
from bench.report import Row
from bench.stage import FOLDER, postgres_alone
from commands import seed as sample
from commands.db import upgrade
from dialogs.catalog import BY_NAME
from embedded.postgres import Postgres
from embedded.valkey import Valkey
from models.store import Store
from tests.chats import truths
from tests.chats.crowd import EVERYTHING, NO_DIALOG, Crowd, Told
from tests.chats.play import BEGINS, StandingClock

SEED = 20260302
LEAST_SAMPLES = 5  # a dialog that fewer messages reached has no figure worth printing


@dataclass(frozen=True, slots=True)
class Plan:
    """How many messages, how many of them only to warm up, how often everything is looked at."""

    steps: int = 10_000
    warm_up: int = 500
    looked_every: int = 2_500


QUICK = Plan(steps=600, warm_up=100, looked_every=300)


def measure(plan: Plan) -> list[Row]:
    """Rows for every dialog, and for the crowd as a whole.

    Raises AssertionError if anything is not as it should be.
    """
    with postgres_alone() as postgres:
        valkey = Valkey(FOLDER / "valkey")
        valkey.start()
        try:
            return _measured(postgres, valkey, plan)
        finally:
            valkey.stop()


def _measured(postgres: Postgres, valkey: Valkey, plan: Plan) -> list[Row]:
    upgrade(postgres.url)
    store = Store(postgres.url, connections=1, patience_s=60)
    store.run(lambda tx: sample.seed(tx, BEGINS.astimezone(UTC)))
    store.close()
    logs.configure("critical")
    with tempfile.TemporaryDirectory() as folder:
        crowd, apologies = _crowd(postgres.url, valkey.url, Path(folder))
        store, seeds, wrong = crowd.circle.store, crowd.circle.seeds, list[str]()
        begun = truths.look(store, truths.DEAR)
        while crowd.steps < plan.steps:
            crowd.step()
            if crowd.steps == plan.warm_up:
                crowd.took_s.clear()
            if crowd.steps % plan.looked_every == 0:
                crowd.drain()
                wrong += truths.look_at_everything(store, seeds, besides=begun)
        store.close()
    assert not wrong, wrong[:5]
    assert not apologies, apologies[:5]
    names = [*sorted(BY_NAME), NO_DIALOG, EVERYTHING]
    rows = [row for name in names for row in _rows(name, crowd.took_s[name])]
    return [*rows, Row("dialogs.crowd.steps", crowd.steps, "messages")]


def _crowd(database: str, redis: str, folder: Path) -> tuple[Crowd, list[Told]]:
    """The product without doors, a crowd, and the answers in which we say sorry."""
    clock, apologies = StandingClock(), list[Told]()
    settings = configuration.load(
        {
            **configuration.DEVELOPMENT,
            "CIRCLE_DATABASE_URL": database,
            "CIRCLE_REDIS_URL": redis,
            "CIRCLE_DATA_DIR": str(folder),
            "CIRCLE_PUBLIC_URL": "https://circle.example.cn",
            "CIRCLE_OUTBOX__SENDERS": "1",
        }
    )
    circle = Circle(settings, connections=2, now=clock)

    def told(one: Told) -> None:
        if any("请报编号" in text for text in (one.reply, *one.sms)):
            apologies.append(one)

    crowd = Crowd(circle, clock, Random(SEED), told)
    circle.clock.tick()
    return crowd, apologies


def _rows(name: str, took_s: Sequence[float]) -> list[Row]:
    if len(took_s) < LEAST_SAMPLES:
        return []
    ordered = sorted(took_s)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return [
        Row(f"dialogs.{name}.p50_ms", round(1000 * ordered[len(ordered) // 2], 2), "ms"),
        Row(f"dialogs.{name}.p99_ms", round(1000 * p99, 2), "ms"),
    ]
