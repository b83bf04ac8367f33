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
from models.points import closings

__all__ = [
    "binding",
    "catalogue",
    "closings",
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
]
