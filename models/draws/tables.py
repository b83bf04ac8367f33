"""The tables of draws.

    draws ─1:n─▶ draw_versions       draw_stock       one row a prize: the only one winners share
    draws ─1:n─▶ draw_seeds ─▶ draw_reveals           a day's seed: committed, then revealed
    draw_people                      a person in a draw: counts, chances
    draw_results ─▶ draw_deliveries  what was drawn; what became of the prize

Versions, seeds, reveals, results and grants are append-only.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)  # fmt: skip

from models.base import document, metadata, moment, subscriber_id
from models.draws.choosing import WAYS
from models.draws.definition import KINDS

STATES = LIVE, STOPPED, ENDED = ("live", "stopped", "ended")
# What a chance was paid with.
FREE, EARNED, PAID = CHANCES = ("free", "earned", "points")
# given: all is done · calling: BOSS was asked · refused: BOSS would not, points were given
DELIVERIES = GIVEN, CALLING, REFUSED, WANTS_ADDRESS, TO_SEND, SENT, FORFEITED = (
    "given", "calling", "refused", "wants_address", "to_send", "sent", "forfeited",
)  # fmt: skip

draws = Table(
    "draws",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("title", String(60), nullable=False),
    Column("price_points", Integer, nullable=False),
    Column("state", String(16), nullable=False, server_default="live"),
    Column("version", Integer, nullable=False, server_default="0"),  # 0: nothing to draw yet
    Column("starts_on", Date),
    Column("ends_on", Date),
    CheckConstraint("price_points >= 0", name="price"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint("ends_on >= starts_on", name="window"),
)

versions = Table(
    "draw_versions",
    metadata,
    Column("draw_code", String(32), ForeignKey("draws.code"), nullable=False),
    Column("version", Integer, nullable=False),
    document("content"),
    Column("hash", String(64), nullable=False),
    Column("author", String(60), nullable=False),
    Column("note", Text, nullable=False),
    moment("at"),
    Column("approved_by", String(60)),  # NULL: published by a command
    Column("proposal_id", BigInteger, ForeignKey("approval_proposals.id")),
    PrimaryKeyConstraint("draw_code", "version"),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint("approved_by <> author", name="four_eyes"),
    CheckConstraint("(approved_by IS NULL) = (proposal_id IS NULL)", name="approved"),
)

stock = Table(
    "draw_stock",
    metadata,
    Column("draw_code", String(32), ForeignKey("draws.code"), nullable=False),
    Column("prize_code", String(32), nullable=False),
    Column("total", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    Column("returned", Integer, nullable=False, server_default="0"),  # forfeited, to be won again
    PrimaryKeyConstraint("draw_code", "prize_code"),
    CheckConstraint("total >= 0 AND returned >= 0", name="counted"),
    CheckConstraint("taken BETWEEN 0 AND total + returned", name="never_more"),
)

seeds = Table(
    "draw_seeds",
    metadata,
    Column("draw_code", String(32), ForeignKey("draws.code"), nullable=False),
    Column("day", Date, nullable=False),  # in China
    Column("commitment", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # models/operators/vault.py
    moment("committed_at"),
    PrimaryKeyConstraint("draw_code", "day"),
)

reveals = Table(
    "draw_reveals",
    metadata,
    Column("draw_code", String(32), nullable=False),
    Column("day", Date, nullable=False),
    Column("seed", String(64), nullable=False),
    Column("results", Integer, nullable=False),  # how many there were that day
    Column("digest", String(64), nullable=False),  # over their seals, in the order of their ids
    moment("revealed_at"),
    PrimaryKeyConstraint("draw_code", "day"),
    ForeignKeyConstraint(["draw_code", "day"], ["draw_seeds.draw_code", "draw_seeds.day"]),
    CheckConstraint("results >= 0", name="results"),
)

people = Table(
    "draw_people",
    metadata,
    subscriber_id(),
    Column("draw_code", String(32), nullable=False),
    Column("player", String(12), nullable=False),  # the public name in this draw
    Column("nonce", Integer, nullable=False, server_default="0"),  # results so far
    Column("blanks", Integer, nullable=False, server_default="0"),  # in a row
    Column("draws", Integer, nullable=False, server_default="0"),  # those of the merged, too
    Column("at_most", Integer),  # the limit when it was last counted
    Column("day", Date, nullable=False),  # of the two that follow
    Column("day_draws", Integer, nullable=False, server_default="0"),
    Column("day_at_most", Integer),
    Column("day_free", Integer, nullable=False, server_default="0"),
    Column("chances", Integer, nullable=False, server_default="0"),  # earned and not used
    PrimaryKeyConstraint("subscriber_id", "draw_code"),
    CheckConstraint("nonce >= 0 AND blanks >= 0 AND day_free >= 0", name="counted"),
    CheckConstraint("draws >= 0 AND draws <= at_most", name="limit"),
    CheckConstraint("day_draws >= 0 AND day_draws <= day_at_most", name="day_limit"),
    CheckConstraint("chances >= 0", name="chances"),
)

grants = Table(
    "draw_chances",
    metadata,
    subscriber_id(),
    Column("draw_code", String(32), ForeignKey("draws.code"), nullable=False),
    Column("key", String(100), nullable=False),  # idempotency: the task or campaign
    Column("chances", Integer, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "draw_code", "key"),
    CheckConstraint("chances > 0", name="chances"),
)

results = Table(
    "draw_results",
    metadata,
    subscriber_id(),
    Column("id", BigInteger, Identity(start=20_000_001), nullable=False),  # the serial number
    Column("draw_code", String(32), nullable=False),
    Column("key", String(200), nullable=False),  # idempotency: the message or form
    Column("channel", String(16), nullable=False),
    Column("day", Date, nullable=False),  # whose seed
    moment("at"),
    # The inputs.
    Column("player", String(12), nullable=False),
    Column("nonce", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("blanks", Integer, nullable=False),  # in a row, before
    # What came of them.
    Column("number", Integer, nullable=False),
    Column("wanted", String(32), nullable=False),  # the prize that was drawn
    Column("by", String(16), nullable=False),
    Column("prize", String(32), nullable=False),  # the prize that was given
    Column("slot", Integer),  # the how-manieth of its stock
    document("seen"),  # of what was not there: [[prize, why, taken, there], ...]
    Column("chance", String(8), nullable=False),
    Column("points", Integer, nullable=False),  # what it cost
    Column("serial", BigInteger),  # of that transfer
    Column("seal", LargeBinary, nullable=False),
    PrimaryKeyConstraint("subscriber_id", "id"),
    UniqueConstraint("subscriber_id", "key"),
    UniqueConstraint("subscriber_id", "draw_code", "nonce"),
    # No foreign keys to draws, versions and seeds, whose rows are never deleted: each draw would
    # lock them, and everybody draws from the same ones.
    Index(None, "subscriber_id", "at"),
    Index("draw_results_of_day", "draw_code", "day", "id"),
    Index("draw_results_won", "subscriber_id", "draw_code", "prize",
          postgresql_where=text("slot IS NOT NULL")),
    CheckConstraint("number BETWEEN 0 AND 999999 AND nonce > 0 AND blanks >= 0", name="inputs"),
    CheckConstraint(f"by IN {WAYS}", name="by"),
    CheckConstraint(f"chance IN {CHANCES}", name="chance"),
    CheckConstraint("(chance = 'points') = (points > 0)", name="price"),
    CheckConstraint("(points > 0) = (serial IS NOT NULL)", name="paid"),
    CheckConstraint("slot > 0", name="slot"),
)  # fmt: skip

deliveries = Table(
    "draw_deliveries",
    metadata,
    subscriber_id(),
    Column("result_id", BigInteger, nullable=False),
    Column("draw_code", String(32), nullable=False),
    Column("prize_code", String(32), nullable=False),
    Column("title", String(60), nullable=False),  # of the prize
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("serial", BigInteger),  # of the points or coins
    Column("voucher_id", BigInteger),
    Column("owed_id", BigInteger),  # the call in the outbox
    Column("or_points", Integer),
    # Of a parcel.
    moment("address_by", nullable=True),
    moment("reminded_at", nullable=True),
    Column("name", String(30)),
    Column("phone", String(20)),
    Column("address", String(200)),
    Column("carrier", String(30)),
    Column("tracking", String(40)),
    moment("won_at"),
    moment("changed_at"),
    PrimaryKeyConstraint("subscriber_id", "result_id"),
    ForeignKeyConstraint(
        ["subscriber_id", "result_id"], ["draw_results.subscriber_id", "draw_results.id"]
    ),
    CheckConstraint(f"state IN {DELIVERIES}", name="state"),
    CheckConstraint(f"kind IN {KINDS[1:]}", name="kind"),
    CheckConstraint("(kind = 'parcel') = (address_by IS NOT NULL)", name="parcel"),
    CheckConstraint("state <> 'sent' OR tracking IS NOT NULL", name="tracking"),
    CheckConstraint(
        "state <> 'to_send' OR (name IS NOT NULL AND phone IS NOT NULL AND address IS NOT NULL)",
        name="addressed",
    ),
    Index(
        "draw_deliveries_wanting", "address_by", postgresql_where=text("state = 'wants_address'")
    ),
    Index("draw_deliveries_calling", "owed_id", postgresql_where=text("state = 'calling'")),
    Index("draw_deliveries_sent", "changed_at",
          postgresql_where=text("state = 'sent' AND name IS NOT NULL")),
    Index("draw_deliveries_to_send", "changed_at", postgresql_where=text("state = 'to_send'")),
)  # fmt: skip
