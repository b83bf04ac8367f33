"""Messages on their way out: which way they go, and what happens when it is closed or breaks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from models import dead_letters, outbox, subscribers
from sms.gateways import Outgoing
from tests.conftest import Boss, MovableClock, Phone, World
from tests.workers.conftest import WANG, Owing

PhoneOf = Callable[[str], Phone]
SEND, SUBMIT = "custom/send", "twilio messages POST"


@pytest.fixture
def environment() -> dict[str, str]:
    # Longer than a slow machine needs for a step: nothing becomes due by itself.
    return {
        "CIRCLE_OUTBOX__ATTEMPTS": "4", "CIRCLE_OUTBOX__BACKOFF_FIRST_S": "10",
        "CIRCLE_OUTBOX__BACKOFF_MOST_S": "30",
    }  # fmt: skip


@pytest.fixture
def li(phone: PhoneOf) -> Phone:
    """李雷, who has just written, so that WeChat lets us answer."""
    somebody = phone("李雷")
    somebody.says("什么")
    return somebody


# -- WeChat ------------------------------------------------------------------------------------


def test_a_customer_service_message_arrives(li: Phone, owing: Owing, world: World) -> None:
    row = owing.wechat("办好了")
    world.work()
    assert li.last("wechat") == "办好了"
    assert owing.get(row).state == "sent"
    assert li.heard("sms") == []


@pytest.mark.parametrize("code", [45015, 45047, 40003, 43004, 48002])
def test_what_wechat_does_not_take_goes_by_sms(
    li: Phone, owing: Owing, world: World, code: int
) -> None:
    world.fault("wechat.api", "error", path=SEND, code=code)
    row = owing.wechat("办好了")
    world.work()
    assert li.last("sms") == "办好了"
    sent = owing.get(row)
    assert (sent.kind, sent.state) == ("sms", "delivered")
    assert len(owing.wire(SEND)) == 1


@pytest.mark.parametrize("code", [45015, 45047, 40003])
def test_what_wechat_does_not_take_and_nothing_else_can_has_failed(
    li: Phone, owing: Owing, world: World, code: int
) -> None:
    world.fault("wechat.api", "error", path=SEND, code=code)
    row = owing.wechat("办好了", by_sms=False)
    world.work()
    failed = owing.get(row)
    assert failed.state == "failed"
    assert str(code) in (failed.error or "")


def test_messages_beyond_what_wechat_allows_unanswered_come_by_sms_in_order(
    li: Phone, owing: Owing, world: World
) -> None:
    said = [f"第{number}条" for number in range(1, 9)]
    for text in said:
        owing.wechat(text)
    world.work()
    by_wechat = [text for text in li.heard("wechat") if text in said]
    assert 0 < len(by_wechat) < len(said)
    assert by_wechat + li.heard("sms") == said


def test_once_the_window_is_closed_nothing_is_tried_by_wechat(
    phone: PhoneOf, boss: Boss, world: World, owing: Owing, clock: MovableClock
) -> None:
    han = phone("韩梅梅")
    han.scans("cinema-01")
    han.says("是")
    clock.advance(hours=47)
    boss_answers_within = timedelta(hours=1, seconds=30)
    clock.advance(seconds=boss_answers_within.total_seconds())
    boss.answers()
    assert "欢迎加入电影俱乐部" in han.last("sms")
    assert owing.wire(SEND) == []


@pytest.mark.parametrize(
    ("fault", "at_least_s", "at_most_s"),
    [
        ({"code": -1}, 7, 13),
        ({"status": 502}, 7, 13),
        ({"code": 45011}, 59, 61),
        ({"code": 45009}, 1, 24 * 3600),
    ],
)
def test_what_wechat_cannot_take_now_it_takes_later(
    li: Phone, owing: Owing, world: World, clock: MovableClock, fault: dict[str, int],
    at_least_s: float, at_most_s: float,
) -> None:  # fmt: skip
    world.fault("wechat.api", "error", path=SEND, **fault)
    row = owing.wechat("办好了")
    world.work()
    assert owing.get(row).state == "owed"
    assert at_least_s - 1 <= owing.due_in_s(row) <= at_most_s
    clock.advance(seconds=owing.due_in_s(row) + 0.1)
    world.work()
    assert "办好了" in (li.last("wechat"), li.last("sms"))
    assert owing.get(row).attempts in (1, 2)


def test_a_token_that_is_revoked_midway_is_replaced_at_once(
    li: Phone, owing: Owing, world: World
) -> None:
    owing.wechat("第一条")
    world.work()
    world.control("POST", "/tokens", do="revoke")
    row = owing.wechat("第二条")
    world.work()
    assert li.last("wechat") == "第二条"
    assert owing.get(row).attempts == 1


# -- SMS ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"code": 20429}, {"status": 503}, {"status": 500}])
def test_a_busy_gateway_is_tried_again_later(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock, fault: dict[str, int]
) -> None:
    world.fault("twilio.api", "error", path=SUBMIT, **fault)
    row = owing.sms()
    world.work()
    put_off = owing.get(row)
    assert (put_off.state, put_off.attempts) == ("owed", 1)
    assert put_off.error
    clock.advance(seconds=owing.due_in_s(row) + 0.1)
    world.work()
    assert phone("王大爷").heard("sms") == ["您好"]
    assert owing.get(row).state == "delivered"


def test_a_message_whose_answer_was_lost_is_found_and_sent_once(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    world.fault("twilio.api", "drop", path=SUBMIT)
    world.fault("twilio.callback", "bad_signature", times=0)  # nor does any receipt tell
    row = owing.sms()
    world.work()
    assert owing.get(row).state == "owed"
    assert owing.get(row).provider_id is None
    clock.advance(minutes=1)
    world.work()
    assert phone("王大爷").heard("sms") == ["您好"]
    assert len(owing.wire(SUBMIT)) == 1
    assert (owing.get(row).state, owing.get(row).attempts) == ("sent", 2)


def test_an_equal_message_sent_before_is_not_taken_for_the_lost_one(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    owing.sms()
    world.work()
    world.fault("twilio.api", "error", path=SUBMIT, status=500)
    second = owing.sms()
    world.work()
    clock.advance(minutes=1)
    world.work()
    assert phone("王大爷").heard("sms") == ["您好", "您好"]
    assert owing.get(second).state == "delivered"


def test_a_gateway_that_stays_broken_is_given_up_on_and_an_operator_can_retry(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    world.fault("twilio.api", "error", times=0, status=500)
    row = owing.sms()
    for _ in range(world.circle.settings.outbox.attempts):
        clock.advance(minutes=20)
        world.work()
    dead = owing.get(row)
    assert (dead.state, dead.attempts) == ("dead", world.circle.settings.outbox.attempts)
    world.control("DELETE", "/faults")
    now = clock()
    assert world.circle.store.run(lambda tx: dead_letters.requeue(tx, [row], now))
    world.work()
    assert phone("王大爷").heard("sms") == ["您好"]


def test_backoff_grows_and_has_a_limit(owing: Owing, world: World, clock: MovableClock) -> None:
    world.fault("twilio.api", "error", times=0, status=500)
    row, limits, waited = owing.sms(), world.circle.settings.outbox, []
    for _ in range(limits.attempts - 1):
        world.work()
        waited.append(owing.due_in_s(row))
        clock.advance(seconds=waited[-1] + 0.1)
    for attempt, wait in enumerate(waited):
        usual = min(limits.backoff_first_s * 2**attempt, limits.backoff_most_s)
        assert usual * 0.75 - 1 <= wait <= usual * 1.25


def test_who_has_opted_out_at_the_gateway_has_opted_out_here(owing: Owing, world: World) -> None:
    world.fault("twilio.api", "error", path=SUBMIT, code=21610)
    row = owing.sms()
    world.work()
    assert owing.get(row).state == "failed"
    with world.circle.store.reading() as tx:
        found = subscribers.find(tx, "sms", WANG)
    assert found is not None
    assert found.opted_out


def test_a_number_that_does_not_exist_is_tried_once(
    owing: Owing, world: World, clock: MovableClock
) -> None:
    row = owing.sms(to="+86000", owner=WANG)
    world.work()
    clock.advance(hours=1)
    world.work()
    failed = owing.get(row)
    assert (failed.state, failed.attempts) == ("failed", 1)
    assert "21211" in (failed.error or "")
    assert "+86000" not in (failed.error or "")


def test_a_message_that_we_cannot_make_holds_nobody_else_up_and_ends_dead(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    broken = owing.row(owing.who(WANG), "sms", {"text": "to nobody"})
    good = owing.sms("您好", to="+8613800000004")
    world.work()
    assert owing.get(good).state == "delivered"
    assert owing.get(broken).error == "KeyError in our own code"
    for _ in range(world.circle.settings.outbox.attempts):
        clock.advance(minutes=20)
        world.work()
    assert owing.get(broken).state == "dead"


def test_a_row_whose_lease_ran_out_before_it_was_its_turn_is_not_sent(
    phone: PhoneOf, owing: Owing, world: World, clock: MovableClock
) -> None:
    owing.sms()
    owing.wechat()
    circle = world.circle
    taken = circle.desk.take("reply", 10)
    clock.advance(seconds=circle.settings.outbox.lease_s + 1)
    now = clock()
    circle.store.run(lambda tx: outbox.release_expired(tx, now))
    for owed in taken:
        circle.drainer.deliverer.deliver(owed)
    assert (owing.wire(SUBMIT), owing.wire(SEND)) == ([], [])
    world.work()
    assert phone("王大爷").heard("sms") == ["您好"]


def test_the_gateway_is_asked_by_the_words_as_they_left(world: World, owing: Owing) -> None:
    owing.sms("【和生活圈】您好")
    world.work()
    gateway, since = world.circle.gateway, world.clock() - timedelta(minutes=1)
    found = gateway.find(Outgoing("1", WANG, "【和生活圈】您好"), since)
    assert found is not None
    assert gateway.find(Outgoing("1", WANG, "别的话"), since) is None
