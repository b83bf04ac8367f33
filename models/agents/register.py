"""The register of agents: who is one, under whom, what they may in a day; every change audited.

active ⇄ suspended ──▶ closed, for good

Who stands under a suspended agent does nothing either, however far below, and works again together
with them: nothing is written below, so that nothing is forgotten there. Who closes has nobody
below.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from models import audit, points, sql, subscribers
from models.agents import pins, rules
from models.agents.tables import ABOVE, ACTIVE, CLOSED, LEVELS, NAME_LETTERS, SUSPENDED
from models.audit import By
from models.base import Tx

CODE = re.compile(r"[a-z0-9][a-z0-9-]{1,15}")
# What stands at the place of a code in the console's addresses.
RESERVED = frozenset({"new", "orders", "movements", "budget", "payouts"})
MOST = 1_000_000  # of any limit
WORKED_EVERY = timedelta(hours=12)
STRIPES = 4  # of an agent's account: a province gets a share of everything below it


@dataclass(frozen=True, slots=True)
class Limits:
    """What an agent may: deals and points a day; orders of more points need a PIN."""

    deals_a_day: int = 50
    points_a_day: int = 50_000
    pin_above: int = 1_000

    def faulty(self) -> bool:
        """Whether one of them is below nothing, or absurd."""
        return not all(0 <= one <= MOST for one in (*self.day, self.pin_above))

    @property
    def day(self) -> tuple[int, int]:
        return self.deals_a_day, self.points_a_day


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent; `number` is their mobile number, None if they have none any more."""

    id: int
    code: str
    name: str
    level: str
    parent: str | None
    state: str
    limits: Limits
    has_pin: bool
    number: str | None
    registered_at: datetime
    worked_at: datetime


class NotRegistered(Exception):
    """`why`: "code", "name", "level", "parent", "limits", "taken" (the code or the number), "state"
    (it is not in one that allows this), "below" (agents stand under it that are not closed).
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def account(code: str) -> str:
    """The house's account of what an agent has earned."""
    return f"agent:{code}"


def add(
    tx: Tx, *, code: str, name: str, level: str, parent: str | None, number: str,
    limits: Limits, by: By, now: datetime,
) -> Agent:  # fmt: skip
    """Register an agent by their mobile number (E.164). Raises NotRegistered."""
    _check(code=code, name=name, level=level, limits=limits)
    wanted = _check_parent(tx, level, parent)
    who = subscribers.by_now(tx, subscribers.numbered(tx, {number}, now)[number])
    added = sql.first(
        tx,
        "INSERT INTO agents (subscriber_id, code, name, level, parent, parent_level, deals_a_day,"
        " points_a_day, pin_above, registered_at, changed_at, worked_at) VALUES (%(id)s, %(code)s,"
        " %(name)s, %(level)s, %(parent)s, %(above)s, %(deals)s, %(points)s, %(pin_above)s,"
        " %(now)s, %(now)s, %(now)s) ON CONFLICT DO NOTHING RETURNING 1",
        {
            "id": who.id, "code": code, "name": name, "level": level, "parent": parent,
            "above": wanted, "now": now, **_values(limits),
        },
    )  # fmt: skip
    if added is None:
        raise NotRegistered("taken")
    points.open_house_account(tx, account(code), stripes=STRIPES)
    after = {"level": level, "parent": parent, **_values(limits)}
    _note(tx, by, "agent.register", code, {}, after, now=now)
    found = of(tx, who.id)
    assert found is not None  # noqa: S101 - it has just been written
    return found


def change_limits(
    tx: Tx, code: str, limits: Limits, *, by: By, reason: str, now: datetime
) -> None:  # fmt: skip
    """Let an agent do more or less from now on. Raises NotRegistered."""
    if limits.faulty():
        raise NotRegistered("limits")
    before = _held(tx, code)
    sql.change(
        tx,
        "UPDATE agents SET deals_a_day = %(deals)s, points_a_day = %(points)s,"
        " pin_above = %(pin_above)s, changed_at = %(now)s WHERE code = %(code)s",
        {"code": code, "now": now, **_values(limits)},
    )
    _note(
        tx, by, "agent.limits", code, _values(before.limits), _values(limits), reason=reason,
        now=now,
    )  # fmt: skip


def move(
    tx: Tx, code: str, parent: str | None, *, by: By, reason: str, now: datetime
) -> None:  # fmt: skip
    """Put an agent, and all below, under another one of the same level as before.

    What was sold before keeps its commission. Raises NotRegistered.
    """
    before = _held(tx, code)
    if before.state == CLOSED:
        raise NotRegistered("state")
    _check_parent(tx, before.level, parent)
    sql.change(
        tx,
        "UPDATE agents SET parent = %(parent)s, changed_at = %(now)s WHERE code = %(code)s",
        {"code": code, "parent": parent, "now": now},
    )
    _note(
        tx, by, "agent.move", code, {"parent": before.parent}, {"parent": parent}, reason=reason,
        now=now,
    )  # fmt: skip


def close(tx: Tx, code: str, *, by: By, reason: str, now: datetime) -> None:
    """End an agent for good; what it has earned is paid out yet. Raises NotRegistered."""
    before = _held(tx, code)
    if before.state == CLOSED:
        raise NotRegistered("state")
    below = sql.maybe_value(
        tx, "SELECT 1 FROM agents WHERE parent = %(code)s AND state <> 'closed' LIMIT 1",
        {"code": code},
    )  # fmt: skip
    if below is not None:
        raise NotRegistered("below")
    sql.change(
        tx,
        "UPDATE agents SET state = 'closed', pin = NULL, changed_at = %(now)s"
        " WHERE code = %(code)s",
        {"code": code, "now": now},
    )
    _note(
        tx, by, "agent.close", code, {"state": before.state}, {"state": CLOSED}, reason=reason,
        now=now,
    )  # fmt: skip


def suspend(tx: Tx, code: str, *, by: By, reason: str, now: datetime) -> None:
    """From now on nothing is done for this agent, not even what a customer is asked just now."""
    _change_state(tx, code, ACTIVE, SUSPENDED, by=by, reason=reason, now=now)


def resume(tx: Tx, code: str, *, by: By, reason: str, now: datetime) -> None:
    """Let an agent work again that is suspended, or has not worked for too long."""
    found = of_code(tx, code)
    asleep = found is not None and found.state == ACTIVE and dormant(tx, found, now)
    _change_state(tx, code, ACTIVE if asleep else SUSPENDED, ACTIVE, by=by, reason=reason, now=now)


def new_pin(tx: Tx, code: str, *, by: By, reason: str, now: datetime) -> str:
    """Give an agent a new PIN, which is shown once, and unlock them. Raises NotRegistered."""
    if _held(tx, code).state == CLOSED:
        raise NotRegistered("state")
    pin = pins.made()
    sql.change(
        tx,
        "UPDATE agents SET pin = %(pin)s, pin_failures = 0, pin_locked_until = NULL,"
        " changed_at = %(now)s WHERE code = %(code)s",
        {"code": code, "pin": pins.hashed(pin), "now": now},
    )
    _note(tx, by, "agent.pin", code, {}, {}, reason=reason, now=now)
    return pin


_SELECT = (
    "SELECT a.subscriber_id, a.code, a.name, a.level, a.parent, a.state, a.deals_a_day,"
    " a.points_a_day, a.pin_above, a.pin IS NOT NULL, n.address, a.registered_at, a.worked_at"
    " FROM agents a"
    " LEFT JOIN subscriber_addresses n ON n.subscriber_id = a.subscriber_id AND n.channel = 'sms'"
)


def of(tx: Tx, subscriber_id: int, *, share: bool = False) -> Agent | None:
    """The agent that this person is, or None. `share`: nobody suspends them meanwhile."""
    row = sql.first(
        tx,
        f"{_SELECT} WHERE a.subscriber_id = %(id)s AND a.state <> 'closed'"
        + (" FOR SHARE OF a" if share else ""),
        {"id": subscriber_id},
    )
    return _agent(row) if row else None


def of_code(tx: Tx, code: str, *, share: bool = False) -> Agent | None:
    """The agent with this code, closed or not; None if there is none."""
    held = " FOR SHARE OF a" if share else ""
    row = sql.first(tx, f"{_SELECT} WHERE a.code = %(code)s{held}", {"code": code})
    return _agent(row) if row else None


def above(tx: Tx, code: str, *, share: bool = False) -> list[Agent]:
    """Whoever stands above an agent, from the nearest up. `share`: all stay as they are."""
    found: list[Agent] = []
    one = of_code(tx, code)
    while one is not None and one.parent is not None:
        one = of_code(tx, one.parent, share=share)
        if one is not None:
            found.append(one)
    return found


def works(tx: Tx, agent: Agent, now: datetime, *, share: bool = False) -> str:
    """Why nothing is done for an agent: "suspended", "branch", "dormant"; "" if it works.

    "branch": somebody above is suspended. "dormant": no order for so long that the number may have
    somebody else by now; `resume` lets them in again. `share`: nobody is suspended meanwhile.
    """
    if agent.state != ACTIVE:
        return "suspended"
    if any(one.state != ACTIVE for one in above(tx, agent.code, share=share)):
        return "branch"
    return "dormant" if dormant(tx, agent, now) else ""


def dormant(tx: Tx, agent: Agent, now: datetime) -> bool:
    """Whether an agent has not worked for so long that it must be let in again."""
    return now - agent.worked_at > timedelta(days=rules.live(tx).dormant_days)


def worked(tx: Tx, agent: Agent, now: datetime) -> None:
    """Note that an agent has an order; the database is asked once in a while."""
    if now - agent.worked_at >= WORKED_EVERY:
        sql.change(
            tx,
            "UPDATE agents SET worked_at = %(now)s WHERE subscriber_id = %(id)s",
            {"id": agent.id, "now": now},
        )


def listed(
    tx: Tx, *, state: str = "", level: str = "", parent: str = "", after: str = "", limit: int
) -> list[Agent]:
    """Agents by their codes, of a state, a level, or right under one."""
    rows = sql.rows(
        tx,
        f"{_SELECT} WHERE a.code > %(after)s AND (%(state)s = '' OR a.state = %(state)s)"
        " AND (%(level)s = '' OR a.level = %(level)s)"
        " AND (%(parent)s = '' OR a.parent = %(parent)s) ORDER BY a.code LIMIT %(limit)s",
        {"after": after, "state": state, "level": level, "parent": parent, "limit": limit},
    )
    return [_agent(row) for row in rows]


def _agent(row: Any) -> Agent:
    person, code, name, level, parent, state, deals, most, pin_above, *rest = row
    return Agent(person, code, name, level, parent, state, Limits(deals, most, pin_above), *rest)


def _check_parent(tx: Tx, level: str, parent: str | None) -> str | None:
    """The level that must stand above; whoever does stays there. Raises NotRegistered."""
    found = of_code(tx, parent, share=True) if parent else None
    wanted = ABOVE.get(level)
    if (found.level if found and found.state != CLOSED else None) != wanted or (
        parent and found is None
    ):
        raise NotRegistered("parent")
    return wanted


def _check(*, code: str, name: str, level: str, limits: Limits) -> None:
    if not CODE.fullmatch(code) or code in RESERVED:
        raise NotRegistered("code")
    if not 0 < len(name) <= NAME_LETTERS or not name.isprintable():
        raise NotRegistered("name")
    if level not in LEVELS:
        raise NotRegistered("level")
    if limits.faulty():
        raise NotRegistered("limits")


def _held(tx: Tx, code: str) -> Agent:
    sql.first(tx, "SELECT 1 FROM agents WHERE code = %(code)s FOR NO KEY UPDATE", {"code": code})
    found = of_code(tx, code)
    if found is None:
        raise NotRegistered("code")
    return found


def _change_state(
    tx: Tx, code: str, of: str, to: str, *, by: By, reason: str, now: datetime
) -> None:  # fmt: skip
    before = _held(tx, code)
    if before.state != of:
        raise NotRegistered("state")
    sql.change(
        tx,
        "UPDATE agents SET state = %(to)s::text, changed_at = %(now)s,"
        " worked_at = CASE WHEN %(to)s::text = 'active' THEN %(now)s ELSE worked_at END"
        " WHERE code = %(code)s",
        {"code": code, "to": to, "now": now},
    )
    action = "agent.suspend" if to == SUSPENDED else "agent.resume"
    _note(tx, by, action, code, {"state": of}, {"state": to}, reason=reason, now=now)


def _values(limits: Limits) -> dict[str, int]:
    return {
        "deals": limits.deals_a_day, "points": limits.points_a_day, "pin_above": limits.pin_above
    }  # fmt: skip


def _note(
    tx: Tx, by: By, action: str, code: str, before: Mapping[str, Any], after: Mapping[str, Any],
    *, reason: str = "", now: datetime,
) -> None:  # fmt: skip
    audit.write(
        tx, by, action=action, subject=f"agent:{code}", before=before, after=after, reason=reason,
        now=now,
    )  # fmt: skip
