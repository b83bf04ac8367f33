"""An event: something a subscriber did, as BOSS tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Something a subscriber did, as BOSS tells it."""

    id: str  # unique for ever; at most 80 characters
    type: str  # "package_ordered"
    subscriber_id: int
    occurred_at: datetime  # aware UTC
    values: Mapping[str, Any]  # what the rules may look at: {"amount_fen": 5000, "package": "10GB"}
