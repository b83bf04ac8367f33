"""The tables of activities.

    activities ─1:1─▶ activity_places     how many places are taken: the row that everybody shares
        ├─1:n─▶ activity_signups          a person at an activity
        └─1:n─▶ activity_doors            codes shown at the door, each for a minute or two

    (none) ──▶ going ◀──▶ waiting     a place · in the queue, by queue_no
                 │  └──▶ left ◀─┘     given up by the person; they may sign up again
                 ├──▶ came            checked in
                 └──▶ off ◀─ waiting  the activity was cancelled, or no place was left

Locks come in one order: the person's row, then activity_places by activity. Whoever changes a
sign-up's state holds its activity's row of places, and looks again once it does.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)  # fmt: skip

from models.base import metadata, moment, subscriber_id

FIRST_NUMBER = 1001  # what is less is a place in a list
STATES = DRAFT, PUBLISHED, CANCELLED = ("draft", "published", "cancelled")
SIGNUPS = GOING, WAITING, LEFT, CAME, OFF = ("going", "waiting", "left", "came", "off")
# What somebody has to hear of their sign-up; the clock tells it (workers/activities_clock.py).
NEWS = MOVED_UP, CHANGED, CALLED_OFF, NO_PLACE = ("moved_up", "changed", "called_off", "no_place")
TITLE_MOST, PLACE_MOST, ABOUT_MOST, WHY_MOST = 30, 60, 500, 60  # letters
PLACES_MOST = 5000
TRIES_MOST = 5  # wrong codes that somebody may type at a door

activities = Table(
    "activities",
    metadata,
    Column("id", BigInteger, Identity(start=FIRST_NUMBER), primary_key=True),
    Column("club_code", String(32), ForeignKey("clubs.code")),  # none: for everybody
    Column("premium_only", Boolean, nullable=False, server_default=text("false")),
    Column("title", String(TITLE_MOST), nullable=False),
    Column("about", Text, nullable=False),
    Column("place", String(PLACE_MOST), nullable=False),
    moment("starts_at"),
    moment("ends_at"),
    moment("closes_at"),  # until when people sign up
    moment("remind_first_at"),
    moment("remind_last_at"),
    Column("state", String(12), nullable=False, server_default=DRAFT),
    Column("why", String(WHY_MOST), nullable=False, server_default=""),  # it was cancelled
    Column("author", String(60), nullable=False),
    moment("created_at"),
    moment("changed_at"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint("title <> '' AND place <> ''", name="named"),
    CheckConstraint("starts_at < ends_at AND closes_at <= starts_at", name="times"),
    CheckConstraint(
        "remind_first_at <= remind_last_at AND remind_last_at < starts_at", name="reminders"
    ),
    CheckConstraint("NOT premium_only OR club_code IS NOT NULL", name="level"),
    CheckConstraint("(state = 'cancelled') = (why <> '')", name="why"),
    Index("activities_coming", "starts_at", postgresql_where=text("state = 'published'")),
)

places = Table(
    "activity_places",
    metadata,
    Column("activity_id", BigInteger, ForeignKey("activities.id"), primary_key=True),
    Column("capacity", Integer, nullable=False),
    Column("taken", Integer, nullable=False, server_default="0"),
    Column("queue_most", Integer, nullable=False),
    Column("waiting", Integer, nullable=False, server_default="0"),
    Column("next_no", BigInteger, nullable=False, server_default="1"),
    CheckConstraint("taken BETWEEN 0 AND capacity", name="never_more"),
    CheckConstraint(f"capacity BETWEEN 1 AND {PLACES_MOST}", name="capacity"),
    CheckConstraint(f"queue_most BETWEEN 0 AND {2 * PLACES_MOST}", name="queue"),
    CheckConstraint("waiting >= 0", name="waiting"),
)

signups = Table(
    "activity_signups",
    metadata,
    subscriber_id(),
    Column("activity_id", BigInteger, ForeignKey("activities.id"), nullable=False),
    Column("state", String(8), nullable=False),
    Column("queue_no", BigInteger, nullable=False),  # the order in which they came
    Column("channel", String(16), nullable=False),
    moment("signed_at"),
    moment("changed_at"),
    moment("came_at", nullable=True),
    Column("reminded", SmallInteger, nullable=False, server_default="0"),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("news", String(12)),  # what they have not heard yet
    PrimaryKeyConstraint("subscriber_id", "activity_id"),
    CheckConstraint(f"state IN {SIGNUPS}", name="state"),
    CheckConstraint("(state = 'came') = (came_at IS NOT NULL)", name="came"),
    CheckConstraint(f"news IN {NEWS}", name="news"),
    CheckConstraint("reminded BETWEEN 0 AND 2", name="reminded"),
    CheckConstraint(f"tries BETWEEN 0 AND {TRIES_MOST}", name="tries"),
    Index(None, "activity_id", "state", "queue_no"),
    Index("activity_signups_news", "changed_at", postgresql_where=text("news IS NOT NULL")),
)

doors = Table(
    "activity_doors",
    metadata,
    # Of the scene checkin-<code>: cannot be guessed.
    Column("code", BigInteger, primary_key=True, autoincrement=False),
    Column("activity_id", BigInteger, ForeignKey("activities.id"), nullable=False),
    Column("digits", String(6), nullable=False),  # for whoever texts it
    Column("url", Text, nullable=False, server_default=""),  # what the picture says; "": none
    moment("made_at"),
    moment("shown_until"),
    moment("works_until"),
    CheckConstraint("code BETWEEN 1 AND 999999999999999999", name="code"),
    CheckConstraint("digits ~ '^[0-9]{6}$'", name="digits"),
    CheckConstraint("made_at < shown_until AND shown_until <= works_until", name="times"),
    Index(None, "activity_id", "works_until"),
)
