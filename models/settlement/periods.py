"""Periods: half months or months of China's calendar, one after the other, and whose are over.

    half_month   1-15, 16-end        month   1-end

A merchant's next period begins on the day after its last statement and ends with the calendar's,
so that another setting neither leaves days out nor counts one twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from models import sql
from models.base import Tx
from models.points import day_of

KINDS = HALF_MONTH, MONTH = "half_month", "month"
# After midnight in China. Whoever dates a deduction before it has this long to commit it.
MADE_AFTER = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Due:
    """A merchant whose period from the first to the last day is over and has no statement."""

    merchant: str
    first: date
    last: date


def first_of(day: date, kind: str) -> date:
    """The first day of the calendar's period that a day lies in."""
    return day.replace(day=16 if kind == HALF_MONTH and day.day > 15 else 1)


def last_of(day: date, kind: str) -> date:
    """The last day of the calendar's period that a day lies in."""
    if kind == HALF_MONTH and day.day <= 15:
        return day.replace(day=15)
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


# Where a merchant's next period begins: after its last statement, else with the first line it has.
_DUE = """
    SELECT m.code, s.last, n.first_due
    FROM merchants m
    LEFT JOIN LATERAL (
        SELECT max(last) AS last FROM settlement_statements WHERE merchant_code = m.code
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT min(due_on) AS first_due FROM verifications
        WHERE merchant_code = m.code AND s.last IS NULL AND due_on < %(running)s
    ) n ON true
    WHERE m.code > %(after)s AND (s.last < %(running)s - 1 OR n.first_due IS NOT NULL)
    ORDER BY m.code LIMIT %(limit)s
"""


def due(tx: Tx, *, kind: str, now: datetime, limit: int, after: str = "") -> list[Due]:
    """Merchants with a period that is over and not stated, by code; each with the first of them.

    The next page begins `after` the last code of this one.
    """
    running = first_of(day_of(now - MADE_AFTER), kind)
    rows = sql.rows(tx, _DUE, {"running": running, "after": after, "limit": limit})
    found = []
    for merchant, last, first_due in rows:
        begins = last + timedelta(days=1) if last else first_of(first_due, kind)
        found.append(Due(merchant, begins, last_of(begins, kind)))
    return found
