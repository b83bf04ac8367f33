"""Notices on their way: by which one they leave, and what stays in the mailbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dialogs import notices
from models import binding, preferences, subscribers
from models.subscribers import Subscriber
from tests.conftest import Phone, World
from tests.used import by_day, person
from tests.workers.conftest import Owing

PhoneOf = Callable[[str], Phone]
BLOCKED = "+8613800000004"


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "CIRCLE_NOTICES__QUIET_FROM": "21:00",
        "CIRCLE_NOTICES__QUIET_UNTIL": "08:00",
        "CIRCLE_NOTICES__A_WEEK": "6",
        "CIRCLE_NOTICES__BLOCKLIST": BLOCKED,
        "CIRCLE_WECHAT__TEMPLATES__VOUCHERS": "TM-vouchers",
    }


@pytest.fixture
def li(world: World, phone: PhoneOf) -> Phone:
    by_day(world)
    return phone("李雷")


@pytest.fixture
def wang(world: World, phone: PhoneOf) -> Phone:
    by_day(world)
    return phone("王大爷")


def tells(world: World, who: Phone | Subscriber, n: int = 1, *, kind: str = "gifts") -> int:
    """Tell somebody that a gift came back; n is its serial number."""
    found = person(world, who.msisdn) if isinstance(who, Phone) else who
    with world.circle.store.begin() as tx:
        return notices.tell(
            tx, world.circle.live(), found, "vouchers.gift_came_back", kind=kind,
            now=world.clock(), title="理发", price=80, serial=1000 + n,
        )  # fmt: skip


def kept(world: World) -> list[tuple[Any, ...]]:
    """What became of all but the sample data."""
    return world.rows("SELECT way, why FROM mailbox WHERE words LIKE '您送出去的%%' OR words LIKE"
                      " '送好了%%' ORDER BY id")  # fmt: skip


def test_by_night_a_notice_waits_for_the_morning_and_an_answer_does_not(
    world: World, wang: Phone, owing: Owing
) -> None:
    by_day(world, hour=22)
    owed = tells(world, wang)
    with world.circle.store.begin() as tx:
        notices.answer(
            tx, world.circle.live(), person(world, wang.msisdn), "gift.given", kind="gifts",
            now=world.clock(), title="剪发", phone="138****0001",
        )  # fmt: skip
    world.work()
    (heard,) = wang.heard("sms")
    assert "剪发" in heard
    assert owing.get(owed).attempts == 0
    assert kept(world) == [(None, None), ("sms", None)]
    assert owing.due_in_s(owed) == pytest.approx(10 * 3600, abs=60)
    world.clock.advance(hours=10)
    world.work()
    assert "1001" in wang.last("sms")


def test_what_was_decided_by_day_and_did_not_leave_waits_too(
    world: World, wang: Phone, owing: Owing
) -> None:
    by_day(world, hour=20)
    world.fault("twilio.api", "error", path="twilio messages POST", status=503, times=1)
    owed = tells(world, wang)
    world.work()
    assert (owing.get(owed).kind, owing.get(owed).state) == ("sms", "owed")
    by_day(world, hour=23)
    world.work()
    assert wang.heard("sms") == []
    world.clock.advance(hours=9)
    world.work()
    assert len(wang.heard("sms")) == 1


def test_what_is_more_than_the_weekly_cap_stays_in_the_mailbox(world: World, wang: Phone) -> None:
    for n in range(8):
        tells(world, wang, n)
    world.work()
    assert len(wang.heard("sms")) == 6
    assert kept(world) == [("sms", None)] * 6 + [("none", "cap")] * 2
    world.clock.advance(days=7, minutes=1)
    tells(world, wang)
    world.work()
    assert len(wang.heard("sms")) == 7


def test_wechat_gets_as_many_as_it_takes_and_the_rest_goes_by_sms(
    world: World, li: Phone, owing: Owing
) -> None:
    li.says("什么")
    for n in range(6):
        tells(world, li, n)
    world.work()
    assert (len(li.heard("wechat")), len(li.heard("sms"))) == (1 + 5, 1)
    assert len(owing.wire("custom/send")) == 5, "WeChat need not refuse what we know it refuses"
    li.says("什么")
    owing.wechat("五条以内")
    world.work()
    assert li.last("wechat") == "五条以内"


def test_after_a_tap_wechat_takes_three(world: World, li: Phone, owing: Owing) -> None:
    li.scans("club-film")
    said, texted = len(li.heard("wechat")), len(li.heard("sms"))
    for n in range(4):
        tells(world, li, n)
    world.work()
    assert len(owing.wire("custom/send")) == 3
    assert (len(li.heard("wechat")) - said, len(li.heard("sms")) - texted) == (3, 1)


def test_a_closed_window_leads_to_a_template_message_and_a_refused_one_to_an_sms(
    world: World, li: Phone, owing: Owing
) -> None:
    tells(world, li, kind="vouchers")
    world.work()
    shown = world.control("GET", "/phones/李雷")["wechat"][-1]
    assert (shown["kind"], shown["template_id"]) == ("template", "TM-vouchers")
    assert shown["data"]["thing1"] == "券和奖品"
    assert len(shown["data"]["thing2"]) == 20
    assert shown["url"].startswith(f"{world.url}/me/messages/")
    world.fault("wechat.api", "error", path="template/send", code=43101, times=1)
    owed = tells(world, li, 2, kind="vouchers")
    world.work()
    assert "1002" in li.last("sms")
    assert owing.get(owed).state == "delivered"


def test_what_somebody_does_not_want_by_sms_comes_in_wechat_or_not_at_all(
    world: World, li: Phone
) -> None:
    who = person(world, li.msisdn)
    with world.circle.store.begin() as tx:
        preferences.change(
            tx, who.id, {("gifts", "sms"): False}, question="转赠和礼物，短信", answer="不收",
            origin="test", now=world.clock(),
        )  # fmt: skip
    tells(world, li)
    world.work()
    li.says("什么")
    tells(world, li, 2)
    world.work()
    assert li.heard("sms") == []
    assert "1002" in li.last("wechat")
    assert kept(world) == [("none", "unwanted"), ("wechat", None)]
    assert world.rows("SELECT subject, granted, answer FROM consents") == [
        ("messages:gifts:sms", "no", "不收")
    ]


def test_a_number_on_the_block_list_gets_nothing_unasked(world: World, wang: Phone) -> None:
    with world.circle.store.begin() as tx:
        blocked = subscribers.find(tx, "sms", BLOCKED)
    assert blocked is not None
    tells(world, blocked)
    world.work()
    assert kept(world) == [("none", "blocklist")]


def test_nothing_is_kept_for_whoever_is_blocked(world: World, wang: Phone, owing: Owing) -> None:
    with world.circle.store.begin() as tx:
        subscribers.block(tx, person(world, wang.msisdn).id)
    owed = tells(world, wang)
    world.work()
    assert kept(world) == []
    row = owing.get(owed)
    assert (row.kind, row.state, row.status) == ("mailbox", "delivered", "gone")


def test_who_was_merged_meanwhile_has_it_under_the_new_number(
    world: World, wang: Phone, phone: PhoneOf, owing: Owing
) -> None:
    known = world.circle.store.read(lambda tx: subscribers.find(tx, "wechat", "o_xiaozhang"))
    into = person(world, BLOCKED)
    assert known is not None
    tells(world, known)
    with world.circle.store.begin() as tx:
        binding.merge_people(tx, source=known.id, target=into.id, origin="test", now=world.clock())
    owed = tells(world, known, 2)  # by somebody who does not know yet
    world.work()
    assert (
        world.rows("SELECT subscriber_id, why FROM mailbox WHERE why IS NOT NULL")
        == [(into.id, "blocklist")] * 2
    )
    assert owing.get(owed).state == "delivered"


def test_what_wechat_says_did_not_arrive_goes_by_sms_and_what_did_is_delivered(
    world: World, li: Phone, owing: Owing
) -> None:
    first = tells(world, li, kind="vouchers")
    world.work()
    assert (owing.get(first).kind, owing.get(first).state) == ("template", "delivered")
    world.control("POST", f"/wechat/{li.openid}/templates", accept=False)
    second = tells(world, li, 2, kind="vouchers")
    world.work()
    assert "1002" in li.last("sms")
    assert (owing.get(second).kind, owing.get(second).state) == ("sms", "delivered")
    assert li.sees("wechat", "券和奖品")
