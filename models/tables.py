"""All tables in one import, for migrations and tests."""

from models import (
    approvals,
    audit,
    binding,
    catalogue,
    clubs,
    consents,
    conversations,
    expiry_warnings,
    inbox,
    outbox,
    page_links,
    points,
    publications,
    subscribers,
    tiers,
)
from models.base import metadata
from models.earning import budgets, counters, events, files, misses, postings, rules
from models.operators import accounts, lockouts, sessions
from models.points import closings, expiry

__all__ = [
    "accounts",
    "approvals",
    "audit",
    "binding",
    "budgets",
    "catalogue",
    "closings",
    "clubs",
    "consents",
    "conversations",
    "counters",
    "events",
    "expiry",
    "expiry_warnings",
    "files",
    "inbox",
    "lockouts",
    "metadata",
    "misses",
    "outbox",
    "page_links",
    "points",
    "postings",
    "publications",
    "rules",
    "sessions",
    "subscribers",
    "tiers",
]
