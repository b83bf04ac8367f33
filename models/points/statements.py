"""Statements: what a person had at a past moment, what expires when, and a month summed up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from models import sql
from models.base import Tx
from models.points import history
from models.points.accounts import (
    CONSUMPTION,
    HELD,
    KINDS,
    POINTS,
    PROMOTIONAL,
    Balance,
    day_of,
)  # fmt: skip
from models.points.history import Filters, Line
from models.subscribers import Subscriber, family

MONTH_LINES_MAX = history.PAGE_LINES_MAX  # shown on a monthly statement; all are summed
# The account may change between two reads; it hardly does so three times.
TRIES = 3


@dataclass(frozen=True, slots=True)
class Lot:
    """Points of a kind with one expiry date; `held` of them are reserved."""

    kind: str
    expires_on: date
    points: int
    held: int = 0


@dataclass(frozen=True, slots=True)
class Sum:
    """What a reason brought and took within a month, in so many movements; `taken` is negative."""

    reason: str
    brought: int
    taken: int
    movements: int


@dataclass(frozen=True, slots=True)
class Month:
    """A month in China, of one unit: opening + sums = closing, in what was booked.

    `lapsed` of the closing balance had expired by its end (or by now), not booked out. `lines` are
    the newest first, `cut` if there are more.
    """

    first: date
    opening: int
    sums: list[Sum]
    closing: int
    held: int
    lapsed: int
    lines: list[Line]
    cut: bool

    @property
    def last(self) -> date:
        return _next_month(self.first) - timedelta(days=1)


# A function of the database (migrations/0019): a few looks for each lot, however much has moved.
_LOTS_AT = """
    SELECT kind, expires_on, sum(balance)::bigint AS balance
    FROM points_lots_at(%(ids)s, %(unit)s, %(after)s) GROUP BY kind, expires_on
"""


@cache
def _month(people: int) -> str:
    within = history.sides(people, "unit = %(unit)s AND at >= %(begin)s AND at <= %(after)s")
    return f"""
    WITH lots AS ({_LOTS_AT}),
    closing AS (
        SELECT coalesce(sum(balance), 0)::bigint,
               coalesce(sum(balance) FILTER (WHERE kind LIKE 'held%%'), 0)::bigint,
               coalesce(sum(balance) FILTER (
                   WHERE expires_on < %(today)s AND kind NOT LIKE 'held%%'), 0)::bigint,
               (SELECT coalesce(sum(legs), 0)::bigint FROM points_accounts
                WHERE subscriber_id = ANY (%(ids)s) AND unit = %(unit)s)
        FROM lots
    ),
    moved AS (
        SELECT serial, sum(points)::bigint AS points
        FROM ({within}) AS month
        GROUP BY serial HAVING sum(points) <> 0
    )
    SELECT closing.*, s.*
    FROM closing LEFT JOIN (
        SELECT t.reason, coalesce(sum(m.points) FILTER (WHERE m.points > 0), 0)::bigint,
               coalesce(sum(m.points) FILTER (WHERE m.points < 0), 0)::bigint, count(*)
        FROM moved m JOIN points_transfers t ON t.serial = m.serial
        GROUP BY t.reason
    ) AS s ON true
    ORDER BY s.reason
"""


def balance_at(
    tx: Tx, subscriber: Subscriber, at: datetime, *, unit: str = POINTS, expiring_days: int = 0
) -> Balance:
    """What points.balance() would have said at this moment, of what is booked by now.

    What somebody had who was merged into the person since counts, as in the history.

    Costs a few looks for each lot, and the legs of the day around that moment.
    """
    today = day_of(at)
    lots = [
        lot
        for lot in _lots(tx, subscriber, at, unit)
        if lot.points and (lot.expires_on >= today or lot.held)
    ]
    soon = [
        lot for lot in lots if not lot.held and lot.expires_on <= today + timedelta(expiring_days)
    ]
    return Balance(
        consumption=sum(lot.points for lot in lots if lot.kind == CONSUMPTION),
        promotional=sum(lot.points for lot in lots if lot.kind == PROMOTIONAL),
        held=sum(lot.held for lot in lots),
        expiring=sum(lot.points for lot in soon),
        expiring_by=max((lot.expires_on for lot in soon), default=None),
    )


def expiring_lots(
    tx: Tx, subscriber: Subscriber, *, now: datetime, unit: str = POINTS
) -> list[Lot]:
    """What can be used or is reserved, by kind and date, the soonest to expire first."""
    rows = sql.rows(
        tx,
        "SELECT kind, expires_on, sum(balance)::bigint FROM points_accounts"
        " WHERE subscriber_id = %(id)s AND unit = %(unit)s AND balance > 0"
        "   AND (expires_on >= %(today)s OR kind LIKE 'held%%') GROUP BY kind, expires_on",
        {"id": subscriber.id, "unit": unit, "today": day_of(now)},
    )
    there = {(kind, day): points for kind, day, points in rows}
    lots = []
    for day in sorted({day for _, day in there}):
        for kind in KINDS:
            free, held = there.get((kind, day), 0), there.get((HELD[kind], day), 0)
            if free or held:
                lots.append(Lot(kind, day, free + held, held))
    return lots


def month(
    tx: Tx, subscriber: Subscriber, year: int, month: int, *, now: datetime, unit: str = POINTS
) -> Month:
    """A month summed up; the running one as far as it is. Costs its legs."""
    first = date(year, month, 1)
    following = _next_month(first)
    people = family(tx, subscriber.id)
    values = {
        **history.ids(people), "unit": unit, "today": min(following, day_of(now)),
        "begin": history.begin_of(first, history.BEGINNING),
        "after": history.begin_of(following, history.END) - timedelta(microseconds=1),
    }  # fmt: skip
    within = Filters(since=first, until=following - timedelta(days=1))
    for _ in range(TRIES):
        rows = sql.rows(tx, _month(len(people)), values)
        closing, held, lapsed, legs = rows[0][:4]
        page = history.page(
            tx, subscriber, now=now, unit=unit, limit=MONTH_LINES_MAX, filters=within
        )
        if page.legs == legs:
            break
    sums = [Sum(*row[4:]) for row in rows if row[4] is not None]
    return Month(
        first=first,
        opening=closing - sum(one.brought + one.taken for one in sums),
        sums=sums,
        closing=closing,
        held=held,
        lapsed=lapsed,
        lines=[line for line in page.lines if line.serial is not None],
        cut=page.older is not None,
    )


def _lots(tx: Tx, subscriber: Subscriber, at: datetime, unit: str) -> list[Lot]:
    people = family(tx, subscriber.id)
    rows = sql.rows(tx, _LOTS_AT, {"ids": people, "unit": unit, "after": at})
    return [
        Lot(kind.removeprefix("held_"), day, points, points if kind.startswith("held_") else 0)
        for kind, day, points in rows
    ]


def _next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)
