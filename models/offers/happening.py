"""What has happened to an offer: append-only events with who, when, why, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)  # fmt: skip

from models import audit, sql
from models.audit import By
from models.base import Tx, document, metadata, moment

WHAT = UPLOADED, EDITED, SENT_BACK, CONFIRMED, APPROVED, PAUSED, RESUMED, REVISED, CUT, ENDED = (
    "uploaded", "edited", "sent_back", "confirmed", "approved", "paused", "resumed", "revised",
    "cut", "ended",
)  # fmt: skip
_VERBS = {
    UPLOADED: "upload", EDITED: "edit", SENT_BACK: "send_back", CONFIRMED: "confirm",
    APPROVED: "put_live", PAUSED: "pause", RESUMED: "resume", REVISED: "revise", CUT: "cut",
    ENDED: "end",
}  # fmt: skip

WHY_LENGTH = 500

# Never changed and never deleted (migrations/).
offer_events = Table(
    "offer_events",
    metadata,
    Column("offer_code", String(32), ForeignKey("offers.code"), nullable=False),
    Column("no", Integer, nullable=False),
    Column("what", String(16), nullable=False),
    Column("state", String(16), nullable=False),  # after it
    Column("why", Text, nullable=False),
    Column("by", String(80), nullable=False),
    moment("at"),
    document("before", nullable=True),
    document("after", nullable=True),
    PrimaryKeyConstraint("offer_code", "no"),
    CheckConstraint(f"what IN {WHAT}", name="what"),
    CheckConstraint("btrim(\"by\") <> ''", name="by"),
    CheckConstraint("what <> 'sent_back' OR btrim(why) <> ''", name="why"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a merchant or to an offer: `state` is the one after it."""

    no: int
    what: str
    state: str
    why: str
    by: str
    at: datetime
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class NoWay(Exception):
    """It cannot go there from where it is: `state`."""

    def __init__(self, state: str, to: str) -> None:
        super().__init__(f"from {state} to {to}")
        self.state = state


def said(why: str) -> str:
    """A reason without the space around it. Raises ValueError: none, or too long a one."""
    why = why.strip()
    if not why or len(why) > WHY_LENGTH:
        raise ValueError(f"a reason has 1 to {WHY_LENGTH} characters")
    return why


def note(
    tx: Tx, code: str, what: str, *, why: str, by: By, now: datetime,
    before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write an event of an offer that this transaction has changed, and so holds."""
    sql.run(
        tx,
        "WITH o AS (UPDATE offers SET events = events + 1 WHERE code = %(code)s"
        " RETURNING code, events, state)"
        ' INSERT INTO offer_events (offer_code, no, what, state, why, "by", at, before, after)'
        " SELECT o.code, o.events, %(what)s, o.state, %(why)s, %(by)s, %(now)s, %(before)s,"
        " %(after)s FROM o",
        {
            "code": code, "what": what, "why": why, "by": by.login, "now": now,
            "before": Jsonb(before) if before else None,
            "after": Jsonb(after) if after else None,
        },
    )  # fmt: skip
    audit.write(
        tx, by, action=f"offer.{_VERBS[what]}", subject=f"offer:{code}", before=before,
        after=after, reason=why, now=now,
    )  # fmt: skip


def events_of(tx: Tx, code: str) -> list[Event]:
    """What has happened to an offer, the newest first."""
    rows = sql.rows(
        tx,
        'SELECT no, what, state, why, "by", at, before, after FROM offer_events'
        " WHERE offer_code = %(code)s ORDER BY no DESC",
        {"code": code},
    )
    return [Event(*row) for row in rows]
