"""Seeds: one for each draw and day, committed days before, sealed, and revealed afterwards.

committed (SHA-256, public) ──the day's draws──▶ the day is over ──▶ revealed, with a digest of
                                                                     all results of the day
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from models import sql
from models.base import Tx
from models.draws import fairness
from models.operators.vault import Vault
from models.points import day_of

# A clock that stands still for less than this stops no draw.
AHEAD_DAYS = 7
# A draw that began before midnight has ended by then, or never will.
REVEAL_AFTER = timedelta(minutes=10)
REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Day:
    """What is public about a draw's day; `seed` is None until it is over."""

    draw_code: str
    day: date
    commitment: str
    committed_at: datetime
    seed: str | None
    results: int | None
    digest: str | None
    revealed_at: datetime | None


_DAYS = (
    "SELECT s.draw_code, s.day, s.commitment, s.committed_at, r.seed, r.results, r.digest,"
    " r.revealed_at FROM draw_seeds s"
    " LEFT JOIN draw_reveals r ON r.draw_code = s.draw_code AND r.day = s.day"
)
# All results of a day in one number.
DIGEST = (
    "SELECT count(*), encode(sha256(coalesce(string_agg(seal, ''::bytea ORDER BY id), ''::bytea)),"
    " 'hex') FROM draw_results WHERE draw_code = %(code)s AND day = %(day)s"
)


@dataclass(slots=True)
class Seeds:
    """Makes seeds and opens them; a process remembers those that it has opened."""

    vault: Callable[[], Vault]
    _opened: dict[bytes, str] = field(default_factory=dict)

    def promise(self, tx: Tx, draw_code: str, *, first: date, last: date, now: datetime) -> int:
        """Commit to a seed for each of these days that has none. Returns how many were made."""
        missing = sql.rows(
            tx,
            "SELECT d::date FROM generate_series(%(first)s::date, %(last)s::date, '1 day') d"
            " WHERE NOT EXISTS (SELECT 1 FROM draw_seeds s"
            "   WHERE s.draw_code = %(code)s AND s.day = d::date)",
            {"first": first, "last": last, "code": draw_code},
        )
        for (day,) in missing:
            seed = fairness.new_seed()
            sql.run(
                tx,
                "INSERT INTO draw_seeds (draw_code, day, commitment, sealed, committed_at)"
                " VALUES (%(code)s, %(day)s, %(commitment)s, %(sealed)s, %(now)s)"
                " ON CONFLICT DO NOTHING",
                {
                    "code": draw_code, "day": day, "commitment": fairness.commitment(seed),
                    "sealed": self.vault().seal_for(_owner(draw_code, day), seed), "now": now,
                },
            )  # fmt: skip
        return len(missing)

    def open(self, draw_code: str, day: date, sealed: bytes) -> str:
        """The seed of a day. Raises Unsealable."""
        key = bytes(sealed)
        if key not in self._opened:
            if len(self._opened) >= REMEMBERED:
                self._opened.clear()
            self._opened[key] = self.vault().open_for(_owner(draw_code, day), key)
        return self._opened[key]

    def of(self, tx: Tx, draw_code: str, day: date) -> str:
        """The same, looked up. Raises LookupError."""
        sealed = sql.value(
            tx,
            "SELECT sealed FROM draw_seeds WHERE draw_code = %(code)s AND day = %(day)s",
            {"code": draw_code, "day": day},
        )
        return self.open(draw_code, day, sealed)


def promise_ahead(tx: Tx, seeds: Seeds, now: datetime) -> int:
    """Commit to the seeds of the days to come, of every draw that is not over; how many."""
    today = day_of(now)
    draws = sql.rows(
        tx,
        "SELECT code, greatest(starts_on, %(today)s), least(ends_on, %(today)s + %(ahead)s)"
        " FROM draws WHERE version > 0 AND state <> 'ended' AND ends_on >= %(today)s",
        {"today": today, "ahead": AHEAD_DAYS},
    )
    return sum(
        seeds.promise(tx, code, first=first, last=last, now=now) for code, first, last in draws
    )


def reveal_due(tx: Tx, seeds: Seeds, now: datetime, limit: int) -> list[Day]:
    """Reveal the seeds of days that are over, of so many at most."""
    over = day_of(now - REVEAL_AFTER)
    due = sql.rows(
        tx,
        "SELECT s.draw_code, s.day, s.sealed FROM draw_seeds s WHERE s.day < %(over)s"
        " AND NOT EXISTS (SELECT 1 FROM draw_reveals r"
        "   WHERE r.draw_code = s.draw_code AND r.day = s.day)"
        " ORDER BY s.day, s.draw_code LIMIT %(limit)s",
        {"over": over, "limit": limit},
    )
    for code, day, sealed in due:
        results, digest = sql.one(tx, DIGEST, {"code": code, "day": day})
        sql.run(
            tx,
            "INSERT INTO draw_reveals (draw_code, day, seed, results, digest, revealed_at) VALUES"
            " (%(code)s, %(day)s, %(seed)s, %(results)s, %(digest)s, %(now)s)"
            " ON CONFLICT DO NOTHING",
            {
                "code": code, "day": day, "seed": seeds.open(code, day, sealed),
                "results": results, "digest": digest, "now": now,
            },
        )  # fmt: skip
    return [found for code, day, _ in due for found in days(tx, code, first=day, last=day)]


def days(
    tx: Tx, draw_code: str, *, first: date = date.min, last: date = date.max, limit: int = 1000
) -> list[Day]:
    """What is public about a draw's days, the latest first."""
    rows = sql.rows(
        tx,
        f"{_DAYS} WHERE s.draw_code = %(code)s AND s.day BETWEEN %(first)s AND %(last)s"
        " ORDER BY s.day DESC LIMIT %(limit)s",
        {"code": draw_code, "first": first, "last": last, "limit": limit},
    )
    return [Day(*row) for row in rows]


def _owner(draw_code: str, day: date) -> str:
    return f"draw/{draw_code}/{day.isoformat()}"
