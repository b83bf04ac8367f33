"""The poster of an invitation in the chat: sent while WeChat takes it, never to somebody else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import clubs, outbox, sending_policy, subscribers
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


def test_a_poster_is_drawn_once_while_wechat_keeps_it(world: World, li: Phone) -> None:
    li.says("邀请")
    ((media, until),) = world.rows("SELECT poster_media, poster_until FROM invitation_codes")
    li.says("邀请")
    assert world.rows("SELECT poster_media, poster_until FROM invitation_codes") == [(media, until)]
    world.clock.advance(days=3)
    li.says("邀请")
    ((later, again),) = world.rows("SELECT poster_media, poster_until FROM invitation_codes")
    assert later != media
    assert again > until


def test_so_many_posters_a_day_and_then_the_link_alone(world: World, li: Phone) -> None:
    for _ in range(5):
        assert "马上发给您" in li.says("邀请")["reply"]["text"]
    last = li.says("邀请")["reply"]["text"]
    assert "马上" not in last
    assert "/i/" in last
    assert len(_calls(world)) == 5
    world.clock.advance(days=1)
    assert "马上发给您" in li.says("邀请")["reply"]["text"]


def test_a_poster_counts_among_what_wechat_takes_after_a_message(world: World, li: Phone) -> None:
    li.says("邀请")
    with world.circle.store.begin() as tx:
        window = sending_policy.in_wechat(tx, li.openid)
        assert window is not None
        assert window.left == sending_policy.WECHAT_AFTER_MESSAGE - 1
        for _ in range(window.left):
            outbox.owe(
                tx, subscriber_id=window.owner, kind="wechat", queue=outbox.REPLY,
                category="answer", payload={"openid": li.openid, "text": "好"}, now=world.clock(),
            )  # fmt: skip
    world.tick()
    with world.circle.store.begin() as tx:  # as if no message had come since
        found = sending_policy.in_wechat(tx, li.openid)
        assert found is not None
        assert found.left == 0
        outbox.owe(
            tx, subscriber_id=found.owner, kind="call", queue=outbox.CALL, now=world.clock(),
            payload={
                "service": "wechat.poster",
                "arguments": {
                    "openid": li.openid,
                    "number": world.rows("SELECT number FROM invitation_codes")[0][0],
                },
            },
        )  # fmt: skip
    world.tick()
    assert _calls(world) == [("answered", "done"), ("answered", "closed")]
