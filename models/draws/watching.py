"""Watching a draw: what is left, how fast it goes, and the odds seen against the odds promised.

The band is Wilson's: of so many draws, what share of them the odds may truly be. What counts is
which prize was *drawn*: that another was given because it had run out is no fault of the odds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from statistics import NormalDist

from models import sql
from models.base import Tx
from models.draws import choosing
from models.draws.definition import PPM, Prize
from models.draws.publishing import find

CONFIDENCE = 0.999


@dataclass(frozen=True, slots=True)
class Seen:
    """One prize. Shares between 0 and 1; `left` is what can still be won, released or not."""

    prize: Prize
    drawn: int
    given: int
    total: int | None  # None: there is always enough
    left: int | None
    free_now: int | None  # released and not taken
    promised: float
    seen: float
    low: float
    high: float
    lasts: timedelta | None  # at the pace of the last day; None: nobody takes any

    @property
    def within(self) -> bool:
        """Whether what was promised lies within the band of what is seen."""
        return self.low <= self.promised <= self.high


@dataclass(frozen=True, slots=True)
class Watched:
    """A draw at a moment. Odds are those of the newest version, and its draws alone count."""

    code: str
    title: str
    version: int
    state: str
    draws: int
    draws_last_hour: int
    people: int
    points_in: int
    points_out: int
    prizes: list[Seen]


def wilson(hits: int, of: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The band in which the true share lies with this confidence; (0, 1) of nothing."""
    if of == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(1 - (1 - confidence) / 2)
    share, zz = hits / of, z * z
    middle = (share + zz / (2 * of)) / (1 + zz / of)
    half = z * sqrt(share * (1 - share) / of + zz / (4 * of * of)) / (1 + zz / of)
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    return low, 1.0 if hits == of else min(1.0, middle + half)


def watch(tx: Tx, code: str, now: datetime) -> Watched:
    """How a draw goes. Raises LookupError where there is none."""
    live = find(tx, code)
    if live is None:
        raise LookupError(f"no draw is called {code}")
    version = live.version
    counted = sql.rows(
        tx,
        "SELECT wanted, count(*) FROM draw_results WHERE draw_code = %(code)s"
        " AND version = %(version)s AND by = 'odds' GROUP BY wanted",
        {"code": code, "version": version},
    )
    drawn = {row[0]: int(row[1]) for row in counted}
    by_odds = sum(drawn.values())
    draws, last_hour, people, points_in = sql.one(
        tx,
        "SELECT count(*), count(*) FILTER (WHERE at > %(hour)s), count(DISTINCT subscriber_id),"
        " coalesce(sum(points), 0)::bigint FROM draw_results WHERE draw_code = %(code)s",
        {"code": code, "hour": now - timedelta(hours=1)},
    )
    stock = {
        row[0]: row[1:]
        for row in sql.rows(
            tx,
            "SELECT s.prize_code, total, taken, returned, (SELECT count(*) FROM draw_deliveries w"
            "   WHERE w.draw_code = s.draw_code AND w.prize_code = s.prize_code"
            "   AND w.won_at > %(since)s) FROM draw_stock s WHERE draw_code = %(code)s",
            {"code": code, "since": now - timedelta(days=1)},
        )
    }
    points_out = 0
    prizes = []
    for prize in live.draw.prizes:
        total, taken, returned, a_day = stock.get(prize.code, (None, 0, 0, 0))
        points_out += taken * (prize.points or 0)
        hits = drawn.get(prize.code, 0)
        low, high = wilson(hits, by_odds)
        left = None if total is None else total + returned - taken
        free = None
        if total is not None:
            released = min(total, choosing.released(live.draw, prize, now))
            free = max(0, released + returned - taken)
        prizes.append(
            Seen(
                prize, hits, taken, total, left, free, prize.odds_ppm / PPM,
                hits / by_odds if by_odds else 0.0, low, high,
                timedelta(days=left / a_day) if left and a_day else None,
            )
        )  # fmt: skip
    return Watched(
        code, live.draw.title, version, live.state, draws, last_hour, people, points_in,
        points_out, prizes,
    )  # fmt: skip
