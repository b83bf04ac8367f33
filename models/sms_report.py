"""How SMS went, by gateway and hour or day: read from counts (models/sms_counts.py) alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from models import sql
from models.base import Tx
from models.points.accounts import SHANGHAI
from models.sms_counts import (
    CODE,
    DELIVERED,
    FAILED,
    SEGMENTS,
    SUBMITTED,
    WITHIN,
)

Prices = Mapping[str, Sequence[tuple[datetime, int]]]  # gateway -> since when, milli-fen a segment


@dataclass(frozen=True, slots=True)
class Going:
    """What was counted of some messages. `cost_fen` is None where nobody has named a price."""

    counts: Mapping[str, int]
    cost_fen: Decimal | None = None

    @property
    def submitted(self) -> int:
        return self.counts.get(SUBMITTED, 0)

    @property
    def segments(self) -> int:
        return self.counts.get(SEGMENTS, 0)

    @property
    def delivered(self) -> int:
        return self.counts.get(DELIVERED, 0)

    @property
    def failed(self) -> int:
        return self.counts.get(FAILED, 0)

    @property
    def unknown(self) -> int:
        """Submitted, and no receipt has said yet what became of it."""
        return max(self.submitted - self.delivered - self.failed, 0)

    @property
    def delivered_percent(self) -> int | None:
        """Of those that have a receipt; None without any."""
        ended = self.delivered + self.failed
        return self.delivered * 100 // ended if ended else None

    @property
    def codes(self) -> list[tuple[str, int]]:
        """The carrier's own words for failures, the most frequent first."""
        found = [(name[len(CODE) :], n) for name, n in self.counts.items() if name.startswith(CODE)]
        return sorted(found, key=lambda each: (-each[1], each[0]))

    def within_s(self, share: float) -> int | None:
        """The time to the receipt that this share of them did not exceed; None without any."""
        times = {
            int(name[len(WITHIN) :]): n
            for name, n in self.counts.items()
            if name.startswith(WITHIN)
        }
        wanted, seen = share * sum(times.values()), 0
        for bound in sorted(times):
            seen += times[bound]
            if seen >= wanted:
                return bound
        return None


@dataclass(frozen=True, slots=True)
class Hour:
    """A gateway in an hour."""

    hour: datetime
    gateway: str
    going: Going


@dataclass(frozen=True, slots=True)
class Day:
    """A category over a gateway on a day in China."""

    day: date
    gateway: str
    category: str
    going: Going


@dataclass(slots=True)
class _Sum:
    counts: Counter[str] = field(default_factory=Counter)
    cost: Decimal | None = None

    def add(self, name: str, n: int, milli_fen: int | None) -> None:
        self.counts[name] += n
        if name == SEGMENTS and milli_fen is not None:
            self.cost = (self.cost or Decimal(0)) + Decimal(n * milli_fen) / 1000

    def going(self) -> Going:
        return Going(dict(self.counts), self.cost)


def by_hour(tx: Tx, *, since: datetime, until: datetime) -> list[Hour]:
    """Each gateway in each hour in which something left over it, the newest first."""
    sums: defaultdict[tuple[datetime, str], _Sum] = defaultdict(_Sum)
    priced = prices(tx)
    for hour, gateway, _category, name, n in _counted(tx, since, until):
        sums[hour, gateway].add(name, n, price_at(priced, gateway, hour))
    return [
        Hour(hour, gateway, one.going())
        for (hour, gateway), one in sorted(sums.items(), key=lambda each: (-each[0][0].timestamp(),
                                                                           each[0][1]))
    ]  # fmt: skip


def by_day(tx: Tx, *, since: date, until: date) -> list[Day]:
    """Each category over each gateway on each day, both ends included, the newest first."""
    sums: defaultdict[tuple[date, str, str], _Sum] = defaultdict(_Sum)
    priced = prices(tx)
    begin, end = _midnight(since), _midnight(until + timedelta(days=1))
    for hour, gateway, category, name, n in _counted(tx, begin, end):
        day = hour.astimezone(SHANGHAI).date()
        sums[day, gateway, category].add(name, n, price_at(priced, gateway, hour))
    order = sorted(sums, key=lambda each: (-each[0].toordinal(), each[1], each[2]))
    return [Day(*each, sums[each].going()) for each in order]


def receipts_lately(tx: Tx, *, most: int, since: datetime) -> dict[str, tuple[int, int]]:
    """Gateway -> (delivered, failed) of its last receipts: `most` of them, and the rest of the
    minute in which the first of those came."""
    rows = sql.rows(
        tx,
        "SELECT gateway, minute, name, sum(n)::bigint FROM ("
        " SELECT gateway, minute, name, n FROM sms_minutes WHERE minute > %(since)s"
        " UNION ALL SELECT gateway, date_trunc('minute', at), name, n FROM sms_counts"
        " WHERE at > %(since)s) AS each WHERE name = ANY (%(names)s) AND gateway <> ''"
        " GROUP BY 1, 2, 3 ORDER BY 2 DESC",
        {"since": since, "names": [DELIVERED, FAILED]},
    )
    found: dict[str, tuple[int, int]] = {}
    whole: dict[str, datetime] = {}  # gateway -> the minute that was enough
    for gateway, minute, name, n in rows:
        if gateway in whole and minute < whole[gateway]:
            continue
        delivered, failed = found.get(gateway, (0, 0))
        found[gateway] = (delivered + n, failed) if name == DELIVERED else (delivered, failed + n)
        if sum(found[gateway]) >= most:
            whole.setdefault(gateway, minute)
    return found


def counted_since(tx: Tx, name: str, since: datetime) -> int:
    """How many of something were counted in the whole minutes since then."""
    return int(
        sql.value(
            tx,
            "SELECT coalesce(sum(n), 0)::bigint FROM ("
            " SELECT n FROM sms_minutes WHERE minute > %(since)s AND name = %(name)s"
            " UNION ALL SELECT n FROM sms_counts WHERE at > %(since)s AND name = %(name)s) AS each",
            {"since": since, "name": name},
        )
    )


def prices(tx: Tx) -> Prices:
    """What a segment has cost over each gateway, the newest price first."""
    found: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    rows = sql.rows(tx, "SELECT gateway, since, milli_fen FROM sms_prices ORDER BY since DESC")
    for gateway, since, milli_fen in rows:
        found[gateway].append((since, milli_fen))
    return found


def price_at(priced: Prices, gateway: str, hour: datetime) -> int | None:
    """What a segment cost at the beginning of an hour."""
    return next((fen for since, fen in priced.get(gateway, ()) if since <= hour), None)


def _counted(
    tx: Tx, since: datetime, until: datetime
) -> Iterable[tuple[datetime, str, str, str, int]]:
    rows = sql.rows(
        tx,
        "SELECT hour, gateway, category, name, sum(n)::bigint FROM ("
        " SELECT hour, gateway, category, name, n FROM sms_hours"
        " WHERE hour >= %(since)s AND hour < %(until)s"
        " UNION ALL SELECT hour, gateway, category, name, n FROM sms_counts"
        " WHERE hour >= %(since)s AND hour < %(until)s) AS each"
        " WHERE gateway <> '' GROUP BY 1, 2, 3, 4",
        {"since": since, "until": until},
    )
    return ((row[0], row[1], row[2], row[3], row[4]) for row in rows)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
