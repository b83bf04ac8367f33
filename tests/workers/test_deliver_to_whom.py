"""What leaves with a message and is stored nowhere, and who may be written to at all."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from models import sending_policy
from models.subscribers import Subscriber
from models.tables import metadata
from tests.conftest import MovableClock, Phone, World
from tests.workers.conftest import LI, WANG, Owing

PhoneOf = Callable[[str], Phone]
SUBMIT = "twilio messages POST"

# -- links -------------------------------------------------------------------------------------


def _token(text: str, world: World) -> str:
    return text.split(f"{world.url}/l/")[1].split()[0]


def _everything_stored(world: World) -> str:
    return json.dumps(
        [world.rows(f"SELECT to_jsonb(t)::text FROM {name} t") for name in metadata.tables],
        ensure_ascii=False,
    )


def _with_link(owing: Owing) -> int:
    return owing.sms("请看 {page} ", payload={"page": "/me"})


def test_a_link_is_in_the_message_alone_and_only_its_hash_is_stored(
    phone: PhoneOf, owing: Owing, world: World
) -> None:
    _with_link(owing)
    world.work()
    token = _token(phone("王大爷").last("sms"), world)
    assert len(token) == 10
    stored = _everything_stored(world)
    assert "page_links" not in stored
    assert token not in stored
    ((path, owner),) = world.rows("SELECT path, subscriber_id FROM page_links")
    assert (path, owner) == ("/me", owing.who(WANG))


def test_a_message_that_is_sent_again_has_the_same_link(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    world.fault("twilio.api", "drop", path=SUBMIT)
    _with_link(owing)
    world.work()
    clock.advance(minutes=1)
    world.work()
    assert len(phone("王大爷").heard("sms")) == 1
    assert len(owing.wire(SUBMIT)) == 1
    assert world.rows("SELECT count(*) FROM page_links") == [(1,)]


def test_links_of_two_messages_differ(phone: PhoneOf, owing: Owing, world: World) -> None:
    _with_link(owing)
    _with_link(owing)
    world.work()
    tokens = {_token(text, world) for text in phone("王大爷").heard("sms")}
    assert len(tokens) == 2


# -- who may be written to ---------------------------------------------------------------------


def test_nothing_goes_to_a_blocked_subscriber(phone: PhoneOf, owing: Owing, world: World) -> None:
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE subscribers SET status = 'blocked' WHERE id = %s", (owing.who(LI),)
        )
    rows = [owing.sms(to=LI), owing.wechat()]
    world.work()
    assert [owing.get(row).state for row in rows] == ["failed", "failed"]
    assert [owing.get(row).error for row in rows] == ["the subscriber is blocked"] * 2
    assert (phone("李雷").heard("sms"), phone("李雷").heard("wechat")) == ([], [])


def test_who_has_opted_out_gets_answers_and_nothing_unasked(
    phone: PhoneOf, owing: Owing, world: World
) -> None:
    wang = phone("王大爷")
    wang.texts("退订")
    before = wang.heard("sms")
    answer = owing.sms("电影已开通", category="answer")
    unasked = [
        owing.sms("大促销，拒收回TD", category="marketing", queue="bulk"),
        owing.sms("到期提醒", category="notice", queue="bulk"),
    ]
    world.work()
    assert owing.get(answer).state == "delivered"
    assert [owing.get(row).state for row in unasked] == ["failed"] * 2
    assert {owing.get(row).error for row in unasked} == {"the subscriber has opted out"}
    wang.texts("JF")
    assert len(wang.heard("sms")) == len(before) + 2
    assert "积分" in wang.last("sms")
    wang.texts("恢复")
    again = owing.sms("大促销，拒收回TD", category="marketing", queue="bulk")
    world.work()
    assert owing.get(again).state == "delivered"


@pytest.mark.parametrize(
    ("status", "opted_out", "reached"),
    [
        ("active", False, {"answer", "notice", "marketing"}),
        ("active", True, {"answer"}),
        ("blocked", False, set()),
        ("merged", False, {"answer"}),
    ],
)
def test_who_is_written_to_at_all(status: str, opted_out: bool, reached: set[str]) -> None:
    who = Subscriber(1, status, opted_out, None, None, None)
    categories = (sending_policy.ANSWER, sending_policy.NOTICE, sending_policy.MARKETING)
    assert {one for one in categories if sending_policy.silence(who, one) is None} == reached
