"""The tier on the account page, in words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from models import points, subscribers, tiers
from tests.conftest import Phone, World
from tests.pages.visitor import Visitor, fresh_link

PhoneOf = Callable[[str], Phone]
LI = "+8613800000001"


@pytest.fixture
def visitor(world: World, phone: PhoneOf) -> Visitor:
    """李雷 with a browser, logged in; he has 1580 points."""
    one = Visitor(world.url)
    one.send(fresh_link(phone("李雷")))
    return one


def earns(world: World, amount: int) -> None:
    now = world.clock()
    cause = points.Cause(f"bill:{now}", "bill", "import", "test")
    with world.circle.store.begin() as tx:
        who = subscribers.lock(tx, "sms", LI, now)
        points.issue(
            tx, who, kind=points.CONSUMPTION, points=amount, expires_on=date(2049, 12, 31),
            cause=cause, now=now,
        )  # fmt: skip
        tiers.qualify(tx, who, now)


def page(visitor: Visitor) -> str:
    """The account, without line breaks and marks between the words."""
    return visitor.get("/me").text.replace("<strong>", "").replace("</strong>", "")


def test_the_lowest_tier_shows_the_way_to_the_next_in_words_and_as_a_bar(visitor: Visitor) -> None:
    seen = page(visitor)
    for words in ("普卡", "一直有效", "再累计 420积分，升为银卡", 'value="79"', "现在 1580"):
        assert words in seen, words
    assert "每月一次免费洗车抽奖" in seen
    assert "保留期" not in seen


def test_a_tier_shows_until_when_it_is_valid_and_what_keeps_it(
    visitor: Visitor, world: World
) -> None:
    earns(world, 10_000)
    year = points.day_of(world.clock()).year + 1
    seen = page(visitor)
    assert "金卡" in seen
    assert f'有效期到<span class="day_whole">{year}年' in seen
    assert "前再累计 10000积分，就能继续保留金卡。" in seen
    assert "不再算进等级" in seen


def test_a_grace_says_that_all_stays_and_what_to_do(visitor: Visitor, world: World) -> None:
    earns(world, 10_000)
    world.clock.advance(days=430)
    with world.circle.store.begin() as tx:
        assert [one.why for one in tiers.review_due(tx, world.clock(), 10)] == ["grace"]
    again = Visitor(world.url)
    world.control("POST", f"/sms/{LI}/text", text="WD")
    world.work()
    again.send(fresh_link(Phone(world, "李雷", "o_lilei", LI)))
    assert "保留期内权益照旧。到期前再累计 10000积分，就能继续保留金卡。" in page(again)


def test_the_highest_tier_asks_for_nothing_more(visitor: Visitor, world: World) -> None:
    earns(world, 50_000)
    seen = page(visitor)
    assert "您已经是最高等级了" in seen
    assert "<progress" not in seen
    assert "升为" not in seen


def test_the_bar_is_full_only_when_the_way_is_done(visitor: Visitor, world: World) -> None:
    earns(world, 419)  # one point is missing
    seen = page(visitor)
    assert "再累计 1积分，升为银卡" in seen
    assert 'value="99"' in seen


def test_without_published_tiers_the_page_has_no_card(visitor: Visitor, world: World) -> None:
    world.circle.store.run(
        lambda tx: tx.exec_driver_sql(
            "SET LOCAL session_replication_role = replica; DELETE FROM tier_rules"
        )
    )
    assert "我的等级" not in page(visitor)
    assert "我的俱乐部" in page(visitor)
