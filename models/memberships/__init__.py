"""Memberships: their terms and levels, resting, leaving, and what the clock does about them.

rules     what operators published        terms     renewed, premium, paid in points
pausing   BOSS closes and opens again     progress  what somebody has done towards premium
due       reminders, grace, the end       merging   two who turn out to be one

States and their changes stand in models/clubs.py.
"""

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
    join,
    pay,
    quote,
    reach_premium,
)

__all__ = [
    "ORDINARY",
    "PREMIUM",
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
    "content_of",
    "due",
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
