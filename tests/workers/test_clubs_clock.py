"""Memberships by the clock: members are told by day, once, and what is over ends at BOSS, too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from dialogs import club_news
from models import clubs, memberships, points
from models.memberships import News
from sms.segments import count
from tests.conftest import Boss, MovableClock, Phone, World
from tests.dialogs.test_clubs import joins, state
from tests.workers.test_tiers_clock import at_hour

PhoneOf = Callable[[str], Phone]


def ahead(world: World, clock: MovableClock, days: int, of: str = "ends_on") -> None:
    """To 10 in the morning, so many days after (before, if negative) this day of the membership."""
    ((day,),) = world.rows(f"SELECT {of} FROM memberships")
    then = datetime.combine(day + timedelta(days=days), time(10), points.SHANGHAI)
    clock.turn_to(then)


def news(phone: Phone, channel: str = "sms") -> list[str]:
    return [said for said in phone.heard(channel) if "不想再收提醒" in said]


def test_a_member_is_reminded_twice_told_of_the_grace_and_of_the_end(
    world: World, phone: PhoneOf, clock: MovableClock, boss: Boss
) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    for days in (-15, -14, -14, -3, 0, 1, 30, 31, 40):
        if world.rows("SELECT 1 FROM memberships WHERE state = 'active'"):
            ahead(world, clock, days)
        world.tick()
    first, second, over, ended = news(wang)
    assert first == second
    assert "就到期了，续会免费。想接着用，请回复“续费”" in first
    assert "优惠给您留到" in over
    assert "已经结束，不再收费" in ended
    assert state(world) == [("ended", "ordinary")]
    assert [order["state"] for order in boss.orders()] == ["closed"]
    wang.texts("续费")
    assert "您还没有加入俱乐部" in wang.last("sms")


@pytest.mark.night
def test_nobody_is_told_at_night_and_the_answer_to_a_reminder_renews(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    ahead(world, clock, -14)
    at_hour(clock, 23)
    world.tick()
    assert news(wang) == []
    at_hour(clock, 9)
    world.tick()
    assert len(news(wang)) == 1
    wang.texts("续费")
    wang.texts("是")
    assert "续好了" in wang.last("sms")
    clock.advance(days=20)
    world.tick()
    assert len(news(wang)) == 1


def test_who_spends_enough_in_the_club_is_told_that_they_are_premium(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    joins(world, "韩梅梅", "film")
    han = phone("韩梅梅")
    for _ in range(2):
        han.texts("会员服务")
        han.texts("2")
        han.texts("是")
    at_hour(clock, 10)
    world.tick()
    assert "恭喜！您升级为电影俱乐部高级会员" in han.last("sms")
    assert state(world) == [("active", "premium")]


def test_who_has_opted_out_is_told_nothing_and_their_terms_go_on(
    world: World, phone: PhoneOf, clock: MovableClock
) -> None:
    joins(world, "王大爷", "film")
    wang = phone("王大爷")
    wang.texts("TD")
    for days in (-14, 31):
        ahead(world, clock, days)
        world.tick()
    assert news(wang) == []
    assert state(world) == [("ended", "ordinary")]


def test_without_rules_nothing_ends(world: World, clock: MovableClock) -> None:
    joins(world, "王大爷", "film")
    with world.circle.store.begin() as tx:
        tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        tx.exec_driver_sql("DELETE FROM membership_rules")
    ahead(world, clock, 31)
    world.tick()
    assert state(world) == [("active", "ordinary")]


@pytest.mark.parametrize("price", [0, 50, None])
def test_all_news_are_two_sms_at_most(world: World, price: int | None) -> None:
    menus = world.circle.live()
    day = datetime(2026, 12, 31, tzinfo=UTC).date()
    longest = clubs.Club("vip", "全球通VIP俱乐部", "", 0, "")
    whats = {key.removeprefix("membership.").removesuffix("_earned") for key in club_news.TEXTS}
    for what in sorted(whats):
        facts = {"until": day, "last": day, "price": price}
        key, values = club_news.words(News(what, longest, facts))
        if "link" in club_news.TEXTS[key]:
            values["link"] = f"https://circle.example/l/{'x' * 12}"
        assert count(menus.text(key, channel="sms", **values)) <= 2, key


def test_a_membership_that_cannot_be_looked_at_keeps_nobody_else_waiting(
    world: World, phone: PhoneOf, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    joins(world, "王大爷", "film", "car")
    look = memberships.look

    def broken(tx: object, who: object, code: str, now: datetime) -> object:
        if code == "car":
            raise LookupError("a bug")
        return look(tx, who, code, now)  # type: ignore[arg-type]

    monkeypatch.setattr(memberships, "look", broken)
    clock.advance(days=352)
    at_hour(clock, 10)
    world.tick()
    world.tick()
    assert len(news(phone("王大爷"))) == 1
