"""Approvals: what one person proposes and another decides.

proposed ──▶ approved (and applied, in the same transaction)
         ──▶ rejected, by somebody else, with a reason
         ──▶ withdrawn, by the proposer
         ──▶ expired, by the clock
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    String,
    Table,
    Text,
    text,
)

from models import audit, sql
from models.audit import By
from models.base import Tx, document, metadata, moment
from models.hiding import hide_numbers

PROPOSED, APPROVED, REJECTED, WITHDRAWN, EXPIRED = STATES = (
    "proposed", "approved", "rejected", "withdrawn", "expired",
)  # fmt: skip
# What nobody has decided after a week was not wanted, or is no longer what it was.
OPEN_FOR = timedelta(days=7)
REASON_LENGTH = 500

proposals = Table(
    "approval_proposals",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("subject", String(120), nullable=False),
    document("payload"),
    Column("reason", Text, nullable=False),
    Column("proposed_by", BigInteger, ForeignKey("operators.id"), nullable=False),
    moment("proposed_at"),
    moment("expires_at"),
    Column("state", String(10), nullable=False),
    Column("decided_by", BigInteger, ForeignKey("operators.id")),
    moment("decided_at", nullable=True),
    Column("decided_because", Text, nullable=False),
    CheckConstraint(
        "state IN ('proposed', 'approved', 'rejected', 'withdrawn', 'expired')", name="state"
    ),
    CheckConstraint("(state = 'proposed') = (decided_at IS NULL)", name="decided"),
    CheckConstraint(
        "CASE WHEN state IN ('approved', 'rejected')"
        " THEN decided_by IS NOT NULL AND decided_by <> proposed_by"
        " WHEN state = 'withdrawn' THEN decided_by IS NOT NULL AND decided_by = proposed_by"
        " ELSE decided_by IS NULL END",
        name="other_person",
    ),
    CheckConstraint("state <> 'approved' OR decided_at < expires_at", name="in_time"),
    CheckConstraint("state <> 'rejected' OR decided_because <> ''", name="because"),
    CheckConstraint("kind ~ '^[a-z_]+$' AND subject <> '' AND reason <> ''", name="said"),
    CheckConstraint("expires_at > proposed_at", name="open_for"),
    Index(
        "approval_proposals_one_open", "kind", "subject", unique=True,
        postgresql_where=text("state = 'proposed'"),
    ),
    Index(
        "approval_proposals_open", "expires_at", postgresql_where=text("state = 'proposed'")
    ),
    Index(None, "state", "id"),
)  # fmt: skip


class AlreadyProposed(Exception):
    """Somebody has proposed something for the same thing already: `proposal_id`."""

    def __init__(self, proposal_id: int) -> None:
        super().__init__(f"proposal {proposal_id} is open for the same")
        self.proposal_id = proposal_id


class NoSuchProposal(Exception):
    """There is no proposal of this number."""


class SamePerson(Exception):
    """Who proposes does not decide."""


class NotTheProposer(Exception):
    """Only who proposed may withdraw."""


class AlreadyDecided(Exception):
    """It is decided: `state` says how."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class Expired(Exception):
    """It was open for too long."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """`proposed_by` and `decided_by` are operators' ids; `decided_because` "" if nobody said."""

    id: int
    kind: str
    subject: str
    payload: Mapping[str, Any]
    reason: str
    proposed_by: int
    proposed_at: datetime
    expires_at: datetime
    state: str
    decided_by: int | None
    decided_at: datetime | None
    decided_because: str


_COLUMNS = (
    "id, kind, subject, payload, reason, proposed_by, proposed_at, expires_at, state,"
    " decided_by, decided_at, decided_because"
)


def propose(
    tx: Tx, *, kind: str, subject: str, payload: Mapping[str, Any], reason: str, by: By,
    now: datetime, open_for: timedelta = OPEN_FOR,
) -> Proposal:  # fmt: skip
    """Propose `payload`, to be applied to `subject` once somebody else has approved.

    Raises AlreadyProposed; ValueError without an operator or a reason.
    """
    proposer, reason = _person(by), _said(reason)
    if not reason:
        raise ValueError("a proposal says why")
    # One whose time is over must not stand in the way until the clock comes by.
    _expire_where(tx, now, "kind = %(kind)s AND subject = %(subject)s", kind=kind, subject=subject)
    row = sql.first(
        tx,
        "INSERT INTO approval_proposals (kind, subject, payload, reason, proposed_by, proposed_at,"
        " expires_at, state, decided_because) VALUES (%(kind)s, %(subject)s, %(payload)s,"
        " %(reason)s, %(proposer)s, %(now)s, %(until)s, 'proposed', '')"
        " ON CONFLICT (kind, subject) WHERE state = 'proposed' DO NOTHING"
        f" RETURNING {_COLUMNS}",
        {
            "kind": kind, "subject": subject, "payload": Jsonb(dict(payload)), "reason": reason,
            "proposer": proposer, "now": now, "until": now + open_for,
        },
    )  # fmt: skip
    if row is None:
        raise AlreadyProposed(_open_one(tx, kind, subject))
    made = Proposal(*row)
    _note(tx, by, made, "propose", reason, now)
    return made


def approve(tx: Tx, proposal_id: int, *, by: By, because: str = "", now: datetime) -> Proposal:
    """Approve it; the caller applies it in this transaction.

    Raises NoSuchProposal, SamePerson, AlreadyDecided, Expired.
    """
    found = _held(tx, proposal_id, now)
    if found.proposed_by == _person(by):
        raise SamePerson
    return _decide(tx, found, APPROVED, by, because, now)


def reject(tx: Tx, proposal_id: int, *, by: By, because: str, now: datetime) -> Proposal:
    """Reject it, with a reason. Raises as approve(); ValueError without a reason."""
    if not _said(because):
        raise ValueError("a rejection says why")
    found = _held(tx, proposal_id, now)
    if found.proposed_by == _person(by):
        raise SamePerson
    return _decide(tx, found, REJECTED, by, because, now)


def withdraw(tx: Tx, proposal_id: int, *, by: By, because: str = "", now: datetime) -> Proposal:
    """Take one's own proposal back. Raises NoSuchProposal, NotTheProposer, AlreadyDecided,
    Expired."""
    found = _held(tx, proposal_id, now)
    if found.proposed_by != _person(by):
        raise NotTheProposer
    return _decide(tx, found, WITHDRAWN, by, because, now)


def expire(tx: Tx, now: datetime, limit: int) -> int:
    """End what nobody has decided in time; returns how many there were."""
    return _expire_where(
        tx, now, "id = ANY (ARRAY(SELECT id FROM approval_proposals WHERE state = 'proposed'"
        " AND expires_at <= %(now)s ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))",
        limit=limit,
    )  # fmt: skip


def get(tx: Tx, proposal_id: int) -> Proposal:
    """The proposal of this number. Raises NoSuchProposal."""
    row = sql.first(
        tx, f"SELECT {_COLUMNS} FROM approval_proposals WHERE id = %(id)s", {"id": proposal_id}
    )
    if row is None:
        raise NoSuchProposal(proposal_id)
    return Proposal(*row)


def open_proposal(tx: Tx, kind: str, subject: str) -> Proposal | None:
    """The open proposal for a thing, if there is one."""
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM approval_proposals"
        " WHERE state = 'proposed' AND kind = %(kind)s AND subject = %(subject)s",
        {"kind": kind, "subject": subject},
    )
    return Proposal(*row) if row else None


def listed(
    tx: Tx, *, kinds: tuple[str, ...] = (), state: str | None = None, subject: str = "",
    proposed_by: int | None = None, before: int | None = None, limit: int = 50,
) -> list[Proposal]:  # fmt: skip
    """Proposals, the newest first: those with an id below `before`, at most `limit`."""
    wanted = {
        "kind = ANY (%(kinds)s)": bool(kinds), "state = %(state)s": state is not None,
        "subject = %(subject)s": bool(subject), "id < %(before)s": before is not None,
        "proposed_by = %(proposed_by)s": proposed_by is not None,
    }  # fmt: skip
    where = " AND ".join(condition for condition, given in wanted.items() if given)
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM approval_proposals WHERE {where or 'true'}"
        " ORDER BY id DESC LIMIT %(limit)s",
        {
            "kinds": list(kinds), "state": state, "subject": subject, "before": before,
            "proposed_by": proposed_by, "limit": limit,
        },
    )  # fmt: skip
    return [Proposal(*row) for row in rows]


def waiting(tx: Tx, *, kinds: tuple[str, ...], not_by: int, now: datetime) -> int:
    """How many open proposals of these kinds somebody other than `not_by` has made."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM approval_proposals WHERE state = 'proposed'"
            " AND kind = ANY (%(kinds)s) AND proposed_by <> %(who)s AND expires_at > %(now)s",
            {"kinds": list(kinds), "who": not_by, "now": now},
        )
    )


def _held(tx: Tx, proposal_id: int, now: datetime) -> Proposal:
    """The open proposal, held until the end of the transaction: of two who decide, one does."""
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM approval_proposals WHERE id = %(id)s FOR UPDATE",
        {"id": proposal_id},
    )
    if row is None:
        raise NoSuchProposal(proposal_id)
    found = Proposal(*row)
    if found.state == EXPIRED or (found.state == PROPOSED and now >= found.expires_at):
        raise Expired
    if found.state != PROPOSED:
        raise AlreadyDecided(found.state)
    return found


def _decide(
    tx: Tx, found: Proposal, state: str, by: By, because: str, now: datetime
) -> Proposal:  # fmt: skip
    row = sql.one(
        tx,
        "UPDATE approval_proposals SET state = %(state)s, decided_by = %(who)s,"
        " decided_at = %(now)s, decided_because = %(because)s"
        f" WHERE id = %(id)s AND state = 'proposed' RETURNING {_COLUMNS}",
        {
            "id": found.id, "state": state, "who": by.operator_id, "now": now,
            "because": _said(because),
        },
    )  # fmt: skip
    decided = Proposal(*row)
    verbs = {APPROVED: "approve", REJECTED: "reject", WITHDRAWN: "withdraw"}
    _note(tx, by, decided, verbs[state], because, now)
    return decided


def _expire_where(tx: Tx, now: datetime, where: str, **values: Any) -> int:
    rows = sql.rows(
        tx,
        "UPDATE approval_proposals SET state = 'expired', decided_at = %(now)s"
        f" WHERE state = 'proposed' AND expires_at <= %(now)s AND {where} RETURNING {_COLUMNS}",
        {"now": now, **values},
    )
    for row in rows:
        _note(tx, audit.CLOCK, Proposal(*row), "expire", "", now)
    return len(rows)


def _open_one(tx: Tx, kind: str, subject: str) -> int:
    found = open_proposal(tx, kind, subject)
    return found.id if found else 0


def _note(tx: Tx, by: By, proposal: Proposal, verb: str, reason: str, now: datetime) -> None:
    # What is proposed stays in its row, which nobody can change; here is the proof of that.
    plain = json.dumps(proposal.payload, ensure_ascii=False, sort_keys=True)
    audit.write(
        tx, by, action=f"{proposal.kind}.{verb}", subject=f"proposal:{proposal.id}",
        before=None if verb == "propose" else {"state": PROPOSED},
        after={
            "state": proposal.state, "subject": proposal.subject,
            "payload_sha256": hashlib.sha256(plain.encode()).hexdigest(),
        },
        reason=_said(reason), now=now,
    )  # fmt: skip


def _person(by: By) -> int:
    if by.operator_id is None:
        raise ValueError("only a person proposes and decides")
    return by.operator_id


def _said(text: str) -> str:
    said = hide_numbers(text.replace("\0", "").strip())
    if len(said) > REASON_LENGTH:
        raise ValueError(f"a reason has {REASON_LENGTH} characters at most")
    return said
