"""Applying the live rules to events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from models.base import Tx
from models.earning.event import Event


def earn(tx: Tx, events: Sequence[Event], now: datetime) -> int:
    """Apply the live rules to newly recorded events. Returns the points given."""
    return 0
