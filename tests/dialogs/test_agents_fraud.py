"""What an agent cannot do: consent for a customer, by whatever phone, WeChat or moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dialogs.inbound import Inbound
from models import bind_codes, subscribers
from models.agents import register, rules
from tests.agents import BY
from tests.conftest import MovableClock, Phone, World
from tests.dialogs.test_agents import WANG, has, number_of, order, shop, wang
from tests.used import by_day, person

__all__ = ["shop", "wang"]
PhoneOf = Callable[[str], Phone]


def done(world: World) -> int:
    return int(world.rows("SELECT count(*) FROM agent_orders WHERE serial IS NOT NULL")[0][0])


def suspend(world: World, code: str) -> None:
    with world.circle.store.begin() as tx:
        register.suspend(tx, code, by=BY, reason="test", now=world.clock())


def resume(world: World, code: str) -> None:
    with world.circle.store.begin() as tx:
        register.resume(tx, code, by=BY, reason="test", now=world.clock())


def sms(world: World, sender: str, text: str, key: str) -> str:
    inbound = Inbound(key=key, channel="sms", sender=sender, kind="text", value=text)
    return str(world.circle.answering.answer(inbound).text)


def test_another_agents_number_is_nobodys_customer(world: World, shop: Phone) -> None:
    county = "13800000303"
    assert "这个号码也是代理点" in order(world, shop, customer=county)
    shop.texts(f"CX {county}")
    assert "这个号码也是代理点" in shop.last("sms")
    assert world.rows("SELECT count(*) FROM agent_orders") == [(0,)]
    assert world.rows("SELECT count(*) FROM agent_days") == [(0,)]


def test_a_yes_by_wechat_is_asked_for_once_more_by_sms(
    world: World, shop: Phone, phone: PhoneOf
) -> None:
    """Whoever got a code out of a customer has their WeChat, but not their SIM."""
    li = phone("李雷")
    before = has(world, "+8613800000001")
    order(world, shop, customer="13800000001")
    asked = len(li.heard("sms"))
    said = li.says("是")["reply"]["text"]
    assert "要用手机号本人确认" in said
    world.work()
    assert len(li.heard("sms")) == asked + 1
    assert has(world, "+8613800000001") == before
    li.texts("是")
    assert done(world) == 1
    assert has(world, "+8613800000001") == before - 400


def test_who_insists_on_wechat_gets_nothing(world: World, shop: Phone, phone: PhoneOf) -> None:
    li = phone("李雷")
    order(world, shop, customer="13800000001")
    for _ in range(3):
        li.says("是")
    li.texts("是")
    assert done(world) == 0
    assert "138****0001这一笔没有办成" in shop.last("sms")
    assert world.rows("SELECT why FROM agent_orders") == [("channel",)]


def test_who_has_just_bound_a_number_does_not_order_for_it(
    world: World, shop: Phone, wang: Phone, clock: MovableClock
) -> None:
    agent = person(world, shop.msisdn)
    with world.circle.store.begin() as tx:
        bind_codes.make_code(
            tx, agent, f"+86{WANG}", limits=world.circle.engine.rules.binding, now=world.clock()
        )
    assert "刚用您的微信办过绑定" in order(world, shop)
    clock.advance(days=rules.DEFAULT.bound_days)
    by_day(world)
    assert "已发短信" in order(world, shop)


def test_a_code_asked_for_by_the_agents_wechat_before_it_was_the_agents_counts_too(
    world: World, shop: Phone, phone: PhoneOf
) -> None:
    """The same openid, known by then as somebody else."""
    agent = person(world, shop.msisdn)
    assert agent.openid is not None
    with world.circle.store.begin() as tx:
        other = subscribers.lock(tx, "sms", "+8613800000888", world.clock())
        as_other = subscribers.Subscriber(
            other.id, other.status, False, agent.openid, None, None
        )  # fmt: skip
        bind_codes.make_code(
            tx, as_other, f"+86{WANG}", limits=world.circle.engine.rules.binding,
            now=world.clock(),
        )  # fmt: skip
    assert "刚用您的微信办过绑定" in order(world, shop)


def test_two_yes_at_the_same_instant_move_points_once(
    world: World, shop: Phone, wang: Phone
) -> None:
    before = has(world)
    order(world, shop)
    barrier = threading.Barrier(8)

    def say(n: int) -> str:
        barrier.wait()
        return sms(world, f"+86{WANG}", "是", f"yes:{n}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(say, range(8)))
    assert done(world) == 1
    assert has(world) == before - 400
    world.tick()
    assert world.rows("SELECT count(*) FROM agent_commissions WHERE own = 1") == [(1,)]


def test_a_suspension_at_the_instant_of_the_yes_is_before_it_or_after_it(
    world: World, shop: Phone, wang: Phone
) -> None:
    """Of the shop, or of whoever stands above: and nothing waits for ever."""
    for n, code in enumerate(("xingsha", "hn", "cs")):
        order(world, shop)
        barrier = threading.Barrier(2)

        def at(work: Callable[[], object]) -> None:
            barrier.wait()  # noqa: B023
            work()

        was = done(world)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(at, [
                partial(sms, world, f"+86{WANG}", "是", f"yes:{n}"),
                partial(suspend, world, code),
            ]))  # fmt: skip
        state = world.rows("SELECT state, why FROM agent_orders ORDER BY id DESC LIMIT 1")[0]
        assert state in (("done", None), ("failed", "suspended"))
        assert done(world) - was == (state[0] == "done")
        resume(world, code)
        if done(world):
            return  # the customer has no points for another one


def test_under_a_suspended_county_no_shop_works_and_with_it_all_work_again(
    world: World, shop: Phone, wang: Phone
) -> None:
    before = has(world)
    order(world, shop)
    suspend(world, "cs-xian")
    wang.texts("是")
    assert "这一笔已经不能办了" in wang.last("sms")
    assert "您的上级代理已暂停" in order(world, shop)
    assert has(world) == before
    resume(world, "cs-xian")
    assert "已发短信" in order(world, shop)


def test_a_number_that_did_nothing_for_long_may_have_somebody_else_by_now(
    world: World, shop: Phone, wang: Phone, clock: MovableClock
) -> None:
    order(world, shop)
    wang.texts("否")
    clock.advance(days=rules.DEFAULT.dormant_days + 1)
    assert "很久没有办过业务" in order(world, shop)
    resume(world, "xingsha")
    by_day(world)
    assert "已发短信" in order(world, shop)


def test_whom_many_customers_decline_asks_nobody_until_tomorrow(
    world: World, shop: Phone, wang: Phone
) -> None:
    with world.circle.store.begin() as tx:
        _publish(tx, world, declined_a_day=2)
    for _ in range(2):
        order(world, shop)
        wang.texts("否")
    assert "好几位顾客没有同意" in order(world, shop, customer="13800000004")
    shop.texts("CX 13800000004")
    assert "好几位顾客没有同意" in shop.last("sms")
    by_day(world)
    assert "已发短信" in order(world, shop, customer="13800000004")


def test_an_agent_asks_so_many_a_day_and_a_customer_is_asked_so_often_by_all(
    world: World, shop: Phone, wang: Phone
) -> None:
    with world.circle.store.begin() as tx:
        _publish(tx, world, asks_a_day=2, asked_a_day=1)
    order(world, shop)
    wang.texts("否")
    assert "今天已经问过这位顾客几次了" in order(world, shop)
    shop.texts("CX 13800000004")
    assert "已发短信" in shop.last("sms")
    assert "今天问过的顾客太多了" in order(world, shop, customer="13800000001")


def test_the_customer_is_told_who_asks_and_for_what(world: World, shop: Phone, wang: Phone) -> None:
    order(world, shop)
    asked = wang.last("sms")
    for words in ("星沙便利店", "400积分", "米粉一碗", "湘味小馆", "不是您要办的，请勿回复"):
        assert words in asked
    assert shop.msisdn not in asked


def test_a_customer_who_is_deleted_is_asked_nothing_more(
    world: World, shop: Phone, wang: Phone
) -> None:
    order(world, shop)
    assert number_of(world, "noodles")
    with world.circle.store.begin() as tx:
        from models.privacy.declared_agents import AGENTS

        who = subscribers.find(tx, "sms", f"+86{WANG}")
        assert who is not None
        kept = next(each for each in AGENTS if each.table == "agent_orders")
        assert kept.deletion.statement
        tx.exec_driver_sql(kept.deletion.statement, {"ids": [who.id]})
    before = has(world)
    wang.texts("是")
    assert has(world) == before


def _publish(tx: object, world: World, **asking: int) -> None:
    from menus.agent_rules import read
    from tests.menus.test_agent_rules import FILE

    content = read(FILE).content()
    content["asking"] |= asking
    rules.publish(tx, content, author="t", note="t", now=world.clock())  # type: ignore[arg-type]
