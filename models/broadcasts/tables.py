"""The tables of broadcasts.

broadcasts         one text: whose turn it is, how far it is, counts of its targets by state
broadcast_targets  one row a number, which exists once in a broadcast
broadcast_rejects  lines of the file that gave no target: where, and why

Triggers (migrations/) keep both to the ways that the pictures in this package show: nothing goes
back, and what was proposed is what is sent.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

from models.base import document, metadata, moment
from models.broadcasts.wording import HOLE, SIGNED, TEXT_MOST, WAY_OUT

DRAFT, PROPOSED, APPROVED = "draft", "proposed", "approved"
RUNNING, PAUSED, STOPPED, DONE = "running", "paused", "stopped", "done"
STATES = (DRAFT, PROPOSED, APPROVED, RUNNING, PAUSED, STOPPED, DONE)
WAITING, QUEUED, SENT, DELIVERED, FAILED, SKIPPED = TARGET_STATES = (
    "waiting", "queued", "sent", "delivered", "failed", "skipped",
)  # fmt: skip
PACE_MOST = 5000  # a second
PEOPLE_MOST = 1_000_000  # of one broadcast
REJECTS_KEPT = 10_000  # of one file; the others are counted

_HANDLED = "queued + sent + delivered + failed + skipped"

broadcasts = Table(
    "broadcasts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("text", Text, nullable=False),
    Column("signature", String(20), nullable=False),  # stands in front of it
    Column("parts", Integer, nullable=False),  # SMS that signature and text make
    Column("fen_per_1000", Integer, nullable=False),  # what 1000 SMS cost
    Column("pace_s", Integer, nullable=False),  # SMS a second
    document("segment", nullable=True),  # who; None: numbers of a file
    Column("source", String(120), nullable=False),  # the file's name
    Column("state", String(8), nullable=False, server_default=DRAFT),
    Column("proposal_id", BigInteger, ForeignKey("approval_proposals.id")),
    # Counts of targets by state; what none of them counts is waiting.
    Column("targets", Integer, nullable=False, server_default="0"),
    Column("queued", Integer, nullable=False, server_default="0"),
    Column("sent", Integer, nullable=False, server_default="0"),
    Column("delivered", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    document("reasons", server_default="{}"),  # of what was skipped, counted
    Column("rejected", Integer, nullable=False, server_default="0"),  # lines without a number
    Column("repeated", Integer, nullable=False, server_default="0"),  # lines that came before
    Column("after_no", BigInteger, nullable=False, server_default="0"),  # queued up to here
    moment("paced_until", nullable=True),  # when the last one that is owed is due
    Column("rate_s", Float, nullable=False, server_default="0"),  # as it was lately
    moment("rated_at", nullable=True),
    Column("rated_from", Integer, nullable=False, server_default="0"),
    Column("created_by", String(64), nullable=False),  # login
    moment("created_at"),
    moment("changed_at"),
    moment("loaded_at", nullable=True),  # all its numbers are there
    moment("started_at", nullable=True),
    moment("ended_at", nullable=True),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint("name <> '' AND signature LIKE '【%】'", name="names"),
    CheckConstraint(f"length(text) BETWEEN 1 AND {TEXT_MOST}", name="length"),
    CheckConstraint(f"text ~* '{WAY_OUT}'", name="way_out"),
    CheckConstraint(f"text !~ '{HOLE}' AND text !~ '{SIGNED}'", name="hole"),
    CheckConstraint(f"parts > 0 AND fen_per_1000 >= 0 AND pace_s BETWEEN 1 AND {PACE_MOST}",
                    name="limits"),
    CheckConstraint("least(queued, sent, delivered, failed, skipped, rejected, repeated) >= 0"
                    f" AND {_HANDLED} <= targets AND targets <= {PEOPLE_MOST}", name="counts"),
    CheckConstraint("state IN ('draft', 'stopped') OR loaded_at IS NOT NULL AND targets > 0",
                    name="loaded"),
    CheckConstraint("(state = 'draft') <= (proposal_id IS NULL) AND (proposal_id IS NOT NULL"
                    " OR state IN ('draft', 'stopped'))", name="proposed"),
    CheckConstraint("started_at IS NOT NULL OR state NOT IN ('running', 'paused', 'done')",
                    name="started"),
    CheckConstraint("(ended_at IS NOT NULL) = (state IN ('stopped', 'done'))", name="ended"),
    CheckConstraint(f"state <> 'done' OR queued = 0 AND {_HANDLED} = targets", name="done"),
    Index("broadcasts_open", "id", postgresql_where=text("state IN ('proposed', 'running')")),
    Index(None, "ended_at"),
)  # fmt: skip

targets = Table(
    "broadcast_targets",
    metadata,
    # Of broadcasts: a trigger looks at whole statements, where a foreign key would at each row.
    Column("broadcast_id", BigInteger, nullable=False),
    Column("no", BigInteger, Identity(), nullable=False),
    Column("number", String(16)),  # E.164; None: the person was deleted
    Column("state", String(9), nullable=False, server_default=WAITING),
    Column("why", String(16)),  # it was skipped
    Column("owed_id", BigInteger),  # of its row in the outbox
    # Alone, as owed_id is: so rows to change are found by them. The planner knows little of
    # a broadcast that was just loaded, and would look at all its rows for each of them.
    PrimaryKeyConstraint("no"),
    Index(None, "broadcast_id", "no"),
    # The number first: so a person's rows are found, too.
    UniqueConstraint("number", "broadcast_id"),
    CheckConstraint(f"state IN {TARGET_STATES}", name="state"),
    CheckConstraint("(owed_id IS NULL) = (state IN ('waiting', 'skipped'))", name="owed"),
    CheckConstraint("(why IS NOT NULL) = (state = 'skipped')", name="why"),
    Index("broadcast_targets_owed", "owed_id", unique=True,
          postgresql_where=text("owed_id IS NOT NULL")),
    Index("broadcast_targets_open", "broadcast_id", "state", "owed_id",
          postgresql_where=text("state IN ('queued', 'sent')")),
)  # fmt: skip

rejects = Table(
    "broadcast_rejects",
    metadata,
    Column("broadcast_id", BigInteger, ForeignKey("broadcasts.id"), nullable=False),
    Column("line", Integer, nullable=False),
    Column("why", String(16), nullable=False),
    PrimaryKeyConstraint("broadcast_id", "line"),
    CheckConstraint("line > 0", name="line"),
)
