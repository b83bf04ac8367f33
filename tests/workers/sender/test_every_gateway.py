"""J1 and J6 from the phone to the phone, over Twilio, SMPP and CMPP in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from models import points
from tests.agents import tree
from tests.conftest import World
from tests.used import by_day, person
from tests.workers.sender.conftest import GATEWAYS, Phone, Running

WANG = "13800000003"


@pytest.fixture(params=("twilio", *GATEWAYS))
def gateway(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def everything(world: World, gateway: str) -> Iterator[World]:
    """All that runs: what goes over binds has a process of its own, and Twilio has workers."""
    by_day(world)
    sender = Running(world).start() if gateway in GATEWAYS else None
    yield world
    if sender is not None:
        sender.stop()


def test_the_film_club_is_joined_by_sms(everything: World, gateway: str, wang: Phone) -> None:
    everything.control("POST", "/boss/settings", confirm_after_s=0)
    wang.texts("JRDY")
    offer = wang.hears("同意请回复")
    wang.texts("是", **_to(gateway, offer))
    welcome = wang.hears("欢迎加入电影俱乐部")
    assert "/l/" in welcome["text"]
    if gateway in GATEWAYS:
        assert offer["to"].startswith("10086")
        assert len(offer["to"]) == 8


def test_a_shop_redeems_for_a_customer_who_agrees_by_sms(
    everything: World, gateway: str, wang: Phone
) -> None:
    shop = Phone(everything, gateway, "韩梅梅")
    tree(everything.circle.store, everything.clock())
    number = everything.rows("SELECT number FROM offers WHERE code = 'noodles'")[0][0]
    before = _has(everything)
    shop.texts(f"DH {WANG} {number}")
    shop.hears("已发短信请138****0003本人确认")
    everything.tick()
    asked = wang.hears("“星沙便利店”想用您的400积分")
    assert _has(everything) == before
    shop.texts("是", **_to(gateway, asked))  # from the agent's number: it confirms nothing
    wang.texts("是", **_to(gateway, asked))
    issued = wang.hears("换好了：米粉一碗")
    done = shop.hears("办好了：138****0003用400积分换了“米粉一碗”")
    serials = {re.search(r"流水号([0-9]+)", each["text"])[1] for each in (issued, done)}  # type: ignore[index]
    assert len(serials) == 1
    assert _has(everything) == before - 400
    everything.tick()
    shop.texts("DZ")
    shop.hears("今天办成1笔400积分")
    assert everything.rows("SELECT count(*) FROM consents WHERE granted = 'yes'") == [(1,)]
    for one in (shop, wang):  # and nothing went another way
        assert [e for e in one.heard() if e.get("via", "twilio") != gateway] == []


def _to(gateway: str, asked: dict[str, str]) -> dict[str, str]:
    """The number an answer goes to: with its extension, where the gateway has any."""
    return {"to": asked["to"]} if gateway in GATEWAYS else {}


def _has(world: World) -> int:
    who = person(world, f"+86{WANG}")
    with world.circle.store.begin() as tx:
        return points.balance(tx, who, now=world.clock(), expiring_days=1).usable
