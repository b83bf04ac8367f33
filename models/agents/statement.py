"""An agent's statement: what was done today and this month, what it has earned, month by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from models import sql
from models.agents.register import Agent
from models.base import Tx
from models.points import day_of


@dataclass(frozen=True, slots=True)
class Statement:
    """Deals done and their points; commission in points, what is returned left out.

    `deals_left`, `points_left`: of today's limits, what customers are asked just now counted.
    """

    deals_today: int
    points_today: int
    deals_left: int
    points_left: int
    deals_month: int
    points_month: int
    commission: int
    of_below: int


@dataclass(frozen=True, slots=True)
class Month:
    """A month of an agent's account: what was carried in, and out, with what happened between."""

    first: date
    carried_in: int
    earned: int
    returned: int
    paid: int

    @property
    def carried_out(self) -> int:
        return self.carried_in + self.earned - self.returned - self.paid


@dataclass(frozen=True, slots=True)
class Entry:
    """A movement of an agent's account; `balance` is what there was after it."""

    serial: int
    kind: str
    points: int  # below nothing where it left the account
    of_serial: int | None
    balance: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Done:
    """An order, as the console shows it: the customer by a masked number."""

    id: int
    began_at: datetime
    customer_id: int
    number: str | None
    kind: str
    offer_code: str | None
    points: int
    state: str
    why: str | None
    serial: int | None


@dataclass(frozen=True, slots=True)
class PaidOut:
    """What an agent was paid for a month."""

    month: date
    points: int
    fen: int
    run: int


def months(tx: Tx, agent: Agent) -> list[Month]:
    """The months in which something moved, the newest first."""
    rows = sql.rows(
        tx,
        "SELECT date_trunc('month', day)::date, sum(points) FILTER (WHERE kind IN"
        " ('sold', 'shared')), sum(points) FILTER (WHERE kind = 'returned'),"
        " sum(points) FILTER (WHERE kind = 'paid') FROM agent_entries"
        " WHERE subscriber_id = %(id)s GROUP BY 1 ORDER BY 1",
        {"id": agent.id},
    )
    found: list[Month] = []
    for first, earned, returned, paid in rows:
        before = found[-1].carried_out if found else 0
        found.append(Month(first, before, int(earned or 0), int(returned or 0), int(paid or 0)))
    return found[::-1]


def entries(tx: Tx, agent_id: int, *, before: int | None, limit: int) -> list[Entry]:
    """Movements of an account, the newest first; the next page is `before` the last serial."""
    rows = sql.rows(
        tx,
        "SELECT serial, kind, moved, of_serial, balance, at FROM (SELECT serial, kind, of_serial,"
        " at, moved, (sum(moved) OVER (ORDER BY serial))::bigint AS balance FROM"
        " (SELECT *, CASE WHEN kind IN ('sold', 'shared') THEN points ELSE -points END AS moved"
        " FROM agent_entries WHERE subscriber_id = %(id)s) e) s WHERE serial < %(before)s"
        " ORDER BY serial DESC LIMIT %(limit)s",
        {"id": agent_id, "before": before or 2**63 - 1, "limit": limit},
    )
    return [Entry(*row) for row in rows]


def orders(tx: Tx, agent_id: int, *, before: int | None, limit: int) -> list[Done]:
    """What an agent wanted to do for customers, the newest first."""
    rows = sql.rows(
        tx,
        "SELECT o.id, began_at, o.subscriber_id, n.address, kind, offer_code, points, state, why,"
        " serial FROM agent_orders o LEFT JOIN subscriber_addresses n"
        " ON n.subscriber_id = o.subscriber_id AND n.channel = 'sms'"
        " WHERE agent_id = %(id)s AND o.id < %(before)s ORDER BY o.id DESC LIMIT %(limit)s",
        {"id": agent_id, "before": before or 2**63 - 1, "limit": limit},
    )
    return [Done(*row) for row in rows]


def last_paid(tx: Tx, agent: Agent) -> PaidOut | None:
    """What an agent was paid last, or None."""
    row = sql.first(
        tx,
        "SELECT month, points, fen, run_id FROM agent_payouts WHERE subscriber_id = %(id)s"
        " ORDER BY month DESC LIMIT 1",
        {"id": agent.id},
    )
    return PaidOut(*row) if row else None


def of(tx: Tx, agent: Agent, now: datetime) -> Statement:
    """The statement at this moment."""
    today = day_of(now)
    values = {"id": agent.id, "today": today, "first": today.replace(day=1)}
    done = sql.one(
        tx,
        "SELECT count(*) FILTER (WHERE day = %(today)s),"
        " coalesce(sum(points) FILTER (WHERE day = %(today)s), 0)::bigint,"
        " count(*), coalesce(sum(points), 0)::bigint FROM agent_orders"
        " WHERE agent_id = %(id)s AND day >= %(first)s AND state = 'done' AND kind = 'redeem'",
        values,
    )
    used = sql.first(
        tx,
        "SELECT deals, points FROM agent_days WHERE subscriber_id = %(id)s AND day = %(today)s",
        values,
    )
    earned = sql.one(
        tx,
        "SELECT coalesce(sum(points), 0)::bigint,"
        " coalesce(sum(points) FILTER (WHERE own = 0), 0)::bigint FROM agent_commissions"
        " WHERE subscriber_id = %(id)s AND day >= %(first)s AND state IN ('owed', 'paid')",
        values,
    )
    deals, most = (used[0], used[1]) if used else (0, 0)
    may, may_points = agent.limits.day
    return Statement(
        done[0], done[1], max(may - deals, 0), max(may_points - most, 0), done[2], done[3],
        earned[0], earned[1],
    )  # fmt: skip
