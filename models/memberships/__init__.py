"""Memberships: their terms and levels, resting, leaving, and what the clock does about them.

rules     what operators published        terms     renewed, premium, paid in points
pausing   BOSS closes and opens again     progress  what somebody has done towards premium
due       reminders, grace, the end       merging   two who turn out to be one
again     what was left of a term goes on, a new one has its price

States and their changes stand in models/clubs.py.
"""

from models.memberships.again import Beginning, beginning, due_to_join, join
from models.memberships.due import News, due, look
from models.memberships.merging import merge
from models.memberships.pausing import (
    left,
    not_resumed,
    not_suspended,
    resumed,
    start_leaving,
    start_resuming,
    start_suspending,
    stayed,
    suspended,
)
from models.memberships.progress import Progress, progress
from models.memberships.rules import (
    ORDINARY,
    PREMIUM,
    ClubRules,
    Rules,
    Service,
    account,
    content_of,
    live,
    membership_rules,
    publish,
)
from models.memberships.terms import (
    Membership,
    NotAllowed,
    Quote,
    all_of,
    begin,
    find,
    pay,
    quote,
    reach_premium,
)

__all__ = [
    "ORDINARY",
    "PREMIUM",
    "Beginning",
    "ClubRules",
    "Membership",
    "News",
    "NotAllowed",
    "Progress",
    "Quote",
    "Rules",
    "Service",
    "account",
    "all_of",
    "begin",
    "beginning",
    "content_of",
    "due",
    "due_to_join",
    "find",
    "join",
    "left",
    "live",
    "look",
    "membership_rules",
    "merge",
    "not_resumed",
    "not_suspended",
    "pay",
    "progress",
    "publish",
    "quote",
    "reach_premium",
    "resumed",
    "start_leaving",
    "start_resuming",
    "start_suspending",
    "stayed",
    "suspended",
]
