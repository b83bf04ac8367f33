"""The tables of invitations.

invitation_codes   who sends a code, for which club
invitations        of the friend: who invited them, and what came of it
invitation_counts  of who invites: how many today and this month
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
    UniqueConstraint,
    text,
)

from models.base import metadata, moment, subscriber_id

WANTED, ASKED, ACCEPTED, JOINED = "wanted", "asked", "accepted", "joined"
DECLINED, REFUSED, LAPSED = "declined", "refused", "lapsed"
STATES = (WANTED, ASKED, ACCEPTED, JOINED, DECLINED, REFUSED, LAPSED)
SCAN, LINK, CODE, SMS = WAYS = ("scan", "link", "code", "sms")

# Why an invitation does not count; kept, and shown to operators.
ONESELF, RING, PAIR, BROUGHT = "oneself", "ring", "pair", "brought"
NOT_NEW, WAITING, GONE = "not_new", "waiting", "gone"
DAY, MONTH, SMS_DAY, POSTER_DAY = "day", "month", "sms_day", "poster"
ASKED_LATELY, OPTED_OUT, BLOCKED = "asked_lately", "opted_out", "blocked"
WHYS = (
    ONESELF, RING, PAIR, BROUGHT, NOT_NEW, WAITING, GONE, DAY, MONTH, ASKED_LATELY, OPTED_OUT,
    BLOCKED,
)  # fmt: skip
COUNTED = (DAY, MONTH, SMS_DAY, POSTER_DAY)

NUMBER_LEAST, NUMBER_MOST = 100_000_000, 999_999_999  # nine digits: no mobile number has so few

codes = Table(
    "invitation_codes",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    subscriber_id(),
    Column("club_code", String(32), nullable=False),
    moment("at"),
    # The poster as WeChat keeps it for us, what it shows (hashed), and until when it is there.
    Column("poster_media", String(200)),
    Column("poster_shows", String(64)),
    moment("poster_until", nullable=True),
    UniqueConstraint("subscriber_id", "club_code"),
    CheckConstraint(f"number BETWEEN {NUMBER_LEAST} AND {NUMBER_MOST}", name="number"),
    CheckConstraint(
        "(poster_media IS NULL) = (poster_until IS NULL)"
        " AND (poster_media IS NULL) = (poster_shows IS NULL)",
        name="poster",
    ),
    # Only who is, or was, a member has a code.
    ForeignKeyConstraint(
        ["subscriber_id", "club_code"], ["memberships.subscriber_id", "memberships.club_code"]
    ),
)

invitations = Table(
    "invitations",
    metadata,
    subscriber_id(),  # the friend
    Column("id", BigInteger, Identity(), nullable=False),
    # Not a foreign key: rows of one person refer to nobody else's (docs/architecture.md).
    Column("inviter_id", BigInteger, nullable=False),
    Column("club_code", String(32), ForeignKey("clubs.code"), nullable=False),
    Column("way", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    Column("why", String(16)),  # of a refused one
    Column("times", Integer, nullable=False, server_default="1"),  # that it was refused
    moment("began_at"),
    moment("due_at", nullable=True),  # of a wanted one: asked from then on
    moment("asked_at", nullable=True),
    moment("accepted_at", nullable=True),
    moment("expires_at", nullable=True),  # of an accepted one
    moment("changed_at"),
    Column("points", BigInteger, nullable=False, server_default="0"),  # the inviter's
    Column("friend_points", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("subscriber_id", "id"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(f"way IN {WAYS}", name="way"),
    CheckConstraint(f"why IN {WHYS}", name="why_known"),
    CheckConstraint("(state = 'refused') = (why IS NOT NULL)", name="why"),
    CheckConstraint("inviter_id <> subscriber_id OR coalesce(why, '') = 'oneself'", name="oneself"),
    CheckConstraint("(state = 'wanted') = (due_at IS NOT NULL)", name="due"),
    CheckConstraint(
        "state NOT IN ('accepted', 'joined') OR (accepted_at IS NOT NULL AND expires_at >"
        " accepted_at)",
        name="accepted",
    ),
    CheckConstraint(
        "least(points, friend_points) >= 0 AND (state = 'joined' OR points + friend_points = 0)",
        name="points",
    ),
    CheckConstraint("times > 0", name="times"),
    # One friend, once: whoever invites, whatever happens at the same moment.
    Index(
        "invitations_one_inviter",
        "subscriber_id",
        unique=True,
        postgresql_where=text("state IN ('accepted', 'joined')"),
    ),
    Index(
        "invitations_one_question",
        "subscriber_id",
        unique=True,
        postgresql_where=text("state IN ('wanted', 'asked')"),
    ),
    Index(None, "inviter_id", "changed_at"),
    Index("invitations_due", "due_at", postgresql_where=text("state = 'wanted'")),
    Index("invitations_coming", "expires_at", postgresql_where=text("state = 'accepted'")),
    Index(None, "changed_at", "subscriber_id", "id"),
)

counts = Table(
    "invitation_counts",
    metadata,
    subscriber_id(),  # who invites
    Column("what", String(8), nullable=False),
    Column("since", Date, nullable=False),  # the day, or the first of the month, in China
    Column("number", Integer, nullable=False),
    Column("at_most", Integer, nullable=False),  # the limit then
    PrimaryKeyConstraint("subscriber_id", "what", "since"),
    CheckConstraint(f"what IN {COUNTED}", name="what"),
    CheckConstraint("number BETWEEN 1 AND at_most", name="limit"),
)
