"""What chats of any dialog may begin with: points, memberships, people."""

from __future__ import annotations

from datetime import date

from models import clubs, points, subscribers
from models.base import Tx
from models.subscribers import Subscriber
from tests.conftest import World

LASTS_UNTIL = date(2028, 12, 31)


def who_is(tx: Tx, world: World, name: str) -> Subscriber:
    """The subscriber behind a name of emulators/people.py; a newcomer's row is made."""
    person = world.emulators.world.person(name)
    for channel, address in (("sms", person.msisdn), ("wechat", person.openid)):
        if address and (found := subscribers.find(tx, channel, address)) is not None:
            return found
    channel, address = ("sms", person.msisdn) if person.msisdn else ("wechat", person.openid)
    return subscribers.lock(tx, channel, address or "", world.clock())


def points_more(world: World, name: str, amount: str) -> None:
    """`given basics.points_more 李雷 500`: so many consumption points more."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        who = who_is(tx, world, name)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=int(amount), expires_on=LASTS_UNTIL, now=now,
            cause=points.Cause(f"given:{name}:{amount}", "given", "import", "a chat"),
        )  # fmt: skip


def points_in_wechat(world: World, name: str, amount: str) -> None:
    """`given basics.points_in_wechat 小张 40`: on the account of a WeChat without a number."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        openid = world.emulators.world.person(name).openid or ""
        points.issue(
            tx, subscribers.lock(tx, "wechat", openid, now), kind=points.PROMOTIONAL,
            points=int(amount), expires_on=LASTS_UNTIL, now=now,
            cause=points.Cause(f"given:{name}:wechat", "given", "import", "a chat"),
        )  # fmt: skip


def member(world: World, name: str, club: str) -> None:
    """`given basics.member 李雷 film`: an ordinary member, tag and all."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        clubs.join(tx, who_is(tx, world, name), club, origin="given", now=now)


def person(world: World, name: str, *ways: str) -> None:
    """`given basics.person 小丽` (both), `... 小丽 sms`, `... 小丽 wechat`: somebody new here.

    `... 小丽 wechat stranger` does not follow the account yet.
    """
    count = len(world.emulators.world.state.people)
    ways = ways or ("wechat", "sms")
    world.control(
        "POST", "/people", name=name, follows="wechat" in ways and "stranger" not in ways,
        openid=f"o_person{count}" if "wechat" in ways else None,
        msisdn=f"+8613900000{count:03d}" if "sms" in ways else None,
    )  # fmt: skip


def tick(world: World) -> None:
    """`given basics.tick`: the clock has looked once (the seeds of draws are promised, ...)."""
    world.tick()


def opted_out(world: World, name: str) -> None:
    """`given basics.opted_out 王大爷`: who has said TD."""
    world.control("POST", f"/sms/{name}/text", text="TD")
