"""What agents earn by a redemption: the shop its commission, whoever stands above it a share.

    account "agents" (the budget) ──▶ "agent:CODE", and back when the voucher is returned

owed ──the clock──▶ paid ──returned──▶ returning ──the clock──▶ returned

Owed in the customer's transaction, moved by the clock: no customer waits for a budget, and one
that is empty is paid from as soon as it has something again.
"""

from __future__ import annotations

from datetime import datetime

from models import points, sql
from models.agents import register
from models.agents.register import Agent
from models.agents.tables import ACTIVE, OWED, PAID, RETURNED
from models.base import HOUSE, Tx
from models.points import NEVER, POINTS, Cause, NotEnough, day_of

BUDGET = "agents"
# Of the points paid, in thousandths: for the one who sold, and each who stands above, from the
# nearest up. Fractions of a point are not paid.
OWN_PERMILLE = 20
SHARES_PERMILLE = (5, 3, 2)


def owe(tx: Tx, agent: Agent, *, price: int, serial: int, now: datetime) -> None:
    """Owe what a redemption earns, once for each serial number."""
    shares = [(agent, OWN_PERMILLE, 1)]
    for one, permille in zip(register.above(tx, agent.code), SHARES_PERMILLE, strict=False):
        if one.state == ACTIVE:
            shares.append((one, permille, 0))
    for one, permille, own in shares:
        if earned := price * permille // 1000:
            sql.change(
                tx,
                "INSERT INTO agent_commissions (subscriber_id, serial, points, own, day,"
                " changed_at) VALUES (%(id)s, %(serial)s, %(points)s, %(own)s, %(day)s, %(now)s)"
                " ON CONFLICT DO NOTHING",
                {
                    "id": one.id, "serial": serial, "points": earned, "own": own,
                    "day": day_of(now), "now": now,
                },
            )  # fmt: skip


def take_back(tx: Tx, serial: int, now: datetime) -> None:
    """The voucher of this redemption is returned: so is what it earned. Twice changes nothing."""
    sql.change(
        tx,
        "UPDATE agent_commissions SET changed_at = %(now)s,"
        " state = CASE state WHEN 'owed' THEN 'returned' ELSE 'returning' END"
        " WHERE serial = %(serial)s AND state IN ('owed', 'paid')",
        {"serial": serial, "now": now},
    )


def due(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(agent, serial) of what is to be moved, the oldest first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, serial FROM agent_commissions WHERE state IN ('owed', 'returning')"
        " AND changed_at <= %(now)s ORDER BY changed_at, subscriber_id LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def settle(tx: Tx, agent_id: int, serial: int, now: datetime) -> bool:
    """Move what is owed or to be returned, once; False where the budget has not enough."""
    row = sql.first(
        tx,
        "SELECT c.state, c.points, a.code FROM agent_commissions c"
        " JOIN agents a USING (subscriber_id) WHERE c.subscriber_id = %(id)s"
        " AND c.serial = %(serial)s AND c.state IN ('owed', 'returning')"
        " FOR NO KEY UPDATE OF c",
        {"id": agent_id, "serial": serial},
    )
    if row is None:
        return True
    state, earned, code = row
    here, there, what = BUDGET, register.account(code), "agent-commission"
    if state != OWED:
        here, there, what = there, here, "agent-commission-back"
    cause = Cause(f"{what}:{agent_id}:{serial}", "commission", "clock", f"transfer {serial}")
    try:
        points.move(
            tx, payer=HOUSE, payer_kinds=[here], payee=HOUSE, payee_kind=there,
            payee_expires_on=NEVER, points=earned, unit=POINTS, cause=cause, now=now,
        )  # fmt: skip
    except NotEnough:
        return False
    sql.change(
        tx,
        "UPDATE agent_commissions SET state = %(state)s, changed_at = %(now)s"
        " WHERE subscriber_id = %(id)s AND serial = %(serial)s",
        {
            "id": agent_id, "serial": serial, "now": now,
            "state": PAID if state == OWED else RETURNED,
        },
    )  # fmt: skip
    return True


def fund(tx: Tx, amount: int, *, key: str, operator: str, now: datetime) -> None:
    """Put newly made points into the budget. The same key does it once."""
    points.open_house_account(tx, BUDGET)
    cause = Cause(f"agents-budget:{key}", "budget", "console", BUDGET, operator=operator)
    points.fund(tx, BUDGET, points=amount, cause=cause, now=now)
