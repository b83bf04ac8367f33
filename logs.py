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

MOST_CAUSES = 5  # errors told of one chain
MOST_FRAMES = 30  # of one error, the innermost

# A mobile number of any way to write it: kept are the first three and the last four digits.
_NUMBER = re.compile(
    r"(?<!\d)(?:(?:\+|00)?86[ -]?)?([1１][3-9３-９]\d)[ -]?\d{4}[ -]?(\d{4})(?!\d)"
    r"|(\+\d\d)\d{3,8}(\d{4})(?!\d)"
)


def mask_numbers(_: Any, __: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """Mask mobile numbers wherever they stand in a line; they must not be in there anyway."""
    return {name: _masked(value) for name, value in event.items()}


def frames_only(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write an error as its kind and where it came from, without its own words.

    They may quote what a person wrote: PostgreSQL shows the row that breaks a constraint.
    """
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()[1]
    elif isinstance(given, tuple):
        given = given[1]
    if isinstance(given, BaseException):
        event["exception"] = "\n".join(_told(given))
    return event


def configure(level: str) -> None:
    """Log to standard error from `level` on."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            frames_only,
            mask_numbers,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _NUMBER.sub(_stars, value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        text = str(value)
        return _masked(text) if _NUMBER.search(text) else value
    if isinstance(value, dict):
        return {_masked(name): _masked(below) for name, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(item) for item in value]
    return _masked(repr(value))


def _stars(found: re.Match[str]) -> str:
    head, tail = (found[1], found[2]) if found[1] else (found[3], found[4])
    return f"{head}****{tail}"


def _told(error: BaseException) -> list[str]:
    """The chain of causes, the first cause first, as Python tells it."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and len(chain) < MOST_CAUSES:
        chain.append(following)
        hidden = following.__suppress_context__
        following = following.__cause__ or (None if hidden else following.__context__)
    return [line for each in reversed(chain) for line in _one(each)]


def _one(error: BaseException) -> list[str]:
    # What PostgreSQL's errors tell besides their words: the kind of fault, and which rule it broke.
    rule = getattr(getattr(error, "diag", None), "constraint_name", None)
    parts = [type(error).__qualname__, getattr(error, "sqlstate", None), rule]
    return [
        " ".join(str(part) for part in parts if part),
        *(
            f"  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}"
            for frame in traceback.extract_tb(error.__traceback__, limit=-MOST_FRAMES)
        ),
    ]
