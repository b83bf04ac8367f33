"""Structured logs: one JSON object a line, a fixed phrase with ids as fields, numbers masked."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

log = structlog.get_logger()

# A mobile number of any way to write it: kept are the first three and the last four digits.
_NUMBER = re.compile(r"(?<!\d)(?:\+?86|0086)?(1[3-9]\d)\d{4}(\d{4})(?!\d)")


def mask_numbers(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Mask mobile numbers wherever they stand in a line; they must not be in there anyway."""
    return {
        name: _NUMBER.sub(r"\1****\2", value) if isinstance(value, str) else value
        for name, value in event.items()
    }


def configure(level: str) -> None:
    """Log to standard error from `level` on."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            frames_only,
            mask_numbers,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
