"""Orders of agents: wanted by the agent, asked of the customer, who alone moves their points.

wanted ──the clock──▶ asked ──the customer's 是──▶ done, or failed
                        └──否──▶ declined, no answer ──▶ lapsed

What we know of the customer is told to nobody before their 是: who is not asked, because the
number is blocked or wants no messages, looks to the agent like somebody who does not answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models import bind_codes, sql, subscribers
from models.agents import register, rules
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

# A WeChat bound to the customer's number by the agent: in either's hands the customer is not alone.
ONESELF, RELATED, BOUND = "oneself", "related", "bound"
BUSY, OFTEN, DEALS, POINTS = "busy", "often", "deals", "points"
ASKS, DECLINES = "asks", "declines"


class NotOrdered(Exception):
    """The customer is not asked: ONESELF, RELATED (an agent, too), BOUND, BUSY, OFTEN, or the
    agent's DEALS, POINTS or ASKS of the day are used, or DECLINES are too many.
    """

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
    _not_their_own(tx, agent, customer, number, now)
    today = day_of(now)
    price = offer.price_points if offer else 0
    with tx.begin_nested():
        register.worked(tx, agent, now)  # the agent before its day, as everywhere
        _take(tx, agent, int(offer is not None), price, today)
        asked, by_all = sql.one(
            tx,
            "SELECT count(*) FILTER (WHERE agent_id = %(agent)s), count(*) FROM agent_orders"
            " WHERE subscriber_id = %(customer)s AND day = %(today)s",
            {"customer": customer.id, "agent": agent.id, "today": today},
        )
        if asked >= ASKS_A_DAY or by_all >= rules.live(tx).asked_a_day:
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


def _not_their_own(tx: Tx, agent: Agent, customer: Subscriber, number: str, now: datetime) -> None:
    """Who is an agent, too, redeems by themselves; nor is it an agent who answers in WeChat."""
    if register.of(tx, customer.id) is not None:
        raise NotOrdered(RELATED)
    since = now - timedelta(days=rules.live(tx).bound_days)
    if bind_codes.asked_by(tx, subscribers.get(tx, agent.id), number, since):
        raise NotOrdered(BOUND)


def _take(tx: Tx, agent: Agent, deal: int, price: int, today: date) -> None:
    """Count one question more, and one deal if it is one; two at once cannot both be the last."""
    deals, most = agent.limits.day
    live = rules.live(tx)
    if deal and (deals < 1 or price > most):
        raise NotOrdered(DEALS if deals < 1 else POINTS)
    values = {
        "id": agent.id, "today": today, "deal": deal, "price": price, "deals": deals,
        "most": most, "asks": live.asks_a_day, "declined": live.declined_a_day,
    }  # fmt: skip
    taken = sql.first(
        tx,
        "INSERT INTO agent_days AS d (subscriber_id, day, deals, deals_most, points, points_most,"
        " asks, asks_most) VALUES (%(id)s, %(today)s, %(deal)s, %(deals)s, %(price)s, %(most)s,"
        " 1, %(asks)s) ON CONFLICT (subscriber_id, day) DO UPDATE SET"
        " deals = d.deals + %(deal)s, points = d.points + %(price)s, asks = d.asks + 1,"
        " deals_most = greatest(%(deals)s, d.deals), points_most = greatest(%(most)s, d.points),"
        " asks_most = %(asks)s WHERE d.asks < %(asks)s AND d.declined < %(declined)s"
        " AND (%(deal)s = 0 OR d.deals < %(deals)s AND d.points + %(price)s <= %(most)s)"
        " RETURNING 1",
        values,
    )
    if taken is None:
        used, asks, declined = sql.one(
            tx,
            "SELECT deals, asks, declined FROM agent_days"
            " WHERE subscriber_id = %(id)s AND day = %(today)s",
            values,
        )
        if declined >= live.declined_a_day:
            raise NotOrdered(DECLINES)
        if asks >= live.asks_a_day:
            raise NotOrdered(ASKS)
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
    deal = int(order.kind == REDEEM)
    sql.change(
        tx,
        "UPDATE agent_days SET deals = greatest(deals - %(deal)s, 0),"
        " points = greatest(points - %(points)s, 0), declined = declined + %(declined)s"
        " WHERE subscriber_id = %(agent)s AND day = %(day)s",
        {
            "agent": order.agent_id, "day": order.day, "points": order.points, "deal": deal,
            "declined": int(state == DECLINED),
        },
    )  # fmt: skip


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
