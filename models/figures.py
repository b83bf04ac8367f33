"""Figures for charts: what was counted in each hour, and what points did on each day.

The hours come from the live numbers in Redis, copied by the clock; the days from the closings of
the ledger, so that a chart never adds up the ledger itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import BigInteger, CheckConstraint, Column, PrimaryKeyConstraint, String, Table

from models import points, sql
from models.base import Tx, metadata, moment
from models.points.accounts import EXCHANGE, EXPIRED, ISSUING

KEPT_FOR = timedelta(days=400)

hourly_figures = Table(
    "hourly_figures",
    metadata,
    moment("hour"),
    Column("name", String(32), nullable=False),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("hour", "name"),
    CheckConstraint("n > 0", name="n"),
)

# The house's accounts, as a closing names them, that points come from when they are issued.
_SOURCES = (f"house {ISSUING}", "house budget")
_EXPIRED, _EXCHANGED = f"house {EXPIRED}", f"house {EXCHANGE}"


@dataclass(frozen=True, slots=True)
class PointsDay:
    """What left the house for people on a day, and what came back: each net of what was undone."""

    day: date
    issued: int
    spent: int
    expired: int
    exchanged: int  # into coins
    held: int  # what people have at the end of the day


def keep_hour(tx: Tx, hour: datetime, counts: Mapping[str, int]) -> None:
    """Keep what was counted in an hour; counting again never makes it less."""
    for name, n in counts.items():
        sql.run(
            tx,
            "INSERT INTO hourly_figures (hour, name, n) VALUES (%(hour)s, %(name)s, %(n)s)"
            " ON CONFLICT (hour, name) DO UPDATE"
            " SET n = greatest(hourly_figures.n, excluded.n)",
            {"hour": hour, "name": name, "n": n},
        )


def by_hour(tx: Tx, *, since: datetime, until: datetime) -> dict[datetime, dict[str, int]]:
    """Hour -> name -> how many; hours in which nothing happened are missing."""
    rows = sql.rows(
        tx,
        "SELECT hour, name, n FROM hourly_figures WHERE hour >= %(since)s AND hour < %(until)s"
        " ORDER BY hour, name",
        {"since": since, "until": until},
    )
    found: dict[datetime, dict[str, int]] = {}
    for hour, name, n in rows:
        found.setdefault(hour, {})[name] = n
    return found


def forget_old(tx: Tx, now: datetime) -> int:
    """Delete the hours of long ago. Returns how many rows."""
    return sql.change(
        tx, "DELETE FROM hourly_figures WHERE hour < %(before)s", {"before": now - KEPT_FOR}
    )


def points_by_day(tx: Tx, *, since: date, until: date) -> list[PointsDay]:
    """The closed days from `since` to `until`, both included, the first day first."""
    rows = sql.rows(
        tx,
        "SELECT day, coalesce(totals -> %(unit)s, '{}') FROM ledger_closings"
        " WHERE day BETWEEN %(before)s AND %(until)s ORDER BY day",
        {"unit": points.POINTS, "before": since - timedelta(days=1), "until": until},
    )
    found, before = [], None
    for day, totals in rows:
        # Without a closing before it, it is the ledger's first day, which began with nothing.
        if day >= since:
            found.append(_points_day(day, before or {}, totals))
        before = totals
    return found


def _points_day(day: date, before: Mapping[str, int], after: Mapping[str, int]) -> PointsDay:
    moved = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
    house = {name: n for name, n in moved.items() if name.startswith("house ")}
    issued = -sum(house.pop(name, 0) for name in _SOURCES)
    expired, exchanged = house.pop(_EXPIRED, 0), house.pop(_EXCHANGED, 0)
    held = sum(n for name, n in after.items() if name.startswith("people "))
    return PointsDay(day, issued, sum(house.values()), expired, exchanged, held)
