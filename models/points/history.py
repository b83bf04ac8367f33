"""History: a person's movements of a unit, the newest first, with the balance after each.

    points_legs, both sides ─▶ a movement per transfer ─▶ balance after it ─▶ filter ─▶ lines

- The balance of a line is what was booked, in the order of `at` and serial, whatever is filtered.
  A lot whose day has passed counts until the job has booked it out; until then a first line without
  a serial takes it off, so that the top of the whole list is points.balance().
- What is moved between a person's own lot and its held_ twin changes no balance: only the filter
  "held" shows it, as reserved or returned.
- Whoever was merged into the person is the person: what moved between the two is not shown.
- A page reads about SCAN_LEGS legs at most, however deep it is, however rare what it looks for:
  `older` says where to go on. To begin at a date costs a few looks for each lot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import groupby

from models import sql
from models.base import HOUSE, Tx
from models.points.accounts import (
    CONSUMPTION,
    EXPIRED,
    KINDS,
    POINTS,
    PROMOTIONAL,
    SHANGHAI,
    day_of,
)  # fmt: skip
from models.subscribers import Subscriber, family

ALL, EARNED, SPENT, GIFT, EXPIRY, HOLD = SHOWS = (
    "all", "earned", "spent", "gift", "expired", "held",
)  # fmt: skip
PAGE_LINES_MAX = 500
SCAN_LEGS = 2_000  # about so many are looked at for a page
MERGE = "merge"  # the reason of what came along when a number was bound: no gift
LAPSE = "expired"  # the reason of expiry, booked or not yet
_HELD = "held_"

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: all that is older than this transfer comes next.

    `balance` is what the next movement left, true while the person's lots have had `legs` legs.
    """

    at: datetime
    serial: int
    balance: int = 0
    legs: int = -1  # unknown: the balance is summed up anew


@dataclass(frozen=True, slots=True)
class Filters:
    """What to show: one of SHOWS, a kind of points, days in China, both included."""

    show: str = ALL
    kind: str | None = None
    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        if self.show not in SHOWS or self.kind not in (None, *KINDS):
            raise ValueError("no such filter")


EVERYTHING = Filters()


@dataclass(frozen=True, slots=True)
class Line:
    """What a transfer was for this person. `held`: reserved (+), returned or used (-)."""

    serial: int | None  # None: expired, and not booked out yet
    at: datetime
    points: int
    balance: int
    reason: str
    consumption: int
    promotional: int
    held: int = 0
    kinds: frozenset[str] = frozenset()  # of the lots it touched
    with_person: bool = False
    party: str | None = None  # the other person's number, whole: mask it where it is shown
    account: str | None = None  # the house's account on the other side
    operator: str | None = None
    rule: str | None = None  # the title of the earning rule that gave it, as it was then

    @property
    def show(self) -> str:
        """Which of SHOWS this is, beside "held"."""
        if self.points == 0:
            return HOLD
        if self.with_person and self.reason != MERGE:
            return GIFT
        if self.points < 0 and self.account == EXPIRED:
            return EXPIRY
        return EARNED if self.points > 0 else SPENT

    def passes(self, filters: Filters) -> bool:
        if filters.kind is not None and filters.kind not in self.kinds:
            return False
        if filters.show == HOLD:
            return self.held != 0
        return self.points != 0 and filters.show in (ALL, self.show)


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, the newest first; `older` leads on. `balance` is points.balance().total now."""

    lines: list[Line]
    older: Cursor | None
    balance: int
    legs: int  # of all the person's lots of this unit: another number, another history


@dataclass(frozen=True, slots=True)
class _State:
    """The person's lots at the moment of a read; `before` is the balance at the cursor."""

    total: int
    legs: int
    lapsed: int  # expired, not booked out
    lapsed_promotional: int
    lapsed_on: date | None
    before: int


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a leg that is this person's."""

    at: datetime
    serial: int
    unit: str
    points: int
    kind: str
    other: int
    other_kind: str
    reason: str
    operator: str | None
    party: str | None
    rule: str | None


def sides(people: int, where: str, newest: str = "") -> str:
    """Both sides of the legs of so many ids of a person, %(id_0)s, %(id_1)s ..., as one list.

    `points` is negative where the person paid. "<> 0" lets the server use the indexes, which leave
    the house out. `newest` (ORDER BY ... LIMIT) stands in each part, or the server would sort all.
    """
    parts = [
        f"""
        (SELECT at, serial, unit, points, payee_kind AS kind, payee_expires_on AS expires_on,
                payer_id AS other, payer_kind AS other_kind
         FROM points_legs WHERE payee_id = %(id_{n})s AND payee_id <> {HOUSE} AND {where} {newest})
        UNION ALL
        (SELECT at, serial, unit, -points, payer_kind, payer_expires_on, payee_id, payee_kind
         FROM points_legs WHERE payer_id = %(id_{n})s AND payer_id <> {HOUSE} AND {where} {newest})
        """
        for n in range(people)
    ]
    return " UNION ALL ".join(parts)


def ids(people: Sequence[int]) -> dict[str, object]:
    """The values that a statement with `sides` needs."""
    return {"ids": list(people), **{f"id_{n}": one for n, one in enumerate(people)}}


_AT_CURSOR = "at = %(at)s AND serial < %(serial)s::bigint"
_BEFORE_CURSOR = "(at, serial) < (%(at)s, %(serial)s::bigint)"


# One statement, so one moment: the lots, the balance at the cursor, and the legs before it.
@cache
def _statement(people: int, size: int) -> str:
    """`size`, the number of legs, stands in it, not beside it: the plan depends on it."""
    newest = f"ORDER BY at DESC, serial DESC LIMIT {size}"
    return f"""
    WITH lots AS MATERIALIZED (
        SELECT coalesce(sum(balance), 0)::bigint AS total, coalesce(sum(legs), 0)::bigint AS legs,
               coalesce(sum(balance) FILTER (WHERE expires_on < %(today)s
                   AND kind IN ('{CONSUMPTION}', '{PROMOTIONAL}')), 0)::bigint AS lapsed,
               coalesce(sum(balance) FILTER (WHERE expires_on < %(today)s
                   AND kind = '{PROMOTIONAL}'), 0)::bigint AS lapsed_promotional,
               max(expires_on) FILTER (WHERE expires_on < %(today)s AND balance > 0
                   AND kind IN ('{CONSUMPTION}', '{PROMOTIONAL}')) AS lapsed_on
        FROM points_accounts WHERE subscriber_id = ANY (%(ids)s) AND unit = %(unit)s
    )
    SELECT lots.*,
           CASE WHEN lots.legs = %(legs)s::bigint THEN %(balance)s::bigint
                WHEN %(newest)s THEN lots.total
                ELSE (
                    SELECT coalesce(sum(balance), 0)::bigint FROM points_lots_at(
                        %(ids)s, %(unit)s, %(at)s - interval '1 microsecond')
                ) + (
                    SELECT coalesce(sum(points), 0)::bigint
                    FROM ({sides(people, "unit = %(unit)s AND " + _AT_CURSOR)}) AS same)
           END,
           s.at, s.serial, s.unit, s.points, s.kind, s.other, s.other_kind, t.reason, t.operator,
           n.address, r.definition ->> 'title'
    FROM lots
    LEFT JOIN (
        SELECT * FROM ({sides(people, "at >= %(since)s AND " + _BEFORE_CURSOR, newest)}) AS mine
        {newest}
    ) AS s ON true
    LEFT JOIN points_transfers t ON t.serial = s.serial
    LEFT JOIN subscriber_addresses n ON n.subscriber_id = s.other AND n.channel = 'sms'
         AND s.other <> {HOUSE} AND s.other <> ALL (%(ids)s)
    LEFT JOIN earning_rules r ON r.code = split_part(t.rule, '@', 1)
         AND r.version::text = split_part(t.rule, '@', 2)
    ORDER BY s.at DESC, s.serial DESC
"""


def page(
    tx: Tx, subscriber: Subscriber, *, now: datetime, limit: int, unit: str = POINTS,
    before: Cursor | None = None, filters: Filters = EVERYTHING,
) -> Page:  # fmt: skip
    """A person's movements older than `before`: at most `limit` lines, fewer where they are rare.

    While `older` is not None there may be more, even after a page without a line.
    """
    if not 1 <= limit <= PAGE_LINES_MAX:
        raise ValueError(f"1 to {PAGE_LINES_MAX} lines")
    cursor = before or Cursor(begin_of(filters.until, END, days=1), 0)
    people = family(tx, subscriber.id)
    lines: list[Line] = []
    older = None  # behind the last line
    seen, size = 0, 2 * limit + 2  # most transfers have one leg or two
    while True:
        state, rows = _read(tx, people, unit, cursor, filters.since, size, now)
        found, behind_all = _movements(people, unit, state, rows, size)
        on_top = _lapsed(state, filters, cursor) if before is None and not seen else []
        for line, behind in [*on_top, *found]:
            if line.passes(filters):
                if len(lines) == limit:
                    return _page(lines, older, state)
                lines.append(line)
                older = behind
        seen += len(rows)
        if len(rows) < size:
            return _page(lines, None, state)
        size *= 4
        if behind_all is not None:  # else one transfer has more legs than were read
            cursor = behind_all
            if seen >= SCAN_LEGS:
                return _page(lines, older if len(lines) == limit else cursor, state)
            size = min(size, max(SCAN_LEGS - seen, limit))


def _read(
    tx: Tx, people: Sequence[int], unit: str, cursor: Cursor, since: date | None, size: int,
    now: datetime,
) -> tuple[_State, list[_Side]]:  # fmt: skip
    values = {
        **ids(people), "unit": unit, "today": day_of(now), "at": cursor.at,
        "serial": cursor.serial, "balance": cursor.balance, "legs": cursor.legs,
        "since": begin_of(since, BEGINNING), "newest": cursor.at == END,
    }  # fmt: skip
    rows = sql.rows(tx, _statement(len(people), size), values)
    return _State(*rows[0][:6]), [_Side(*row[6:]) for row in rows if row[7] is not None]


def _movements(
    people: Sequence[int], unit: str, state: _State, rows: Sequence[_Side], size: int
) -> tuple[list[tuple[Line, Cursor]], Cursor | None]:
    """Each transfer as a line and the cursor behind it; and the cursor behind all of them."""
    balance = state.before
    groups = [list(group) for _, group in groupby(rows, key=lambda side: side.serial)]
    if len(rows) == size:
        groups.pop()  # more of its legs may come
    found: list[tuple[Line, Cursor]] = []
    for group in groups:
        mine = [side for side in group if side.unit == unit]
        if mine:
            line = _line(people, mine, balance)
            balance -= line.points
            found.append((line, Cursor(line.at, mine[0].serial, balance, state.legs)))
    last = groups[-1][0] if groups else None
    return found, Cursor(last.at, last.serial, balance, state.legs) if last else None


def _line(family: Sequence[int], mine: Sequence[_Side], balance: int) -> Line:
    first = mine[0]
    parts = {
        kind: sum(side.points for side in mine if side.kind.removeprefix(_HELD) == kind)
        for kind in KINDS
    }
    others = [side for side in mine if side.other not in family]
    people = [side for side in others if side.other != HOUSE]
    house = [side.other_kind for side in others if side.other == HOUSE]
    return Line(
        serial=first.serial,
        at=first.at,
        points=sum(parts.values()),
        balance=balance,
        reason=first.reason,
        consumption=parts[CONSUMPTION],
        promotional=parts[PROMOTIONAL],
        held=sum(side.points for side in mine if side.kind.startswith(_HELD)),
        kinds=frozenset(side.kind.removeprefix(_HELD) for side in mine),
        with_person=bool(people),
        party=people[0].party if people else None,
        account=house[0] if house else None,
        operator=first.operator,
        rule=first.rule,
    )


def _lapsed(state: _State, filters: Filters, end: Cursor) -> list[tuple[Line, Cursor]]:
    """What has expired and is not booked out yet, as a line on top of the others."""
    if not state.lapsed or state.lapsed_on is None:
        return []
    at = begin_of(state.lapsed_on, END, days=1)
    if not begin_of(filters.since, BEGINNING) <= at < end.at:
        return []
    parts = {PROMOTIONAL: state.lapsed_promotional}
    parts[CONSUMPTION] = state.lapsed - state.lapsed_promotional
    line = Line(
        serial=None,
        at=at,
        points=-state.lapsed,
        balance=state.total - state.lapsed,
        reason=LAPSE,
        consumption=-parts[CONSUMPTION],
        promotional=-parts[PROMOTIONAL],
        kinds=frozenset(kind for kind, points in parts.items() if points),
        account=EXPIRED,
    )
    return [(line, end)]


def _page(lines: list[Line], older: Cursor | None, state: _State) -> Page:
    return Page(lines, older, state.total - state.lapsed, state.legs)


def begin_of(day: date | None, otherwise: datetime, *, days: int = 0) -> datetime:
    """When a day begins in China, or so many days later."""
    if day is None:
        return otherwise
    return datetime.combine(day + timedelta(days=days), time(), SHANGHAI).astimezone(UTC)
