"""Nudges and the jobs they start: never more than one waiting, and none is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import redis
import rq
from rq.worker import SimpleWorker
from structlog.testing import capture_logs

from models import outbox
from models.store import Unavailable
from tests.conftest import Phone, World
from tests.workers.conftest import Owing
from workers import jobs
from workers.jobs import BATCHES_A_JOB, Drainer
from workers.nudges import MARK_LASTS_S, Nudges

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def environment() -> dict[str, str]:
    return {"CIRCLE_OUTBOX__BATCH": "1"}


def waiting(world: World, queue: str = "reply") -> int:
    return int(rq.Queue(queue, connection=world.circle.redis).count)


def test_at_most_one_job_waits_in_a_queue(world: World) -> None:
    for _ in range(5):
        world.circle.nudges(["reply", "call"])
    assert [waiting(world, queue) for queue in outbox.QUEUES] == [1, 1, 0]


def test_a_worker_that_starts_makes_room_for_the_next_nudge(world: World) -> None:
    world.circle.nudges(["reply"])
    world.circle.nudges.taken("reply")
    world.circle.nudges(["reply"])
    assert waiting(world) == 2


def test_a_mark_that_its_worker_left_behind_lapses(world: World) -> None:
    world.circle.nudges(["reply"])
    (mark,) = world.circle.redis.scan_iter("circle:nudged:*")
    left: Any = world.circle.redis.ttl(mark)
    assert 0 < left <= MARK_LASTS_S


def test_a_worker_process_does_what_a_nudge_asks_for(
    world: World, owing: Owing, phone: PhoneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_drainer", None)
    jobs.wire(world.circle.drainer)
    owing.sms()
    world.circle.nudges(["reply"])
    queue = rq.Queue("reply", connection=world.circle.redis)
    SimpleWorker([queue], connection=world.circle.redis).work(burst=True, logging_level="ERROR")
    world.work()
    assert phone("王大爷").heard("sms") == ["您好"]
    assert waiting(world) == 0


def test_a_worker_that_was_not_wired_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jobs, "_drainer", None)
    with pytest.raises(RuntimeError, match=r"app\.py worker"):
        jobs.drain("reply")


def test_a_nudge_for_a_queue_that_does_not_exist_does_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_drainer", world.circle.drainer)
    assert jobs.drain("everything") == 0


@pytest.mark.slow
def test_a_long_job_makes_room_for_more_urgent_ones_and_comes_back(
    world: World, owing: Owing
) -> None:
    for number in range(BATCHES_A_JOB + 2):
        owing.sms(f"第{number}条")
    assert world.circle.drainer.drain("reply") == BATCHES_A_JOB
    assert waiting(world) == 1
    assert world.circle.drainer.drain("reply") == 2


def without_redis(world: World) -> Drainer:
    """The drainer of a worker whose Redis has gone away."""
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0")
    circle = world.circle
    desk = replace(circle.desk, nudges=Nudges(nowhere))
    deliverer = replace(circle.drainer.deliverer, desk=desk)
    return Drainer(desk, deliverer, circle.drainer.caller, batch=10, senders=2)


def test_without_redis_a_nudge_is_lost_and_logged_and_nothing_else(
    world: World, owing: Owing, phone: PhoneOf
) -> None:
    drainer, row = without_redis(world), owing.sms()
    with capture_logs() as logs:
        drainer.desk.nudges(outbox.QUEUES)
        assert drainer.drain("reply") == 1
    lost = [line["queue"] for line in logs if line["event"] == "nudge lost"]
    assert lost == list(outbox.QUEUES)
    world.work()
    assert owing.get(row).state == "delivered"
    assert phone("王大爷").heard("sms") == ["您好"]


def test_without_the_database_a_row_is_left_to_its_lease(world: World, owing: Owing) -> None:
    row = owing.sms()
    (owed,) = world.circle.desk.take("reply", 1)

    def fail(_: outbox.Owed) -> None:
        raise Unavailable("gone")

    with capture_logs() as logs:
        world.circle.desk.guard(owed, fail)
    assert [line["event"] for line in logs] == ["row left to its lease"]
    assert owing.get(row).state == "taken"
