"""An agent's statement: what was done today and this month, and what it has earned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

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
