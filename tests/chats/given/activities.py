"""What chats of activities begin with: the ones there are, people who took the places, the door."""

from __future__ import annotations

from models import sql
from models.activities import doors, joining, planning
from models.base import Tx
from tests.chats.given.basics import who_is
from tests.conftest import World
from tests.dialogs.activities import noon, only, plan


def two(world: World, places: str = "20") -> None:
    """`given activities.two 1`: a film night with so many places, and a talk the day after."""
    talk = plan(noon(world, 6), title="社区健康讲座", place="定王台社区活动室", capacity=40)
    only(world, plan(noon(world, 5), capacity=int(places)), talk)
    _number_from_1001(world)


def film(world: World, places: str = "20", level: str = "") -> None:
    """`given activities.film 20 premium`: one for members of the film club alone."""
    only(world, plan(noon(world, 5), club="film", premium_only=bool(level), capacity=int(places)))
    _number_from_1001(world)


def none(world: World) -> None:
    """`given activities.none`."""
    only(world)


def taken(world: World, name: str, number: str = "1001") -> None:
    """`given activities.taken 韩梅梅`: she has a place, or waits for one."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = who_is(tx, world, name)
        joining.sign_up(tx, who, int(number), wait=True, channel="page", now=now)


def given_up(world: World, name: str, number: str = "1001") -> None:
    """`meanwhile activities.given_up 韩梅梅`: her place is free."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        joining.give_up(tx, who_is(tx, world, name), int(number), now=now)


def called_off(world: World, number: str = "1001", why: str = "影院停电") -> None:
    """`meanwhile activities.called_off`."""
    now = world.clock()
    world.circle.store.run(lambda tx: planning.cancel(tx, int(number), why=why, now=now))


def door(world: World, digits: str = "482913", number: str = "1001") -> None:
    """`given activities.door 482913`: what stands at the door now; its scene is checkin-1...1."""
    now = world.clock()
    code = doors.DoorCode(
        int("1" * 18), digits, "", now + doors.SHOWN, now + doors.WORKS
    )  # fmt: skip
    world.circle.store.run(lambda tx: doors.keep(tx, int(number), code, "", now))


def _number_from_1001(world: World) -> None:
    """Whatever was there before: the numbers in a chat are always the same."""

    def work(tx: Tx) -> None:
        rows = sql.rows(tx, "SELECT id FROM activities ORDER BY starts_at")
        for no, (number,) in enumerate(rows, start=1001):
            values = {"old": number, "new": no}
            sql.run(tx, "SET LOCAL session_replication_role = replica")
            sql.run(tx, "UPDATE activities SET id = %(new)s WHERE id = %(old)s", values)
            sql.run(
                tx,
                "UPDATE activity_places SET activity_id = %(new)s WHERE activity_id = %(old)s",
                values,
            )

    world.circle.store.run(work)
