"""J6: a shop redeems for a walk-in customer by SMS; the customer consents by 是."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from models import points, subscribers
from models.agents import register
from models.agents.register import Limits
from models.base import HOUSE
from models.points import verify
from tests.agents import BY, tree
from tests.conftest import MovableClock, Phone, World
from tests.used import by_day, person

PhoneOf = Callable[[str], Phone]
WANG = "13800000003"


@pytest.fixture
def shop(world: World, phone: PhoneOf) -> Phone:
    """韩梅梅's shop, in the morning."""
    by_day(world)
    tree(world.circle.store, world.clock())
    return phone("韩梅梅")


@pytest.fixture
def wang(phone: PhoneOf) -> Phone:
    return phone("王大爷")


def number_of(world: World, code: str) -> str:
    return str(world.rows("SELECT number FROM offers WHERE code = %s", code)[0][0])


def order(world: World, shop: Phone, *, customer: str = WANG, offer: str = "noodles") -> str:
    shop.texts(f"DH {customer} {number_of(world, offer)}")
    said = shop.last("sms")
    world.tick()
    return said


def has(world: World, msisdn: str = f"+86{WANG}") -> int:
    who = person(world, msisdn)
    with world.circle.store.begin() as tx:
        return points.balance(tx, who, now=world.clock(), expiring_days=1).usable


def earned(world: World) -> dict[str, int]:
    rows = world.rows(
        "SELECT kind, sum(balance)::int FROM points_accounts WHERE subscriber_id = %s"
        " AND kind LIKE 'agent%%' GROUP BY 1",
        HOUSE,
    )
    return dict(rows)


def test_the_customer_agrees_and_both_get_the_serial_number(
    world: World, shop: Phone, wang: Phone
) -> None:
    before = has(world)
    said = order(world, shop)
    assert "已发短信请138****0003本人确认用400积分换“米粉一碗”" in said
    assert "“星沙便利店”想用您的400积分为您换“米粉一碗”，在湘味小馆使用" in wang.last("sms")
    assert has(world) == before
    wang.texts("是")
    assert "换好了：米粉一碗" in wang.last("sms")
    serial = re.search(r"流水号([0-9]+)", wang.last("sms"))
    assert serial
    assert f"办好了：138****0003用400积分换了“米粉一碗”。流水号{serial[1]}" in shop.last("sms")
    assert has(world) == before - 400
    world.tick()
    world.tick()
    assert earned(world) == {
        "agents": 1000 - 11, "agent:xingsha": 8, "agent:cs-xian": 2, "agent:cs": 1, "agent:hn": 0,
    }  # fmt: skip
    kept = world.rows("SELECT subject, granted FROM consents")
    assert [(subject.split(":")[0], granted) for subject, granted in kept] == [
        ("agent_order", "yes")
    ]


def test_commission_goes_back_with_the_voucher(world: World, shop: Phone, wang: Phone) -> None:
    order(world, shop)
    wang.texts("是")
    world.tick()
    assert earned(world)["agent:xingsha"] == 8
    wang.texts("退券")
    wang.texts("是")
    assert "退" in wang.last("sms")
    world.tick()
    assert earned(world) == {
        "agents": 1000, "agent:xingsha": 0, "agent:cs-xian": 0, "agent:cs": 0, "agent:hn": 0,
    }  # fmt: skip
    with world.circle.store.begin() as tx:
        assert [check for check in verify.verify(tx).checks if check.wrong] == []


def test_nothing_moves_without_the_customers_own_yes(
    world: World, shop: Phone, wang: Phone
) -> None:
    before = has(world)
    order(world, shop)
    shop.texts("是")  # an agent cannot consent for a customer
    assert "办好了" not in shop.last("sms")
    assert has(world) == before
    wang.texts("否")
    assert "没有办理，您的积分没有动" in wang.last("sms")
    assert "138****0003没有同意" in shop.last("sms")
    wang.texts("是")
    assert has(world) == before
    assert world.rows("SELECT deals, points FROM agent_days") == [(0, 0)]


def test_who_does_not_answer_has_not_agreed(
    world: World, shop: Phone, wang: Phone, clock: MovableClock
) -> None:
    before = has(world)
    order(world, shop)
    clock.advance(minutes=16)
    world.tick()
    assert "138****0003没有回复" in shop.last("sms")
    assert sum("没有回复" in said for said in shop.heard("sms")) == 1
    wang.texts("是")
    assert has(world) == before


def test_who_wants_no_messages_is_not_asked_and_the_agent_cannot_tell(
    world: World, shop: Phone, wang: Phone, clock: MovableClock
) -> None:
    wang.texts("TD")
    heard = wang.heard("sms")
    said = order(world, shop)
    assert "已发短信请138****0003本人确认" in said
    assert wang.heard("sms") == heard
    clock.advance(minutes=16)
    world.tick()
    assert "138****0003没有回复" in shop.last("sms")


def test_who_has_too_little_hears_why_and_the_agent_does_not(
    world: World, shop: Phone, wang: Phone
) -> None:
    order(world, shop, offer="haircut")
    wang.texts("是")
    assert "积分还不够" in wang.last("sms")
    assert "138****0003这一笔没有办成" in shop.last("sms")
    assert "455" not in shop.last("sms")


def test_the_same_words_from_anybody_else_mean_what_they_always_did(
    world: World, wang: Phone, shop: Phone, phone: PhoneOf
) -> None:
    wang.texts(f"DH 13800000001 {number_of(world, 'noodles')}")
    assert "没有找到这个编号的优惠" in wang.last("sms")
    number = number_of(world, "noodles")
    wang.texts(f"DH {number[:2]} {number[2:]}")
    assert "“米粉一碗”要用400积分" in wang.last("sms")
    shop.texts(f"DH {number}")  # an agent is a customer, too
    assert "“米粉一碗”要用400积分" in shop.last("sms")
    assert world.rows("SELECT count(*) FROM agent_orders") == [(0,)]


def test_an_agent_works_by_the_registered_number_alone(world: World, shop: Phone) -> None:
    said = shop.says(f"DH {WANG} {number_of(world, 'noodles')}")["reply"]["text"]
    assert "请用登记的手机号发短信" in said
    shop.texts(f"DH 13800000002 {number_of(world, 'noodles')}")
    assert "不能为自己的手机号代办" in shop.last("sms")
    assert world.rows("SELECT count(*) FROM agent_orders") == [(0,)]


def test_a_customer_is_not_asked_again_and_again(world: World, shop: Phone, wang: Phone) -> None:
    order(world, shop)
    assert "正有一笔代办在等机主回复" in order(world, shop)
    for _ in range(2):
        wang.texts("否")
        order(world, shop)
    wang.texts("否")
    assert "今天已经问过这位顾客几次了" in order(world, shop)
    by_day(world)
    assert "已发短信" in order(world, shop)


def test_a_dear_order_needs_the_pin_and_three_wrong_ones_lock(
    world: World, shop: Phone, wang: Phone
) -> None:
    store = world.circle.store
    with store.begin() as tx:
        register.change_limits(
            tx, "xingsha", Limits(pin_above=100), by=BY, reason="test", now=world.clock()
        )
        pin = register.new_pin(tx, "xingsha", by=BY, reason="test", now=world.clock())
    assert "请在后面加上您的6位密码" in order(world, shop)
    number = number_of(world, "noodles")
    wrong = f"{(int(pin) + 1) % 10**6:06}"
    for _ in range(2):
        shop.texts(f"DH {WANG} {number} {wrong}")
        assert "密码不对" in shop.last("sms")
    shop.texts(f"DH {WANG} {number} {pin}")
    assert "已发短信请138****0003" in shop.last("sms")
    world.tick()
    wang.texts("否")
    for _ in range(3):
        shop.texts(f"DH {WANG} {number} {wrong}")
    assert "已锁定1小时" in shop.last("sms")
    shop.texts(f"DH {WANG} {number} {pin}")
    assert "已锁定1小时" in shop.last("sms")
    said = world.rows("SELECT said FROM inbox WHERE said IS NOT NULL")
    assert not any(pin in words or wrong in words for (words,) in said)
    notes = world.rows("SELECT notes::text FROM conversations")
    assert not any(pin in words or wrong in words for (words,) in notes)


def test_a_suspended_agent_does_nothing_more_not_even_what_is_being_asked(
    world: World, shop: Phone, wang: Phone
) -> None:
    before = has(world)
    order(world, shop)
    with world.circle.store.begin() as tx:
        register.suspend(tx, "xingsha", by=BY, reason="test", now=world.clock())
    wang.texts("是")
    assert "这一笔已经不能办了" in wang.last("sms")
    assert has(world) == before
    assert "您的代理点已暂停" in order(world, shop)


def test_the_day_has_limits(world: World, shop: Phone, wang: Phone) -> None:
    with world.circle.store.begin() as tx:
        register.change_limits(
            tx, "xingsha", Limits(deals_a_day=1, points_a_day=399), by=BY, reason="test",
            now=world.clock(),
        )  # fmt: skip
    assert "会超过您今天的代办积分限额" in order(world, shop)
    with world.circle.store.begin() as tx:
        register.change_limits(
            tx, "xingsha", Limits(deals_a_day=1), by=BY, reason="test", now=world.clock()
        )
    assert "已发短信" in order(world, shop)
    wang.texts("是")
    assert "代办笔数已经用完" in order(world, shop, customer="13800000001")


def test_what_a_customer_could_get_is_told_once_they_agree(
    world: World, shop: Phone, wang: Phone
) -> None:
    shop.texts(f"CX {WANG}")
    assert "已发短信请138****0003本人同意" in shop.last("sms")
    assert "455" not in shop.last("sms")
    world.tick()
    assert "“星沙便利店”想看您有多少积分" in wang.last("sms")
    wang.texts("是")
    assert "138****0003同意您看这一次：有455积分可用，能换米粉一碗" in shop.last("sms")
    wang.texts("CX")
    assert "455积分" in wang.last("sms")


def test_the_statement_says_what_was_done_and_earned(
    world: World, shop: Phone, wang: Phone
) -> None:
    order(world, shop)
    wang.texts("是")
    shop.texts("DZ")
    assert "今天办成1笔400积分，还能办49笔49600积分" in shop.last("sms")
    assert "本月1笔400积分，佣金8积分（下级分成0），账户现有0积分" in shop.last("sms")
    wang.texts("对账")
    assert "您的手机号没有登记为代理点" in wang.last("sms")


def test_an_agent_and_a_customer_stay_what_they_are_when_they_bind_wechat(
    world: World, shop: Phone, phone: PhoneOf
) -> None:
    zhang = phone("小张")  # known by openid alone
    zhang.says("绑定")
    zhang.says(WANG)
    order(world, shop)
    code = world.rows("SELECT count(*) FROM agent_orders WHERE state = 'asked'")
    assert code == [(1,)]
    with world.circle.store.begin() as tx:
        found = subscribers.find(tx, "sms", shop.msisdn)
        assert found is not None
        assert register.of(tx, found.id) is not None
