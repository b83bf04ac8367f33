"""All tables in one import, for migrations and tests."""

from models import (
    binding,
    catalogue,
    clubs,
    consents,
    conversations,
    inbox,
    outbox,
    page_links,
    points,
    publications,
    subscribers,
)
from models.base import metadata
from models.earning import budgets, counters, events, files, misses, postings, rules

__all__ = [
    "binding",
    "budgets",
    "catalogue",
    "clubs",
    "consents",
    "conversations",
    "counters",
    "events",
    "files",
    "inbox",
    "metadata",
    "misses",
    "outbox",
    "page_links",
    "points",
    "postings",
    "publications",
    "rules",
    "subscribers",
]
