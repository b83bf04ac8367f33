"""Who gets very many answers hears one last sentence, then nothing for a while."""

from __future__ import annotations

import pytest

from models.sending_policy import LOOP, LOOP_LIMIT
from tests.conftest import World
from tests.workers.conftest import Owing

LAST = "请过十分钟再发"


@pytest.fixture
def owing(world: World) -> Owing:
    return Owing(world)


def _heard(world: World) -> list[str]:
    rows = world.rows("SELECT payload ->> 'text' FROM outbox WHERE state <> 'failed' ORDER BY id")
    return [str(row[0]) for row in rows]


def test_the_first_answer_too_many_says_so_and_the_later_ones_are_silent(
    world: World, owing: Owing
) -> None:
    owed = [owing.sms(f"答复{n}") for n in range(LOOP_LIMIT)]
    world.work()
    owed += [owing.sms("太多的答复") for _ in range(5)]
    world.work()
    heard = _heard(world)
    assert heard[:LOOP_LIMIT] == [f"答复{n}" for n in range(LOOP_LIMIT)]
    assert len(heard) == LOOP_LIMIT + 1
    assert LAST in heard[-1]
    assert owing.get(owed[-1]).error == LOOP
    assert world.rows("SELECT sum(n)::int FROM sms_counts WHERE name = 'loop'") == [(5,)]


def test_later_there_is_room_again_and_the_last_sentence_comes_once_an_hour(
    world: World, owing: Owing
) -> None:
    for _ in range(LOOP_LIMIT + 2):
        owing.sms()
    world.work()
    world.clock.advance(minutes=11)
    assert owing.get(owing.sms("又有空了")).error is None
    world.work()
    assert _heard(world)[-1] == "又有空了"
    for _ in range(LOOP_LIMIT + 2):
        owing.sms()
    world.work()
    assert sum(LAST in text for text in _heard(world)) == 1


def test_no_notice_becomes_the_last_sentence(world: World, owing: Owing) -> None:
    for _ in range(LOOP_LIMIT):
        owing.sms()
    world.work()
    owing.sms("一个通知", category="notice")
    world.work()
    assert not any(LAST in text for text in _heard(world))
