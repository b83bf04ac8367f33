"""What somebody is told unasked: the one function for it, in a step and elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dialogs import catalog, notices
from dialogs.dialog import Move, Talk
from dialogs.inbound import Channel, Inbound
from dialogs.opt_out import OptIn
from models import sql, subscribers
from models.subscribers import Subscriber
from tests.conftest import Phone, World
from tests.used import by_day

PhoneOf = Callable[[str], Phone]
WORDS: dict[str, Any] = {"title": "理发", "price": 80, "serial": 12345678}


def person(world: World, who: Phone) -> Subscriber:
    with world.circle.store.reading() as tx:
        found = subscribers.find(tx, "sms", who.msisdn)
    assert found is not None
    return found


class TellsWang(OptIn):
    """A dialog that tells 王大爷."""

    def opened(self, talk: Talk) -> Move:
        wang = subscribers.find(talk.tx, "sms", "+8613800000003")
        assert wang is not None
        talk.tell(wang.id, "vouchers.gift_came_back", kind="gifts", **WORDS)
        return talk.end("opt_in.already")


class Tells(OptIn):
    """A dialog that tells somebody whose id it knows."""

    def opened(self, talk: Talk) -> Move:
        talk.tell(1003, "vouchers.gift_came_back", kind="gifts", **WORDS)
        return talk.end("opt_in.already")


@pytest.fixture
def wang(phone: PhoneOf, world: World) -> Phone:
    by_day(world)
    return phone("王大爷")


def test_a_step_tells_somebody_else_and_answers_the_one_who_speaks(
    world: World, wang: Phone, phone: PhoneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalog.BY_NAME, "opt_in", TellsWang())
    answer = phone("李雷").says("恢复")["reply"]["text"]
    assert "理发" not in answer
    assert "12345678" in wang.last("sms")


def test_a_notice_has_its_link_on_each_way(world: World, wang: Phone, phone: PhoneOf) -> None:
    li = phone("李雷")
    li.says("什么")
    menus, now = world.circle.live(), world.clock()
    for who in (li, wang):
        with world.circle.store.begin() as tx:
            notices.tell(
                tx, menus, person(world, who), "draw.parcel_reminder", kind="vouchers", now=now,
                page="/me/prizes/7", prize="理发", until="12月1日",
            )  # fmt: skip
    world.work()
    assert f"{world.url}/me/prizes/7" in li.last("wechat")
    assert f"{world.url}/l/" in wang.last("sms")


def test_a_kind_that_is_none_is_a_mistake(world: World, wang: Phone) -> None:
    with pytest.raises(ValueError, match="no such kind"), world.circle.store.begin() as tx:
        notices.tell(
            tx, world.circle.live(), person(world, wang), "gift.given", kind="news",
            now=world.clock(),
        )  # fmt: skip


def test_telling_somebody_costs_whoever_speaks_one_statement_at_most(
    world: World, wang: Phone, phone: PhoneOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []
    plain = sql.run

    def counting(tx: Any, statement: str, values: Any = None) -> Any:
        statements.append(statement)
        return plain(tx, statement, values)

    monkeypatch.setattr(sql, "run", counting)

    def cost(key: str, channel: Channel, sender: str) -> int:
        before, now = len(statements), world.clock()
        said = Inbound(key, channel, sender, "text", "恢复")
        world.circle.store.run(lambda tx: world.circle.engine.hear(tx, said, now))
        return len(statements) - before

    ways: tuple[tuple[Channel, str], ...] = (("sms", "+8613800000001"), ("wechat", "o_lilei"))
    alone = [cost(f"a{n}", *way) for n, way in enumerate(ways)]
    monkeypatch.setitem(catalog.BY_NAME, "opt_in", Tells())
    telling = [cost(f"b{n}", *way) for n, way in enumerate(ways)]
    assert alone == [2, 2]
    assert telling == [3, 2]  # the first id comes with the sender


WINDOW = "SELECT open_until, heard_at FROM subscriber_addresses WHERE address = 'o_lilei'"


def test_a_word_that_only_reads_opens_wechats_window(world: World, phone: PhoneOf) -> None:
    by_day(world)
    li = phone("李雷")
    assert world.rows(WINDOW) == [(None, None)]
    li.taps("balance")  # for a minute, in which nothing is owed
    assert world.rows(WINDOW) == [(None, None)]
    before = world.clock()
    assert "1580积分" in li.says("积分")["reply"]["text"]
    ((until, heard_at),) = world.rows(WINDOW)
    assert before <= heard_at <= world.clock()
    assert until - heard_at == subscribers.AFTER_MESSAGE
    with world.circle.store.begin() as tx:
        notices.tell(
            tx, world.circle.live(), person(world, li).id, "vouchers.gift_came_back", kind="gifts",
            now=world.clock(), **WORDS,
        )  # fmt: skip
    world.work()
    assert "理发" in li.last("wechat")
    assert not li.sees("sms", "理发")


def test_a_word_that_only_reads_waits_for_nobody_and_writes_once_a_minute(
    world: World, phone: PhoneOf
) -> None:
    li = phone("李雷")
    with world.circle.store.begin() as tx:
        sql.run(tx, "SELECT 1 FROM subscriber_addresses WHERE address = 'o_lilei' FOR UPDATE")
        assert "1580积分" in li.says("积分")["reply"]["text"]
    assert world.rows(WINDOW) == [(None, None)]
    li.says("积分")
    first = world.rows(WINDOW)
    assert first[0][0] is not None
    li.says("积分")
    assert world.rows(WINDOW) == first
    world.clock.advance(minutes=2)
    li.says("积分")
    assert world.rows(WINDOW)[0][0] > first[0][0]
