"""Tiers by the clock: people are told by day, once, kindly; reviews happen by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

import pytest

from menus.texts import SIGNATURE
from models import points, subscribers, tiers
from models.sending_policy import Policy
from models.store import Unavailable
from sms.segments import count
from tests.conftest import MovableClock, Phone, World
from tests.workers.conftest import LI, WANG, Owing
from workers.notices import may_tell

PhoneOf = Callable[[str], Phone]


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


def at_hour(clock: MovableClock, hour: int) -> None:
    """Move on to the next time that it is this hour in China."""
    now = clock().astimezone(points.SHANGHAI)
    then = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    clock.shift += (then if then > now else then + timedelta(days=1)) - now


def earns(world: World, msisdn: str, amount: int, kind: str = points.CONSUMPTION) -> None:
    now = world.clock()
    cause = points.Cause(f"bill:{now}", "bill", "import", "test")
    with world.circle.store.begin() as tx:
        who = subscribers.lock(tx, "sms", msisdn, now)
        points.issue(
            tx, who, kind=kind, points=amount, expires_on=date(2049, 12, 31), cause=cause, now=now
        )
        tiers.qualify(tx, who, now)


@pytest.mark.night
def test_who_goes_up_is_told_by_day_and_once(
    world: World, wang: Phone, clock: MovableClock
) -> None:
    at_hour(clock, 21)
    earns(world, WANG, 2000)
    world.tick()
    assert wang.heard("sms") == []
    at_hour(clock, 9)
    world.tick()
    world.tick()
    (said,) = wang.heard("sms")
    until = points.day_of(clock())
    assert said.startswith("【和生活圈】恭喜您升为银卡，到")
    assert f"{until.year + 1}年" in said
    assert "生日月双倍积分、每月一次免费洗车抽奖" in said
    assert count(said) <= 2
    assert world.rows("SELECT queue, category FROM outbox") == [("bulk", "notice")]


def test_of_two_steps_up_only_the_last_is_told(
    world: World, wang: Phone, clock: MovableClock
) -> None:
    at_hour(clock, 22)
    earns(world, WANG, 2000)
    clock.advance(hours=1)
    earns(world, WANG, 30_000)
    at_hour(clock, 12)
    world.tick()
    assert len(wang.heard("sms")) == 1
    assert wang.sees("sms", "升为钻石卡")


@pytest.mark.slow
def test_a_review_gives_grace_then_lowers_and_says_both_kindly(
    world: World, wang: Phone, clock: MovableClock
) -> None:
    at_hour(clock, 10)
    earns(world, WANG, 12_000)
    world.tick()
    clock.advance(days=460)
    at_hour(clock, 10)
    world.tick()
    grace = wang.last("sms")
    assert grace.startswith("【和生活圈】您的金卡和权益照旧保留到")
    assert "再累计10000积分，就能继续保留" in grace
    clock.advance(days=400)
    at_hour(clock, 10)
    world.tick()
    down = wang.last("sms")
    assert down.startswith("【和生活圈】您现在是普卡，账户里的积分一分没少。")
    assert "再累计2000积分，马上升为银卡" in down
    assert len(wang.heard("sms")) == 3
    assert all(count(said) <= 2 for said in wang.heard("sms"))
    world.tick()
    assert len(wang.heard("sms")) == 3


@pytest.mark.slow
def test_who_has_opted_out_is_not_told_and_not_later_either(
    world: World, wang: Phone, clock: MovableClock
) -> None:
    at_hour(clock, 11)
    wang.texts("TD")
    before = len(wang.heard("sms"))
    earns(world, WANG, 5000)
    world.tick()
    wang.texts("恢复")
    world.tick()
    assert len(wang.heard("sms")) == before + 1  # the answer to 恢复
    assert not wang.sees("sms", "银卡")


def test_old_news_is_none(world: World, wang: Phone, clock: MovableClock) -> None:
    at_hour(clock, 10)
    earns(world, WANG, 5000)
    clock.advance(days=9)
    world.tick()
    assert wang.heard("sms") == []


def test_a_person_with_wechat_open_is_told_there(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    at_hour(clock, 10)
    li = phone("李雷")
    li.says("恢复")
    earns(world, LI, 1000)
    world.tick()
    assert li.sees("wechat", "恭喜您升为银卡")
    assert li.heard("sms") == []


@pytest.mark.slow
def test_while_many_messages_wait_nobody_is_told_more(
    world: World, owing: Owing, wang: Phone, clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("workers.notices.BACKLOG", 1)
    at_hour(clock, 10)
    earns(world, WANG, 5000)
    owing.sms("大促销", queue="bulk")
    world.circle.clock.tick()
    assert world.rows("SELECT count(*) FROM outbox") == [(1,)]
    world.work()
    world.tick()
    assert wang.sees("sms", "升为银卡")


@pytest.mark.slow
def test_one_broken_person_does_not_stop_the_others(
    world: World, wang: Phone, clock: MovableClock
) -> None:
    at_hour(clock, 10)
    earns(world, LI, 1000)
    earns(world, WANG, 5000)
    world.circle.store.run(
        lambda tx: tx.exec_driver_sql(
            "SET LOCAL session_replication_role = replica;"
            "UPDATE tier_standings SET tier = 'lost' WHERE subscriber_id ="
            " (SELECT min(subscriber_id) FROM tier_standings)"
        )
    )
    world.tick()
    assert wang.sees("sms", "升为银卡")
    assert len(world.circle.tiers_clock.broken) == 1


@pytest.mark.slow
def test_a_batch_that_takes_too_long_is_tried_again_in_halves_and_stops_nothing_else(
    world: World, wang: Phone, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def too_long(tx: object, now: object, limit: int) -> list[tiers.Change]:
        asked.append(limit)
        raise Unavailable("QueryCanceled")

    monkeypatch.setattr(tiers, "review_due", too_long)
    at_hour(clock, 10)
    earns(world, WANG, 5000)
    for _ in range(3):
        world.tick()
        clock.advance(seconds=61)
    assert asked == [500, 250, 125]
    assert wang.sees("sms", "升为银卡")


def test_notices_are_made_outside_the_quiet_hours_of_the_settings() -> None:
    policy = Policy(quiet_from=time(20, 30), quiet_until=time(9))

    def at(hour: int, minute: int = 0, policy: Policy = policy) -> bool:
        return may_tell(policy, datetime(2026, 3, 2, hour, minute, tzinfo=points.SHANGHAI))

    assert [at(8, 59), at(9), at(20, 29), at(20, 30), at(0)] == [False, True, True, False, False]
    assert at(3, policy=Policy(quiet_from=time(0), quiet_until=time(0)))  # no night


def test_the_longest_words_that_the_rules_allow_fit_two_sms(world: World) -> None:
    values = {
        "tier": "钻石卡", "next": "钻石卡", "until": "2026年12月31日", "missing": 999_999,
        "benefits": "、".join(["权" * 20] * 2),
    }  # fmt: skip
    menus = world.circle.live()
    assert menus.text(SIGNATURE, channel="sms") == "【和生活圈】"
    for key in ("tier.up", "tier.grace", "tier.down"):
        assert count(menus.text(key, channel="sms", **values)) <= 2, key
