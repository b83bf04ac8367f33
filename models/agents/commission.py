"""What agents earn by a redemption: whoever sold it, and whoever stands above, by their level.

    account "agents" (the budget) ──▶ "agent:CODE" ──payouts.py──▶ "agents-paid"
                                  ◀── and back when the order is

owed ──the clock──▶ paid ──returned──▶ returning ──the clock──▶ returned

Owed in the customer's transaction, moved by the clock: no customer waits for a budget, and one
that is empty is paid from as soon as it has something again. What was paid out already and then
must come back stays "returning", a claim on what the agent earns next: no account goes below
nothing, and nothing is paid out while there is a claim (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import points, sql
from models.agents import register, rules
from models.agents.register import Agent
from models.agents.tables import ACTIVE, BACK, OWED, PAID, RETURNED, SHARED, SOLD
from models.base import HOUSE, Tx
from models.points import NEVER, POINTS, Cause, NotEnough, day_of

BUDGET = "agents"
# A claim is looked at again so often, and at once when the agent has earned something.
CLAIM_AGAIN = timedelta(hours=1)

MOVED, NO_BUDGET, CLAIM = "moved", "no_budget", "claim"


def owe(tx: Tx, agent: Agent, *, price: int, serial: int, now: datetime) -> None:
    """Owe what a redemption earns, once for each serial number, by the rates of this moment."""
    live = rules.live(tx)
    shares = [(agent, live.rates[agent.level].sells, 1)]
    shares += [
        (one, live.rates[one.level].above, 0)
        for one in register.above(tx, agent.code)
        if one.state == ACTIVE
    ]
    for one, permille, own in shares:
        if earned := price * permille // 1000:  # fractions of a point are not paid
            sql.change(
                tx,
                "INSERT INTO agent_commissions (subscriber_id, serial, points, own, version, day,"
                " changed_at, due_at) VALUES (%(id)s, %(serial)s, %(points)s, %(own)s,"
                " %(version)s, %(day)s, %(now)s, %(now)s) ON CONFLICT DO NOTHING",
                {
                    "id": one.id, "serial": serial, "points": earned, "own": own,
                    "version": live.version, "day": day_of(now), "now": now,
                },
            )  # fmt: skip


def take_back(tx: Tx, serial: int, now: datetime) -> None:
    """This redemption is given back: so is what it earned. Twice changes nothing."""
    sql.change(
        tx,
        "UPDATE agent_commissions SET changed_at = %(now)s,"
        " state = CASE state WHEN 'owed' THEN 'returned' ELSE 'returning' END,"
        " due_at = CASE state WHEN 'owed' THEN NULL ELSE %(now)s END"
        " WHERE serial = %(serial)s AND state IN ('owed', 'paid')",
        {"serial": serial, "now": now},
    )


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(agent, serial) of what is to be moved: first what comes back, then the oldest."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, serial FROM agent_commissions WHERE due_at <= %(now)s"
        " ORDER BY state = 'owed', due_at, subscriber_id LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def settle(tx: Tx, agent_id: int, serial: int, now: datetime) -> str:
    """Move what is owed or to be returned, once: MOVED, also if somebody else has.

    NO_BUDGET where there is not enough to pay it of; CLAIM where the agent has not enough to give
    it back, which is looked at again later.
    """
    row = sql.first(
        tx,
        "SELECT c.state, c.points, c.own, a.code FROM agent_commissions c"
        " JOIN agents a USING (subscriber_id) WHERE c.subscriber_id = %(id)s"
        " AND c.serial = %(serial)s AND c.state IN ('owed', 'returning')"
        " FOR NO KEY UPDATE OF c",
        {"id": agent_id, "serial": serial},
    )
    if row is None:
        return MOVED
    state, earned, own, code = row
    here, there, what = BUDGET, register.account(code), "agent-commission"
    if state != OWED:
        here, there, what = there, here, "agent-commission-back"
    cause = Cause(f"{what}:{agent_id}:{serial}", "commission", "clock", f"transfer {serial}")
    try:
        moved = points.move(
            tx, payer=HOUSE, payer_kinds=[here], payee=HOUSE, payee_kind=there,
            payee_expires_on=NEVER, points=earned, unit=POINTS, cause=cause, now=now,
        )  # fmt: skip
    except NotEnough:
        if state == OWED:
            return NO_BUDGET
        _look_again(tx, agent_id, now + CLAIM_AGAIN)
        return CLAIM
    values = {
        "id": agent_id, "serial": serial, "now": now, "state": PAID if state == OWED else RETURNED
    }  # fmt: skip
    sql.change(
        tx,
        "UPDATE agent_commissions SET state = %(state)s, changed_at = %(now)s, due_at = NULL"
        " WHERE subscriber_id = %(id)s AND serial = %(serial)s",
        values,
    )
    kind = BACK if state != OWED else SOLD if own else SHARED
    enter(tx, agent_id, moved.serial, kind, earned, of_serial=serial, now=now)
    if state == OWED:
        _look_again(tx, agent_id, now)
    return MOVED


def enter(
    tx: Tx, agent_id: int, serial: int, kind: str, amount: int, *, of_serial: int | None = None,
    now: datetime,
) -> None:  # fmt: skip
    """Write down a movement of an agent's account."""
    sql.change(
        tx,
        "INSERT INTO agent_entries (subscriber_id, serial, kind, points, of_serial, day, at)"
        " VALUES (%(id)s, %(serial)s, %(kind)s, %(points)s, %(of)s, %(day)s, %(now)s)",
        {
            "id": agent_id, "serial": serial, "kind": kind, "points": amount, "of": of_serial,
            "day": day_of(now), "now": now,
        },
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """An agent's commission: what the account has, what waits for the budget, what is claimed."""

    balance: int
    owed: int
    claims: int

    @property
    def carried(self) -> int:
        """What there would be if everything was moved; below nothing: earned first, paid later."""
        return self.balance + self.owed - self.claims


def account_of(tx: Tx, agent: Agent) -> Account:
    """An agent's account at this moment."""
    owed, claims = sql.one(
        tx,
        "SELECT coalesce(sum(points) FILTER (WHERE state = 'owed'), 0)::bigint,"
        " coalesce(sum(points) FILTER (WHERE state = 'returning'), 0)::bigint"
        " FROM agent_commissions WHERE subscriber_id = %(id)s AND due_at IS NOT NULL",
        {"id": agent.id},
    )
    return Account(points.house_balance(tx, register.account(agent.code)), owed, claims)


def unlike(tx: Tx) -> Iterable[str]:
    """Agents whose account in the ledger is not the sum of its movements; none, if all is well."""
    rows = sql.rows(
        tx,
        "SELECT a.code FROM agents a LEFT JOIN (SELECT subscriber_id, sum(CASE WHEN kind IN"
        " ('sold', 'shared') THEN points ELSE -points END) AS has FROM agent_entries GROUP BY 1) e"
        " USING (subscriber_id) LEFT JOIN (SELECT kind, sum(balance) AS has FROM points_accounts"
        " WHERE subscriber_id = %(house)s AND unit = %(unit)s GROUP BY 1) p"
        " ON p.kind = 'agent:' || a.code WHERE coalesce(e.has, 0) <> coalesce(p.has, 0)"
        " ORDER BY a.code",
        {"house": HOUSE, "unit": POINTS},
    )
    return [code for (code,) in rows]


def _look_again(tx: Tx, agent_id: int, at: datetime) -> None:
    """At the claims on an agent."""
    sql.change(
        tx,
        "UPDATE agent_commissions SET due_at = %(at)s"
        " WHERE subscriber_id = %(id)s AND state = 'returning'",
        {"id": agent_id, "at": at},
    )
