"""Orders of agents: wanted by the agent, asked of the customer, who alone moves their points.

wanted ──the clock──▶ asked ──the customer's 是──▶ done, or failed
                        └──否──▶ declined, no answer ──▶ lapsed

What we know of the customer is told to nobody before their 是: who is not asked, because the
number is blocked or wants no messages, looks to the agent like somebody who does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models import sql, subscribers
from models.agents.register import Agent
from models.agents.tables import (
    ASKED,
    ASKS_A_DAY,
    DECLINED,
    DONE,
    FAILED,
    LAPSED,
    LOOK,
    REDEEM,
    WANTED,
)
from models.base import Tx
from models.offers.terms import Offer
from models.points import day_of
from models.subscribers import Subscriber

# A customer stands at the counter: whoever has not answered by then has left.
ANSWER_WITHIN = timedelta(minutes=15)

ONESELF, BUSY, OFTEN, DEALS, POINTS = "oneself", "busy", "often", "deals", "points"


class NotOrdered(Exception):
    """The customer is not asked: ONESELF, BUSY, OFTEN, or the agent's DEALS or POINTS are used."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Order:
    """What an agent wants to do for a customer."""

    customer_id: int
    id: int
    agent_id: int
    day: date
    kind: str
    offer_code: str | None
    agreed: str | None
    points: int
    state: str
    began_at: datetime
    due_at: datetime | None


_FIELDS = (
    "subscriber_id, id, agent_id, day, kind, offer_code, agreed, points, state, began_at, due_at"
)


def want(
    tx: Tx, agent: Agent, number: str, *, offer: Offer | None, now: datetime
) -> None:  # fmt: skip
    """Have a customer asked; the caller holds the agent's person. Without offer: to look.

    Raises NotOrdered, which leaves nothing behind.
    """
    if number == agent.number:
        raise NotOrdered(ONESELF)
    customer = subscribers.by_now(tx, subscribers.numbered(tx, {number}, now)[number])
    if agent.id == customer.id:
        raise NotOrdered(ONESELF)
    today = day_of(now)
    price = offer.price_points if offer else 0
    with tx.begin_nested():
        if offer is not None:
            _take(tx, agent, price, today)
        asked = sql.value(
            tx,
            "SELECT count(*) FROM agent_orders WHERE subscriber_id = %(customer)s"
            " AND agent_id = %(agent)s AND day = %(today)s",
            {"customer": customer.id, "agent": agent.id, "today": today},
        )
        if asked >= ASKS_A_DAY:
            raise NotOrdered(OFTEN)
        added = sql.first(
            tx,
            "INSERT INTO agent_orders (subscriber_id, agent_id, day, ask_no, kind, offer_code,"
            " agreed, points, began_at, due_at, changed_at) VALUES (%(customer)s, %(agent)s,"
            " %(today)s, %(ask_no)s, %(kind)s, %(offer)s, %(agreed)s, %(points)s, %(now)s,"
            " %(now)s, %(now)s) ON CONFLICT DO NOTHING RETURNING 1",
            {
                "customer": customer.id, "agent": agent.id, "today": today, "ask_no": asked + 1,
                "kind": REDEEM if offer else LOOK, "offer": offer.code if offer else None,
                "agreed": offer.agreed if offer else None, "points": price, "now": now,
            },
        )  # fmt: skip
        if added is None:
            raise NotOrdered(BUSY)


def _take(tx: Tx, agent: Agent, price: int, today: date) -> None:
    """Count one deal more; two at once cannot both be the last."""
    deals, most = agent.limits.day
    values = {
        "id": agent.id, "today": today, "price": price, "deals": deals, "most": most
    }  # fmt: skip
    if deals < 1 or price > most:
        raise NotOrdered(DEALS if deals < 1 else POINTS)
    taken = sql.first(
        tx,
        "INSERT INTO agent_days AS d (subscriber_id, day, deals, deals_most, points, points_most)"
        " VALUES (%(id)s, %(today)s, 1, %(deals)s, %(price)s, %(most)s)"
        " ON CONFLICT (subscriber_id, day) DO UPDATE SET deals = d.deals + 1,"
        " points = d.points + %(price)s, deals_most = %(deals)s, points_most = %(most)s"
        " WHERE d.deals < %(deals)s AND d.points + %(price)s <= %(most)s RETURNING 1",
        values,
    )
    if taken is None:
        used = sql.value(
            tx, "SELECT deals FROM agent_days WHERE subscriber_id = %(id)s AND day = %(today)s",
            values,
        )  # fmt: skip
        raise NotOrdered(DEALS if used >= deals else POINTS)


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(customer, order) of those to be asked, or given up, the oldest first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, id FROM agent_orders WHERE due_at <= %(now)s ORDER BY due_at"
        " LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def hold(tx: Tx, one: tuple[int, int]) -> Order | None:
    """An order that is still open, held; None if it is over."""
    row = sql.first(
        tx,
        f"SELECT {_FIELDS} FROM agent_orders WHERE subscriber_id = %(owner)s AND id = %(id)s"
        " AND state IN ('wanted', 'asked') FOR NO KEY UPDATE",
        {"owner": one[0], "id": one[1]},
    )
    return Order(*row) if row else None


def asked(tx: Tx, order: Order, now: datetime) -> None:
    """Note that the customer is being asked, or that nobody is to know why they are not."""
    _change(tx, order, now, state=ASKED, due_at=now + ANSWER_WITHIN)


def postpone(tx: Tx, order: Order, until: datetime, now: datetime) -> None:
    """Ask a little later: something else is being asked just now."""
    _change(tx, order, now, state=WANTED, due_at=until)


def end(tx: Tx, order: Order, state: str, now: datetime, *, why: str | None = None) -> None:
    """It came to nothing: DECLINED, LAPSED or FAILED; it does not count for the agent's day."""
    if state not in (DECLINED, LAPSED, FAILED):
        raise ValueError(state)
    _change(tx, order, now, state=state, due_at=None, why=why)
    if order.kind == REDEEM:
        sql.change(
            tx,
            "UPDATE agent_days SET deals = greatest(deals - 1, 0),"
            " points = greatest(points - %(points)s, 0)"
            " WHERE subscriber_id = %(agent)s AND day = %(day)s",
            {"agent": order.agent_id, "day": order.day, "points": order.points},
        )


def done(tx: Tx, order: Order, now: datetime, *, serial: int | None = None) -> None:
    """The customer has agreed, and it is done: by this transfer, or it was to look."""
    _change(tx, order, now, state=DONE, due_at=None, serial=serial)


def agent_of(tx: Tx, order: Order) -> Subscriber:
    """The agent's person."""
    return subscribers.by_now(tx, order.agent_id)


def _change(tx: Tx, order: Order, now: datetime, **values: object) -> None:
    changed = ", ".join(f"{name} = %({name})s" for name in values)
    sql.change(
        tx,
        f"UPDATE agent_orders SET {changed}, changed_at = %(now)s"
        " WHERE subscriber_id = %(owner)s AND id = %(id)s",
        {"owner": order.customer_id, "id": order.id, "now": now, **values},
    )
