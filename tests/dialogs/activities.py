"""Activities for tests: planned and published, with the only ones that people see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from models import clubs, sql, subscribers
from models.activities import doors, joining, planning
from models.activities.planning import Plan
from models.base import Tx
from models.points import SHANGHAI
from tests.conftest import World


def noon(world: World, days: int) -> datetime:
    """Noon in China, so many days from now."""
    day = world.clock().astimezone(SHANGHAI) + timedelta(days=days)
    return day.replace(hour=12, minute=0, second=0, microsecond=0)


def plan(starts_at: datetime, **changes: Any) -> Plan:
    """A gathering of two hours for everybody, with three places."""
    plain: dict[str, Any] = {
        "club": None, "premium_only": False, "title": "周末观影会", "about": "一起看电影。",
        "place": "星河影城五一店", "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=2),
        "closes_at": starts_at - timedelta(hours=1), "capacity": 3,
    }  # fmt: skip
    return Plan(**(plain | changes))


def only(world: World, *plans: Plan) -> list[int]:
    """Publish these, and have no others; returns their numbers."""

    def work(tx: Tx) -> list[int]:
        for table in ("activity_signups", "activity_doors", "activity_places"):
            sql.run(tx, f"DELETE FROM {table}")
        sql.run(tx, "DELETE FROM activities")
        now = world.clock()
        numbers = [planning.add(tx, each, author="tests", now=now) for each in plans]
        for number in numbers:
            planning.publish(tx, number, now=now)
        return numbers

    return world.circle.store.run(work)


def join_club(world: World, msisdn: str, club: str) -> None:
    """Make somebody a member without asking."""
    now = world.clock()

    def work(tx: Tx) -> None:
        who = subscribers.lock(tx, "sms", msisdn, now)
        clubs.join(tx, who, club, origin="tests", now=now)

    world.circle.store.run(work)


def at_the_door(world: World, number: int) -> doors.DoorCode:
    """Another code on the screen at the door."""
    now = world.clock()
    code = doors.new_code(now)
    return world.circle.store.run(lambda tx: doors.keep(tx, number, code, "", now))


def miscounted(world: World) -> list[int]:
    """Activities whose counts are not those of their sign-ups."""
    return world.circle.store.read(joining.miscounted)
