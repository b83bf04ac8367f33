"""The poster of an invitation in the chat: sent while WeChat takes it, never to somebody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import clubs, subscribers
from tests.conftest import Phone, World

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def li(world: World, phone: PhoneOf) -> Phone:
    who = phone("李雷")
    with world.circle.store.begin() as tx:
        found = subscribers.find(tx, "sms", who.msisdn)
        assert found is not None
        clubs.join(tx, found, "film", origin="test", now=world.clock())
    return who


def _calls(world: World) -> list[tuple[str, str]]:
    return [
        (row[0], row[1])
        for row in world.rows(
            "SELECT state, coalesce(result ->> 'state', '') FROM outbox"
            " WHERE payload ->> 'service' = 'wechat.poster' ORDER BY id"
        )
    ]


def test_the_code_of_wechat_is_made_once_for_a_month(world: World, li: Phone) -> None:
    li.says("邀请")
    li.says("邀请")
    assert _calls(world) == [("answered", "done")] * 2
    made = "SELECT scene, made_by, expires_at - at > interval '29 days' FROM scene_codes"
    ((scene, by, lasts),) = world.rows(made)
    assert scene.startswith("invite-")
    assert (by, lasts) == ("invitations", True)
    world.clock.advance(days=24)
    li.says("邀请")
    assert len(world.rows("SELECT 1 FROM scene_codes")) == 2


def test_a_closed_window_costs_the_picture_and_nothing_else(world: World, li: Phone) -> None:
    world.fault("wechat.api", "error", path="custom", code=45015)
    assert "/i/" in li.says("邀请")["reply"]["text"]
    assert _calls(world) == [("answered", "closed")]


def test_wechat_that_is_down_is_tried_again(world: World, li: Phone) -> None:
    world.fault("wechat.api", "error", path="media", code=-1)
    li.says("邀请")
    assert _calls(world) == [("owed", "")]
    world.clock.advance(minutes=1)
    world.tick()
    assert _calls(world) == [("answered", "done")]


def test_who_has_unfollowed_meanwhile_gets_nothing(world: World, li: Phone) -> None:
    world.fault("wechat.api", "error", path="media", code=-1)
    li.says("邀请")
    li.unfollows()
    world.clock.advance(minutes=1)
    world.tick()
    assert _calls(world) == [("answered", "gone")]
