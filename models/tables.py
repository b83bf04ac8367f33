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
    tiers,
)
from models.base import metadata

__all__ = [
    "binding",
    "catalogue",
    "clubs",
    "consents",
    "conversations",
    "inbox",
    "metadata",
    "outbox",
    "page_links",
    "points",
    "publications",
    "subscribers",
    "tiers",
]
