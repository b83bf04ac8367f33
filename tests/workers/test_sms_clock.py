"""What the clock does about SMS: unknown marketing is given up, texts with holes are heard."""

from __future__ import annotations

from datetime import timedelta

from models import heard_parts, outbox, submissions
from models.base import Tx
from models.heard_parts import Place
from tests.conftest import World
from tests.workers.conftest import LI, WANG, Owing

UCS2 = 8
PLACE = Place(WANG.removeprefix("+"), "10086", 7, False, 3)


def _submitted_and_dead(world: World) -> None:
    """All that is due is submitted by a process that dies before an answer comes."""
    now, minute = world.clock(), timedelta(minutes=1)

    def work(tx: Tx) -> None:
        submissions.take(tx, usual="twilio", limit=9, lease=minute, unknown_for=minute, now=now)
        outbox.release_expired(tx, now + 2 * minute)

    world.circle.store.run(work)


def test_marketing_of_which_nobody_knows_is_given_up_when_its_time_is_over(
    world: World, owing: Owing
) -> None:
    far = {"gateway": "smpp"}
    advert = owing.sms(queue="bulk", category="marketing", payload=far)
    answer = owing.sms(to=LI, payload=far)
    _submitted_and_dead(world)
    world.circle.clock.tick()
    assert owing.get(advert).state == "owed"
    world.clock.advance(minutes=11)
    world.circle.clock.tick()
    assert (owing.get(advert).state, owing.get(advert).status) == ("failed", "unknown")
    assert owing.get(answer).state == "owed"


def _keep(world: World, part_no: int, words: str) -> None:
    body, now = words.encode("utf-16-be"), world.clock()
    world.circle.store.run(
        lambda tx: heard_parts.keep(tx, PLACE, part_no=part_no, body=body, coding=UCS2, now=now)
    )


def test_a_long_text_with_a_hole_is_heard_once_after_a_while(world: World) -> None:
    _keep(world, 1, "投诉，")
    world.clock.advance(minutes=9)
    _keep(world, 3, "很长")
    world.circle.clock.tick()
    assert world.rows("SELECT count(*) FROM inbox") == [(0,)]
    world.clock.advance(minutes=2)
    for _ in range(2):
        world.circle.clock.tick()
    ((said,),) = world.rows("SELECT said FROM inbox")
    assert (said[:3], said[-2:]) == ("投诉，", "很长")
    assert world.rows("SELECT count(*) FROM heard_parts") == [(0,)]
