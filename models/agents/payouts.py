"""Payouts: what agents have earned until the end of a month, proposed by one, approved by another.

    ready() ─▶ proposed, approved by another ─▶ make() ─▶ paid outside ─▶ mark_paid()
    points: "agent:CODE" ─▶ "agents-paid"; fen: by the rate of the rules

Of a month an agent is paid once: that is the key of the row. Who is suspended is not paid until
they work again, or are closed; who has less than the least, or a claim on them, carries it over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from models import audit, points, sql
from models.agents import commission, register, rules
from models.agents.tables import NOTE_MAX, OUT
from models.audit import By
from models.base import HOUSE, Tx
from models.points import NEVER, POINTS, Cause, day_of

KIND = "agent_payout"  # of proposal
PAID = "agents-paid"  # the account of the house in which what was paid out rests
AT_ONCE = 2_000  # agents in a run; the others are in the next one


@dataclass(frozen=True, slots=True)
class Part:
    """What an agent would get, or got."""

    agent_id: int
    code: str
    name: str
    number: str | None
    points: int
    fen: int


@dataclass(frozen=True, slots=True)
class Ready:
    """What could be paid of a month; `month` is its first day."""

    month: date
    parts: tuple[Part, ...]

    @property
    def points(self) -> int:
        return sum(part.points for part in self.parts)

    @property
    def fen(self) -> int:
        return sum(part.fen for part in self.parts)

    def digest(self) -> str:
        """Says whether it is still the same: who gets how much."""
        found = hashlib.sha256(f"{self.month}\n".encode())
        for part in self.parts:
            found.update(f"{part.agent_id} {part.code} {part.points} {part.fen}\n".encode())
        return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Run:
    """What was paid out together."""

    id: int
    month: date
    agents: int
    points: int
    fen: int
    proposal_id: int
    proposed_by: str
    approved_by: str
    made_at: datetime
    paid_by: str | None
    paid_at: datetime | None
    paid_note: str | None


class ChangedSince(Exception):
    """What could be paid now is not what was proposed."""


_RUN = ", ".join(Run.__dataclass_fields__)

# What an account has now, less what is claimed; and no more than it had when the month ended.
_READY = """
    SELECT a.subscriber_id, a.code, a.name, n.address,
           least(p.has - coalesce(c.claims, 0), p.has - coalesce(e.since, 0))::bigint AS payable
    FROM agents a
    JOIN subscribers s ON s.id = a.subscriber_id AND s.status <> 'deleted'
    JOIN (SELECT kind, sum(balance) AS has FROM points_accounts
          WHERE subscriber_id = %(house)s AND unit = %(unit)s AND kind LIKE 'agent:%%'
          GROUP BY kind) p ON p.kind = 'agent:' || a.code
    LEFT JOIN (SELECT subscriber_id, sum(points) AS claims FROM agent_commissions
          WHERE due_at IS NOT NULL AND state = 'returning' GROUP BY 1) c USING (subscriber_id)
    LEFT JOIN (SELECT subscriber_id, sum(CASE WHEN kind IN ('sold', 'shared') THEN points
                      ELSE -points END) AS since FROM agent_entries
          WHERE day >= %(next)s GROUP BY 1) e USING (subscriber_id)
    LEFT JOIN subscriber_addresses n ON n.subscriber_id = a.subscriber_id AND n.channel = 'sms'
    WHERE a.state <> 'suspended'
      AND least(p.has - coalesce(c.claims, 0), p.has - coalesce(e.since, 0)) >= %(least)s
      AND NOT EXISTS (SELECT FROM agent_payouts o
          WHERE o.subscriber_id = a.subscriber_id AND o.month = %(month)s)
    ORDER BY a.code LIMIT %(limit)s
"""


def last_month(now: datetime) -> date:
    """The first day of the last month that is over."""
    return (day_of(now).replace(day=1) - timedelta(days=1)).replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def ready(tx: Tx, month: date, *, limit: int = AT_ONCE) -> Ready:
    """What could be paid now of a month that is over, and of those before."""
    live = rules.live(tx)
    rows = sql.rows(
        tx, _READY,
        {
            "house": HOUSE, "unit": POINTS, "next": next_month(month), "month": month,
            "least": live.payout_least, "limit": limit,
        },
    )  # fmt: skip
    return Ready(month, tuple(_part(row, live.fen_per_point) for row in rows))


def _part(row: Any, fen_per_point: int) -> Part:
    who, code, name, number, payable = row
    return Part(who, code, name, number, payable, payable * fen_per_point)


def make(
    tx: Tx, month: date, *, digest: str, proposal_id: int, proposed_by: str, by: By, reason: str,
    now: datetime,
) -> Run:  # fmt: skip
    """Pay out what was proposed; everybody hears of it by their statement. Raises ChangedSince."""
    # Two that are approved at once: the second waits, and finds nothing left.
    sql.run(tx, "LOCK TABLE agent_payouts IN SHARE ROW EXCLUSIVE MODE")
    # Nobody is suspended between looking and paying; what is taken back meanwhile is a claim.
    sql.run(tx, "SELECT 1 FROM agents ORDER BY code FOR SHARE")
    what = ready(tx, month)
    if month > last_month(now) or not what.parts or what.digest() != digest:
        raise ChangedSince
    points.open_house_account(tx, PAID)
    row = sql.one(
        tx,
        "INSERT INTO agent_payout_runs (month, agents, points, fen, proposal_id, proposed_by,"
        " approved_by, made_at) VALUES (%(month)s, %(agents)s, %(points)s, %(fen)s, %(proposal)s,"
        f" %(proposed)s, %(approved)s, %(now)s) RETURNING {_RUN}",
        {
            "month": month, "agents": len(what.parts), "points": what.points, "fen": what.fen,
            "proposal": proposal_id, "proposed": proposed_by, "approved": by.login, "now": now,
        },
    )  # fmt: skip
    made = Run(*row)
    for part in what.parts:
        _pay(tx, made, part, by, now)
    audit.write(
        tx, by, action="agent.payout", subject=f"agent_payout:{made.id}", reason=reason, now=now,
        after={"month": month.isoformat(), "agents": made.agents, "points": made.points,
               "fen": made.fen},
    )  # fmt: skip
    return made


def _pay(tx: Tx, run: Run, part: Part, by: By, now: datetime) -> None:
    cause = Cause(
        f"agent-payout:{run.month:%Y-%m}:{part.agent_id}", "payout", "console",
        f"agent_payout:{run.id}", by.login,
    )  # fmt: skip
    try:
        moved = points.move(
            tx, payer=HOUSE, payer_kinds=[register.account(part.code)], payee=HOUSE,
            payee_kind=PAID, payee_expires_on=NEVER, points=part.points, unit=POINTS, cause=cause,
            now=now,
        )  # fmt: skip
    except points.NotEnough:  # something was taken back this instant
        raise ChangedSince from None
    commission.enter(tx, part.agent_id, moved.serial, OUT, part.points, now=now)
    sql.change(
        tx,
        "INSERT INTO agent_payouts (subscriber_id, month, run_id, points, fen, serial)"
        " VALUES (%(id)s, %(month)s, %(run)s, %(points)s, %(fen)s, %(serial)s)",
        {
            "id": part.agent_id, "month": run.month, "run": run.id, "points": part.points,
            "fen": part.fen, "serial": moved.serial,
        },
    )  # fmt: skip


def get(tx: Tx, number: int) -> Run | None:
    """A run by its number."""
    row = sql.first(tx, f"SELECT {_RUN} FROM agent_payout_runs WHERE id = %(n)s", {"n": number})
    return Run(*row) if row else None


def listed(tx: Tx, *, limit: int, below: int | None = None) -> list[Run]:
    """Runs, the newest first; the next page is `below` the last number of this one."""
    rows = sql.rows(
        tx,
        f"SELECT {_RUN} FROM agent_payout_runs WHERE id < %(below)s"
        " ORDER BY id DESC LIMIT %(limit)s",
        {"below": below or 2**31 - 1, "limit": limit},
    )
    return [Run(*row) for row in rows]


def parts(tx: Tx, run: int, *, limit: int, after: str = "") -> list[Part]:
    """A run's agents by their codes; the next page begins `after` the last code of this one."""
    rows = sql.rows(
        tx,
        "SELECT p.subscriber_id, a.code, a.name, n.address, p.points, p.fen FROM agent_payouts p"
        " JOIN agents a USING (subscriber_id) LEFT JOIN subscriber_addresses n"
        " ON n.subscriber_id = a.subscriber_id AND n.channel = 'sms'"
        " WHERE p.run_id = %(run)s AND a.code > %(after)s ORDER BY a.code LIMIT %(limit)s",
        {"run": run, "after": after, "limit": limit},
    )
    return [Part(*row) for row in rows]


def mark_paid(tx: Tx, number: int, *, note: str, by: By, now: datetime) -> bool:
    """The money has gone out; False where somebody has said so before."""
    if not note.strip() or len(note) > NOTE_MAX:
        raise ValueError("say how it was paid")
    done = sql.change(
        tx,
        "UPDATE agent_payout_runs SET paid_by = %(by)s, paid_at = %(now)s, paid_note = %(note)s"
        " WHERE id = %(id)s AND paid_at IS NULL",
        {"id": number, "by": by.login, "now": now, "note": note.strip()},
    )
    audit.write(
        tx, by, action="agent.payout_paid", subject=f"agent_payout:{number}", reason=note,
        after={"marked": done == 1}, now=now,
    )  # fmt: skip
    return done == 1
