"""What operators do with a broadcast; each is one transaction, held against queueing, audited.

    propose ─▶ (somebody else) approve ─▶ start ─▶ pause ⇄ resume ─▶ stop

Pausing and stopping take back what is owed and has not been handed to a gateway: it was in the
outbox, unsubmitted, and goes from there in the transaction in which its target waits again.
"""

from __future__ import annotations

from datetime import datetime

from models import approvals, audit, sql
from models.approvals import Proposal
from models.audit import By
from models.base import Tx
from models.broadcasts.broadcast import KIND, Broadcast, WrongState, get, hold, subject
from models.broadcasts.tables import (
    APPROVED,
    DRAFT,
    PAUSED,
    PROPOSED,
    QUEUED,
    RUNNING,
    STOPPED,
)

_STOPPABLE = (DRAFT, APPROVED, RUNNING, PAUSED)


class NotLoaded(Exception):
    """It has no numbers, or not all of them yet."""


def propose(tx: Tx, number: int, *, reason: str, by: By, now: datetime) -> Proposal:
    """Ask another person for it. Raises WrongState, NotLoaded, AlreadyProposed, ValueError."""
    found = hold(tx, number)
    if found.state != DRAFT:
        raise WrongState(found.state)
    if not found.is_loaded:
        raise NotLoaded
    payload = {
        "text": found.words, "parts": found.parts, "people": found.targets,
        "pace_s": found.pace_s, "cost_fen": found.cost_fen,
    }  # fmt: skip
    made = approvals.propose(
        tx, kind=KIND, subject=subject(number), payload=payload, reason=reason, by=by, now=now
    )
    _set(tx, number, PROPOSED, now, "proposal_id = %(proposal)s", proposal=made.id)
    return made


def approve(tx: Tx, proposal: Proposal, *, now: datetime) -> Broadcast:
    """What was proposed may be started. Raises WrongState, NoSuchBroadcast."""
    number = int(proposal.subject.removeprefix(f"{KIND}:"))
    found = hold(tx, number)
    if found.state != PROPOSED or found.proposal_id != proposal.id:
        raise WrongState(found.state)
    _set(tx, number, APPROVED, now)
    return get(tx, number)


def reopen(tx: Tx, now: datetime) -> int:
    """What was rejected, withdrawn or not decided in time is a draft again; returns how many."""
    return sql.change(
        tx,
        "UPDATE broadcasts b SET state = 'draft', proposal_id = NULL, changed_at = %(now)s"
        " FROM approval_proposals p WHERE b.state = 'proposed' AND p.id = b.proposal_id"
        " AND p.state IN ('rejected', 'withdrawn', 'expired')",
        {"now": now},
    )


def start(tx: Tx, number: int, *, by: By, now: datetime) -> int:
    """Begin; returns how many numbers it has. Raises WrongState, NoSuchBroadcast."""
    found = _act(tx, number, "start", (APPROVED,), by=by, now=now)
    _set(tx, number, RUNNING, now, "started_at = %(now)s")
    return found.targets


def pause(tx: Tx, number: int, *, by: By, reason: str = "", now: datetime) -> int:
    """Rest; returns how many were taken back. Raises WrongState, NoSuchBroadcast."""
    found = _act(tx, number, "pause", (RUNNING,), by=by, reason=reason, now=now)
    back = take_back(tx, found)
    _set(tx, number, PAUSED, now, "rate_s = 0, rated_at = NULL, paced_until = NULL")
    return back


def resume(tx: Tx, number: int, *, by: By, now: datetime) -> int:
    """Go on where it rested; returns how many are left. Raises WrongState, NoSuchBroadcast."""
    found = _act(tx, number, "resume", (PAUSED,), by=by, now=now)
    _set(tx, number, RUNNING, now)
    return found.left


def stop(tx: Tx, number: int, *, by: By, reason: str, now: datetime) -> int:
    """End it for good; returns how many were taken back. Raises WrongState, NoSuchBroadcast."""
    found = _act(tx, number, "stop", _STOPPABLE, by=by, reason=reason, now=now)
    back = take_back(tx, found)
    _set(tx, number, STOPPED, now, "ended_at = %(now)s, rate_s = 0, rated_at = NULL")
    return back


def _act(
    tx: Tx, number: int, verb: str, states: tuple[str, ...], *, by: By, reason: str = "",
    now: datetime,
) -> Broadcast:  # fmt: skip
    found = hold(tx, number)
    if found.state not in states:
        raise WrongState(found.state)
    counts = {"state": found.state, "sent": found.handled, "left": found.left + found.queued}
    audit.write(
        tx, by, action=f"broadcasts.{verb}", subject=subject(number), before=counts, reason=reason,
        now=now,
    )  # fmt: skip
    return found


# A row that a sender is taking is locked, or taken by the time we see it: it goes.
_BACK = """
    WITH gone AS (
        DELETE FROM outbox o USING broadcast_targets t
        WHERE t.broadcast_id = %(id)s AND t.state = 'queued' AND o.id = t.owed_id
          AND o.state = 'owed' AND o.submitted_at IS NULL
        RETURNING o.id, o.subscriber_id, t.no
    ), unread AS (
        DELETE FROM mailbox m USING gone WHERE m.subscriber_id = gone.subscriber_id
        AND m.id = gone.id
    ), back AS (
        UPDATE broadcast_targets t SET state = 'waiting', owed_id = NULL FROM gone
        WHERE t.no = gone.no RETURNING t.no
    )
    SELECT count(*), coalesce(min(no), 0) FROM back
"""


def take_back(tx: Tx, found: Broadcast) -> int:
    """Let targets of a broadcast, held, wait again that are owed and have not left; how many."""
    if not found.queued:
        return 0
    back, first = sql.one(tx, _BACK, {"id": found.id})
    if back:
        sql.change(
            tx,
            f"UPDATE broadcasts SET {QUEUED} = {QUEUED} - %(back)s,"
            " after_no = least(after_no, %(first)s - 1) WHERE id = %(id)s",
            {"id": found.id, "back": back, "first": first},
        )
    return int(back)


def _set(tx: Tx, number: int, state: str, now: datetime, *more: str, **values: object) -> None:
    sql.change(
        tx,
        f"UPDATE broadcasts SET {', '.join(('state = %(state)s', 'changed_at = %(now)s', *more))}"
        " WHERE id = %(id)s",
        {"id": number, "state": state, "now": now, **values},
    )
