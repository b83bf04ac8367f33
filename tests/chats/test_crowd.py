"""Anybody may say anything: nothing breaks, nothing is lost, and everybody is answered once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from structlog.testing import capture_logs

import settings as configuration
from app import Circle
from sms.segments import count
from tests.chats import dice as loaded
from tests.chats import truths
from tests.chats.crowd import Crowd, Told
from tests.conftest import MovableClock

SEED = int(os.environ.get("CROWD_SEED", "20260302"))
# `make bench` has ten thousand steps, and CROWD_STEPS as many as one likes.
STEPS = int(os.environ.get("CROWD_STEPS", "2000"))
EVERYDAY_STEPS = 150
LOOKED_EVERY = 1000  # at everything; at what is cheap, after every message
WECHAT_BYTES = 2048
HISTORY_SHOWN = 25
# What may be said in answer to one SMS: why it goes another way, and the question of that way.
MOST_SMS = 2


@dataclass
class Listener:
    """Holds every answer to what an answer is."""

    circle: Circle
    wrong: list[str] = field(default_factory=list)
    answered: int = 0

    def __call__(self, told: Told) -> None:
        self.wrong += self._of_the_answer(told)
        self.wrong += truths.look(self.circle.store)
        self.answered += bool(told.reply or told.sms)

    def _of_the_answer(self, told: Told) -> Iterator[str]:
        who, inbound = told.who, told.inbound
        if told.again:
            if told.reply != who.last_reply and inbound.kind not in ("click", "text"):
                yield f"another answer to the same message: {told.reply!r}, {who.last_reply!r}"
            if told.sms:
                yield f"the same message owed more: {told.sms}"
            return
        if len(told.reply.encode()) > WECHAT_BYTES:
            yield f"{len(told.reply.encode())} bytes: {told.reply}"
        for text in (told.reply, *told.sms):
            if "请报编号" in text:
                yield f"sorry: {text}"
        if len(set(told.sms)) != len(told.sms) or len(told.sms) > MOST_SMS:
            yield f"{len(told.sms)} SMS for one message: {told.sms}"
        if sum(count(text) for text in told.sms) > 2 * MOST_SMS:
            yield f"too long: {told.sms}"
        silent = inbound.kind in ("text", "click", "scan") and not (told.reply or told.sms)
        if silent and not self._passed_on(inbound.key):
            yield f"no answer to {inbound.channel} {inbound.kind} {inbound.value!r}"

    def _passed_on(self, key: str) -> bool:
        """Whether somebody of ours has it to answer."""
        with self.circle.store.reading() as tx:
            found = tx.exec_driver_sql("SELECT 1 FROM handover_messages WHERE key = %s", (key,))
            return found.first() is not None


@pytest.fixture
def crowd(
    database_url: str, redis_url: str, clock: MovableClock, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[int], Crowd]]:  # fmt: skip
    """A crowd of this seed, and the product without doors."""
    loaded.load(monkeypatch)
    settings = configuration.load(
        {
            **configuration.DEVELOPMENT,
            "CIRCLE_DATABASE_URL": database_url,
            "CIRCLE_REDIS_URL": redis_url,
            "CIRCLE_DATA_DIR": str(tmp_path),
            "CIRCLE_PUBLIC_URL": "https://circle.example.cn",
            "CIRCLE_OUTBOX__SENDERS": "1",  # one after the other: the same seed does the same
        }
    )
    circle = Circle(settings, connections=2, now=clock)
    came: list[Crowd] = []

    def come(seed: int) -> Crowd:
        came.append(Crowd(circle, clock, Random(seed), Listener(circle)))
        return came[-1]

    yield come
    for each in came:
        each.go()
    circle.store.close()


@dataclass
class Run:
    """What came of so many steps."""

    crowd: Crowd
    seconds: float
    wrong: list[str]


def run(crowd: Crowd, steps: int) -> Run:
    """So many steps; it ends at the first that goes wrong."""
    listener, began = crowd.told, time.perf_counter()
    assert isinstance(listener, Listener)
    with capture_logs() as lines:
        crowd.circle.clock.tick()
        begun = truths.look(crowd.circle.store, truths.DEAR)
        while crowd.steps < steps and not listener.wrong:
            try:
                crowd.step()
            except Exception as error:
                error.add_note("\n".join(crowd.history[-HISTORY_SHOWN:]))
                raise
            if crowd.steps % LOOKED_EVERY == 0 or crowd.steps == steps:
                crowd.drain()
                listener.wrong += truths.look_at_everything(
                    crowd.circle.store, crowd.circle.seeds, besides=begun
                )
            listener.wrong += [_shown(line) for line in lines if _is_bad(line)]
            lines.clear()
    return Run(crowd, time.perf_counter() - began, listener.wrong)


def _is_bad(line: Any) -> bool:
    # Nobody works while hours go by: then it is right that what waits is too late.
    too_late = line["event"] == "alarm raised"
    return (line["log_level"] in ("error", "critical") and not too_late) or "exc_info" in line


def _shown(line: Any) -> str:
    return f"logged: {line}"


def _nothing_wrong(ran: Run, seed: int) -> None:
    if ran.wrong:
        history = "\n  ".join(ran.crowd.history[-HISTORY_SHOWN:])
        wrong = "\n  ".join(ran.wrong[:5])
        pytest.fail(
            f"seed {seed}, step {ran.crowd.steps}:\n  {wrong}\nafter\n  {history}\n"
            f"again: CROWD_SEED={seed} CROWD_STEPS={ran.crowd.steps} pytest {Path(__file__).name}"
            " -k thousands",
            pytrace=False,
        )


def test_a_few_hundred_steps_of_anybody_break_nothing(crowd: Callable[[int], Crowd]) -> None:
    _nothing_wrong(run(crowd(SEED + 1), EVERYDAY_STEPS), SEED + 1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_thousands_of_steps_of_anybody_break_nothing(
    crowd: Callable[[int], Crowd], record_property: Callable[[str, object], None]
) -> None:
    ran = run(crowd(SEED), STEPS)
    record_property("steps_a_second", round(ran.crowd.steps / ran.seconds))
    _nothing_wrong(ran, SEED)
