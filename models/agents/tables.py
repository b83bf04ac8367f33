"""The tables of agents.

agents             who is one, under whom, and what they may in a day
agent_orders       of the customer: what an agent wants to do for them, and what came of it
agent_days         of the agent: how much of a day's limits is taken
agent_commissions  of the agent: what a redemption earned them, by its serial number
agent_entries      of the agent: every movement of their account, the balance is their sum
agent_fundings     what was put into the budget, by whom
agent_payout_runs  what two people have paid out together, of a month
agent_payouts      of the agent: what a run paid them
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
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from models.base import metadata, moment, subscriber_id

PROVINCE, CITY, COUNTY, SHOP = LEVELS = ("province", "city", "county", "shop")
ABOVE = {CITY: PROVINCE, COUNTY: CITY, SHOP: COUNTY}
ACTIVE, SUSPENDED, CLOSED = STATES = ("active", "suspended", "closed")
WANTED, ASKED, DONE = "wanted", "asked", "done"
DECLINED, LAPSED, FAILED = "declined", "lapsed", "failed"
ORDER_STATES = (WANTED, ASKED, DONE, DECLINED, LAPSED, FAILED)
REDEEM, LOOK = KINDS = ("redeem", "look")
OWED, PAID, RETURNING, RETURNED = COMMISSION_STATES = ("owed", "paid", "returning", "returned")
SOLD, SHARED, BACK, OUT = ENTRY_KINDS = ("sold", "shared", "returned", "paid")

CODE_LETTERS, NAME_LETTERS = 16, 16
NOTE_MAX = 200  # characters, of how a payout was paid
ASKS_A_DAY = 3  # by one agent, of one customer

agents = Table(
    "agents",
    metadata,
    subscriber_id(primary_key=True),
    Column("code", String(CODE_LETTERS), nullable=False),
    Column("name", String(NAME_LETTERS), nullable=False),
    Column("level", String(8), nullable=False),
    Column("parent", String(CODE_LETTERS)),
    Column("parent_level", String(8)),
    Column("state", String(9), nullable=False, server_default=ACTIVE),
    Column("deals_a_day", Integer, nullable=False),
    Column("points_a_day", Integer, nullable=False),
    Column("pin_above", Integer, nullable=False),  # points of one order that need no PIN
    Column("pin", String(200)),  # argon2id; without one nothing above that sum
    Column("pin_failures", Integer, nullable=False, server_default="0"),
    moment("pin_locked_until", nullable=True),
    moment("registered_at"),
    moment("changed_at"),
    moment("worked_at"),  # the last order, or since when they may again
    UniqueConstraint("code"),
    UniqueConstraint("code", "level"),
    ForeignKeyConstraint(["parent", "parent_level"], ["agents.code", "agents.level"]),
    CheckConstraint(f"state IN {STATES}", name="state"),
    # A shop under a county under a city under a province, and nothing else: so no circle.
    CheckConstraint(
        "coalesce(parent_level, '') = CASE level WHEN 'city' THEN 'province'"
        " WHEN 'county' THEN 'city' WHEN 'shop' THEN 'county' WHEN 'province' THEN ''"
        " ELSE 'none' END"
        " AND (parent IS NULL) = (parent_level IS NULL)",
        name="level",
    ),
    CheckConstraint("least(deals_a_day, points_a_day, pin_above) >= 0", name="limits"),
    CheckConstraint("pin_failures >= 0", name="pin_failures"),
    CheckConstraint("state <> 'closed' OR pin IS NULL", name="closed"),
    Index(None, "parent"),
)

orders = Table(
    "agent_orders",
    metadata,
    subscriber_id(),  # the customer
    Column("id", BigInteger, Identity(), nullable=False),
    # Not a foreign key: rows of one person refer to nobody else's (docs/architecture.md).
    Column("agent_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),  # in China
    Column("ask_no", Integer, nullable=False),  # of this agent and customer on this day
    Column("kind", String(8), nullable=False),
    Column("offer_code", String(32), ForeignKey("offers.code")),
    Column("agreed", String(200)),  # what was asked about (Offer.agreed)
    Column("points", Integer, nullable=False),
    Column("state", String(8), nullable=False, server_default=WANTED),
    Column("why", String(16)),  # of a failed one
    Column("serial", BigInteger),  # of the redemption
    moment("began_at"),
    moment("due_at", nullable=True),  # asked from then on; or given up then
    moment("changed_at"),
    PrimaryKeyConstraint("subscriber_id", "id"),
    UniqueConstraint("subscriber_id", "agent_id", "day", "ask_no"),
    CheckConstraint(f"ask_no BETWEEN 1 AND {ASKS_A_DAY}", name="ask_no"),
    CheckConstraint(f"kind IN {KINDS}", name="kind"),
    CheckConstraint(f"state IN {ORDER_STATES}", name="state"),
    CheckConstraint("(kind = 'redeem') = (offer_code IS NOT NULL)", name="offer"),
    CheckConstraint("(offer_code IS NULL) = (agreed IS NULL)", name="agreed"),
    CheckConstraint("points >= 0", name="points"),
    CheckConstraint("agent_id <> subscriber_id", name="oneself"),
    CheckConstraint("(serial IS NOT NULL) = (state = 'done' AND kind = 'redeem')", name="serial"),
    CheckConstraint("(state IN ('wanted', 'asked')) = (due_at IS NOT NULL)", name="due"),
    CheckConstraint("(state = 'failed') = (why IS NOT NULL)", name="why"),
    # One question of an agent at a time, so that it is clear what 是 means.
    Index(
        "agent_orders_one_open",
        "subscriber_id",
        unique=True,
        postgresql_where=text("state IN ('wanted', 'asked')"),
    ),
    Index("agent_orders_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index(None, "agent_id", "day"),
)

days = Table(
    "agent_days",
    metadata,
    subscriber_id(),  # the agent
    Column("day", Date, nullable=False),
    Column("deals", Integer, nullable=False),
    Column("deals_most", Integer, nullable=False),  # the limits then
    Column("points", Integer, nullable=False),
    Column("points_most", Integer, nullable=False),
    Column("asks", Integer, nullable=False, server_default="0"),
    Column("asks_most", Integer, nullable=False, server_default="0"),
    Column("declined", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("subscriber_id", "day"),
    CheckConstraint("asks BETWEEN 0 AND asks_most", name="asks"),
    CheckConstraint("declined >= 0", name="declined"),
    CheckConstraint("deals BETWEEN 0 AND deals_most", name="deals"),
    CheckConstraint("points BETWEEN 0 AND points_most", name="points"),
)

commissions = Table(
    "agent_commissions",
    metadata,
    subscriber_id(),  # the agent
    Column("serial", BigInteger, nullable=False),  # of the redemption
    Column("points", Integer, nullable=False),
    Column("own", Integer, nullable=False),  # 1: for selling; 0: a share of what is sold below
    Column("state", String(9), nullable=False, server_default=OWED),
    Column("version", Integer, nullable=False, server_default="0"),  # of the rules
    Column("day", Date, nullable=False),
    moment("changed_at"),
    moment("due_at", nullable=True),  # moved from then on
    PrimaryKeyConstraint("subscriber_id", "serial"),
    CheckConstraint("(state IN ('owed', 'returning')) = (due_at IS NOT NULL)", name="due"),
    CheckConstraint("points > 0", name="points"),
    CheckConstraint("own IN (0, 1)", name="own"),
    CheckConstraint(f"state IN {COMMISSION_STATES}", name="state"),
    Index(None, "serial"),
    Index("agent_commissions_due", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    Index(None, "subscriber_id", "day"),
)

# Never changed, never deleted (migrations/).
entries = Table(
    "agent_entries",
    metadata,
    subscriber_id(),  # the agent
    Column("serial", BigInteger, nullable=False),  # of the transfer
    Column("kind", String(8), nullable=False),
    Column("points", Integer, nullable=False),
    Column("of_serial", BigInteger),  # of the redemption
    Column("day", Date, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "serial"),
    CheckConstraint(f"kind IN {ENTRY_KINDS}", name="kind"),
    CheckConstraint("points > 0", name="points"),
    CheckConstraint("(of_serial IS NULL) = (kind = 'paid')", name="of"),
    Index(None, "day"),
    Index(None, "subscriber_id", "day"),
    # A redemption earns once, and is taken back once.
    Index(
        "agent_entries_once",
        "subscriber_id",
        "of_serial",
        text("(kind = 'returned')"),
        unique=True,
        postgresql_where=text("of_serial IS NOT NULL"),
    ),
)

# Never changed, never deleted (migrations/).
fundings = Table(
    "agent_fundings",
    metadata,
    Column(
        "serial",
        BigInteger,
        ForeignKey("points_transfers.serial"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("points", Integer, nullable=False),
    Column("day", Date, nullable=False),
    Column("funded_by", String(80), nullable=False),
    Column("proposal_id", BigInteger, ForeignKey("approval_proposals.id")),  # None: alone
    Column("reason", Text, nullable=False),
    moment("at"),
    UniqueConstraint("proposal_id"),
    CheckConstraint("points > 0", name="points"),
    Index(None, "day"),
)

payout_runs = Table(
    "agent_payout_runs",
    metadata,
    Column("id", Integer, Identity(start=1001), primary_key=True),
    Column("month", Date, nullable=False),  # its first day
    Column("agents", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("fen", BigInteger, nullable=False),
    Column("proposal_id", BigInteger, ForeignKey("approval_proposals.id"), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("approved_by", String(80), nullable=False),
    moment("made_at"),
    Column("paid_by", String(80)),
    moment("paid_at", nullable=True),
    Column("paid_note", String(NOTE_MAX)),
    UniqueConstraint("proposal_id"),
    UniqueConstraint("id", "month"),
    CheckConstraint("proposed_by <> approved_by", name="two_people"),
    CheckConstraint("extract(day FROM month) = 1", name="month"),
    CheckConstraint("agents > 0 AND points >= agents AND fen >= points", name="something"),
    CheckConstraint(
        "(paid_by IS NULL) = (paid_at IS NULL) AND (paid_by IS NULL) = (paid_note IS NULL)",
        name="paid",
    ),
)

# Never changed, never deleted (migrations/). Of a month an agent is paid once.
payouts = Table(
    "agent_payouts",
    metadata,
    subscriber_id(),  # the agent
    Column("month", Date, nullable=False),
    Column("run_id", Integer, nullable=False),
    Column("points", Integer, nullable=False),
    Column("fen", Integer, nullable=False),
    Column("serial", BigInteger, nullable=False),  # of the transfer
    PrimaryKeyConstraint("subscriber_id", "month"),
    ForeignKeyConstraint(["run_id", "month"], ["agent_payout_runs.id", "agent_payout_runs.month"]),
    ForeignKeyConstraint(
        ["subscriber_id", "serial"], ["agent_entries.subscriber_id", "agent_entries.serial"]
    ),
    CheckConstraint("points > 0 AND fen >= points", name="points"),
    Index(None, "run_id"),
)
