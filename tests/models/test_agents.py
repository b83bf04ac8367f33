"""Agents: the tree, limits and PINs under races, commission once for each serial number."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest
import sqlalchemy.exc

from models import points, sql, subscribers
from models.agents import budget, commission, ordering, pins, register, statement
from models.agents.ordering import NotOrdered
from models.agents.register import Agent, Limits, NotRegistered
from models.offers import terms
from models.offers.terms import Offer
from models.store import Store
from tests.agents import ABOVE, BUDGET, BY, tree
from tests.models.conftest import at_once

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
CUSTOMERS = tuple(f"+86138000004{n:02}" for n in range(8))


@pytest.fixture
def shop(store: Store) -> Agent:
    return tree(store, NOW, limits=Limits(deals_a_day=5, points_a_day=1_200))


@pytest.fixture
def noodles(store: Store) -> Offer:
    found = store.read(lambda tx: terms.find(tx, "noodles"))
    assert found is not None
    return found


def _want(store: Store, shop: Agent, number: str, offer: Offer | None) -> str:
    try:
        store.run(partial(ordering.want, agent=shop, number=number, offer=offer, now=NOW))
    except NotOrdered as why:
        return why.why
    return "wanted"


def test_a_days_points_are_not_exceeded_by_orders_at_the_same_instant(
    store: Store, shop: Agent, noodles: Offer
) -> None:
    became = at_once([partial(_want, store, shop, number, noodles) for number in CUSTOMERS])
    assert sorted(became) == ["points"] * 5 + ["wanted"] * 3
    with store.begin() as tx:
        assert sql.one(tx, "SELECT deals, points FROM agent_days") == (3, 1_200)
        assert sql.value(tx, "SELECT count(*) FROM agent_orders") == 3


def test_one_customer_is_asked_one_thing_at_a_time_whoever_asks(
    store: Store, shop: Agent, noodles: Offer
) -> None:
    became = at_once([partial(_want, store, shop, CUSTOMERS[0], noodles)] * 4)
    assert sorted(became) == ["busy"] * 3 + ["wanted"]
    with store.begin() as tx:
        assert sql.one(tx, "SELECT deals, points FROM agent_days") == (1, 400)


def test_what_comes_to_nothing_does_not_count_for_the_day(
    store: Store, shop: Agent, noodles: Offer
) -> None:
    assert _want(store, shop, CUSTOMERS[0], noodles) == "wanted"
    with store.begin() as tx:
        (one,) = ordering.due(tx, NOW, 10)
        order = ordering.hold(tx, one)
        assert order is not None
        ordering.end(tx, order, "declined", NOW)
        assert ordering.hold(tx, one) is None
        assert statement.of(tx, shop, NOW).deals_left == 5
        assert statement.of(tx, shop, NOW).points_left == 1_200


def test_commission_is_owed_and_paid_once_for_a_serial_number(store: Store, shop: Agent) -> None:
    for _ in range(2):
        store.run(lambda tx: commission.owe(tx, shop, price=1_000, serial=77, now=NOW))
    due = store.read(lambda tx: commission.due(tx, NOW, 10))
    assert len(due) == 4
    at_once(
        [
            partial(store.run, partial(commission.settle, agent_id=who, serial=serial, now=NOW))
            for who, serial in due * 3
        ]
    )
    with store.begin() as tx:
        assert points.house_balance(tx, "agents") == BUDGET - 30
        got = [points.house_balance(tx, f"agent:{code}") for code in ("xingsha", "cs-xian", "cs")]
    assert got == [20, 5, 3]


def test_what_is_returned_at_the_same_instant_as_it_is_paid_is_returned(
    store: Store, shop: Agent
) -> None:
    for serial in range(5):
        store.run(partial(commission.owe, agent=shop, price=1_000, serial=serial, now=NOW))
        due = store.read(lambda tx: commission.due(tx, NOW, 10))
        at_once(
            [
                partial(store.run, partial(commission.take_back, serial=serial, now=NOW)),
                *(
                    partial(store.run, partial(commission.settle, agent_id=w, serial=s, now=NOW))
                    for w, s in due
                ),
            ]
        )
        for who, number in store.read(lambda tx: commission.due(tx, NOW, 10)):
            store.run(partial(commission.settle, agent_id=who, serial=number, now=NOW))
    with store.begin() as tx:
        assert points.house_balance(tx, "agents") == BUDGET
        assert sql.rows(tx, "SELECT DISTINCT state FROM agent_commissions") == [("returned",)]


def test_an_empty_budget_is_waited_for(store: Store, shop: Agent) -> None:
    store.run(lambda tx: commission.owe(tx, shop, price=BUDGET * 100, serial=5, now=NOW))
    assert store.run(lambda tx: commission.settle(tx, shop.id, 5, NOW)) == "no_budget"
    store.run(lambda tx: budget.fund(tx, 5_000, key="more", by=BY, reason="", now=NOW))
    assert store.run(lambda tx: commission.settle(tx, shop.id, 5, NOW)) == "moved"
    with store.begin() as tx:
        assert points.house_balance(tx, "agent:xingsha") == 2_000


def test_a_suspended_agent_above_gets_no_share(store: Store, shop: Agent) -> None:
    with store.begin() as tx:
        register.suspend(tx, "cs", by=BY, reason="test", now=NOW)
        commission.owe(tx, shop, price=1_000, serial=1, now=NOW)
        rows = sql.rows(tx, "SELECT points FROM agent_commissions ORDER BY points DESC")
    assert [row[0] for row in rows] == [20, 5, 2]


def test_guesses_of_a_pin_at_the_same_instant_are_counted_one_by_one(
    store: Store, shop: Agent
) -> None:
    pin = store.run(lambda tx: register.new_pin(tx, shop.code, by=BY, reason="test", now=NOW))
    wrong = f"{(int(pin) + 1) % 10**6:06}"
    tried = at_once([partial(store.run, lambda tx: pins.check(tx, shop.id, wrong, NOW))] * 6)
    assert sorted(tried) == ["locked"] * 4 + ["wrong"] * 2
    assert store.run(lambda tx: pins.check(tx, shop.id, pin, NOW)) == "locked"
    assert store.run(lambda tx: pins.check(tx, shop.id, pin, NOW + pins.LOCKED_FOR)) == "right"
    with store.begin() as tx:
        assert pin not in sql.value(tx, "SELECT pin FROM agents WHERE pin IS NOT NULL")


@pytest.mark.parametrize(
    ("code", "name", "level", "parent", "why"),
    [
        ("Shop", "店", "shop", "cs-xian", "code"),
        ("shop", "", "shop", "cs-xian", "name"),
        ("shop", "店" * 17, "shop", "cs-xian", "name"),
        ("shop", "店", "village", "cs-xian", "level"),
        ("shop", "店", "shop", "cs", "parent"),
        ("shop", "店", "shop", None, "parent"),
        ("shop", "店", "province", "hn", "parent"),
        ("shop", "店", "shop", "nowhere", "parent"),
        ("xingsha", "店", "shop", "cs-xian", "taken"),
    ],
)
def test_who_does_not_fit_into_the_tree_is_refused(
    store: Store, shop: Agent, code: str, name: str, level: str, parent: str | None, why: str
) -> None:
    with pytest.raises(NotRegistered) as refused, store.begin() as tx:
        register.add(
            tx, code=code, name=name, level=level, parent=parent, number="+8613800000499",
            limits=Limits(), by=BY, now=NOW,
        )  # fmt: skip
    assert refused.value.why == why


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE agents SET parent = 'cs', parent_level = 'city' WHERE code = 'xingsha'",
        "UPDATE agents SET parent = 'xingsha', parent_level = 'county' WHERE code = 'cs-xian'",
        "UPDATE agents SET level = 'village' WHERE code = 'xingsha'",
        "UPDATE agents SET points_a_day = -1",
        "UPDATE agent_days SET deals = deals_most + 1",
        "UPDATE agent_orders SET agent_id = subscriber_id",
        "UPDATE agent_orders SET ask_no = 4",
        "UPDATE agent_orders SET state = 'done', due_at = NULL",
    ],
)
def test_the_database_refuses_it_too(
    store: Store, shop: Agent, noodles: Offer, change: str
) -> None:
    assert _want(store, shop, CUSTOMERS[0], noodles) == "wanted"
    with pytest.raises((psycopg.IntegrityError, sqlalchemy.exc.IntegrityError)):
        store.run(lambda tx: sql.run(tx, change))


def test_whoever_asks_to_be_deleted_is_no_agent_any_more(store: Store, shop: Agent) -> None:
    from models.privacy.declared_agents import AGENTS

    with store.begin() as tx:
        register.new_pin(tx, shop.code, by=BY, reason="test", now=NOW)
        for kept in AGENTS:
            if kept.deletion.statement:
                sql.run(tx, kept.deletion.statement, {"ids": [shop.id], "numbers": []})
        assert register.of(tx, shop.id) is None
        assert sql.one(tx, "SELECT name, pin FROM agents WHERE code = 'xingsha'") == ("-", None)


def test_the_tree_is_listed_and_climbed(store: Store, shop: Agent) -> None:
    with store.begin() as tx:
        assert [one.code for one in register.above(tx, "xingsha")] == ["cs-xian", "cs", "hn"]
        assert [one.code for one in register.listed(tx, limit=10)] == sorted(
            ["xingsha", *(row[0] for row in ABOVE)]
        )
        assert [one.code for one in register.listed(tx, parent="cs", limit=10)] == ["cs-xian"]
        number = subscribers.get(tx, shop.id).msisdn
        assert shop.number == number
