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
from models.earning import events, files

__all__ = [
    "binding",
    "catalogue",
    "clubs",
    "consents",
    "conversations",
    "events",
    "files",
    "inbox",
    "metadata",
    "outbox",
    "page_links",
    "points",
    "publications",
    "subscribers",
]
