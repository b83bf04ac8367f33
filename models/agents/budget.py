"""The budget that commission is paid of: who put how much into it, alone or two together.

newly made points ──fund──▶ account "agents"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import audit, points, sql
from models.agents import rules
from models.agents.commission import BUDGET
from models.audit import By
from models.base import Tx
from models.points import Cause, day_of

KIND = "agent_budget"  # of proposal
SUBJECT = "agents:budget"
MOST = 100_000_000  # points at once, whoever agrees


class TooMuchAlone(Exception):
    """So much needs a second person; `left` could be put in alone today."""

    def __init__(self, left: int) -> None:
        super().__init__(f"{left} points a day alone; more needs a second person")
        self.left = left


@dataclass(frozen=True, slots=True)
class Funding:
    """So many points, by whom; `proposal` names the second person, None: alone."""

    serial: int
    points: int
    by: str
    proposal: int | None
    reason: str
    at: datetime


def fund(
    tx: Tx, amount: int, *, key: str, by: By, reason: str, now: datetime,
    proposal: int | None = None,
) -> bool:  # fmt: skip
    """Put newly made points into the budget; the same key does it once, then it says False.

    Raises TooMuchAlone where no second person has agreed.
    """
    if not 0 < amount <= MOST:
        raise ValueError(amount)
    # One at a time: what somebody has put in today is counted, then added to.
    sql.run(tx, "LOCK TABLE agent_fundings IN SHARE ROW EXCLUSIVE MODE")
    named = f"agents-budget:{key}"
    if points.find(tx, named) is not None:
        return False
    if proposal is None and amount > (left := left_alone(tx, by.login, now)):
        raise TooMuchAlone(left)
    points.open_house_account(tx, BUDGET)
    cause = Cause(named, "budget", "console", BUDGET, operator=by.login)
    made = points.fund(tx, BUDGET, points=amount, cause=cause, now=now)
    sql.change(
        tx,
        "INSERT INTO agent_fundings (serial, points, day, funded_by, proposal_id, reason, at)"
        " VALUES (%(serial)s, %(points)s, %(day)s, %(by)s, %(proposal)s, %(reason)s, %(now)s)",
        {
            "serial": made.serial, "points": amount, "day": day_of(now), "by": by.login,
            "proposal": proposal, "reason": reason, "now": now,
        },
    )  # fmt: skip
    audit.write(
        tx, by, action="agent.fund", subject=SUBJECT, reason=reason, now=now,
        after={"points": amount, "serial": made.serial, "proposal": proposal},
    )  # fmt: skip
    return True


def left_alone(tx: Tx, login: str, now: datetime) -> int:
    """How many points somebody may put in today without a second person."""
    used = sql.value(
        tx,
        "SELECT coalesce(sum(points), 0) FROM agent_fundings"
        " WHERE day = %(today)s AND funded_by = %(login)s AND proposal_id IS NULL",
        {"today": day_of(now), "login": login},
    )
    return max(rules.live(tx).fund_alone_most - int(used), 0)


def listed(tx: Tx, limit: int) -> list[Funding]:
    """What was put in, the newest first."""
    rows = sql.rows(
        tx,
        "SELECT serial, points, funded_by, proposal_id, reason, at FROM agent_fundings"
        " ORDER BY serial DESC LIMIT %(limit)s",
        {"limit": limit},
    )
    return [Funding(*row) for row in rows]


def standing(tx: Tx) -> Mapping[str, Any]:
    """What the budget has, and what waits for it."""
    owed = sql.value(
        tx,
        "SELECT coalesce(sum(points), 0)::bigint FROM agent_commissions"
        " WHERE due_at IS NOT NULL AND state = 'owed'",
    )
    return {"balance": points.house_balance(tx, BUDGET), "owed": int(owed)}
