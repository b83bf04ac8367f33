"""What became of SMS, by gateway and by the hour in which they were submitted.

    submitted, receipted ──note()──▶ sms_counts ──fold(), by the clock──▶ sms_hours    for 400 days
    in the same transaction          appended                            sms_minutes  for an hour

Nothing is counted up in a row that others write, too: whoever sends waits for nobody. What is not
folded yet is added when it is read, so the figures are those of the rows at any moment.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment

HOURS_KEPT, MINUTES_KEPT = timedelta(days=400), timedelta(hours=1)
CODE_CHARS = 32  # of a carrier's own word

# What is counted of a message; a failure's code, and how long a receipt took, stand in the name.
SUBMITTED, SEGMENTS = "submitted", "segments"
DELIVERED, FAILED, LOOPED = "delivered", "failed", "loop"
CODE, WITHIN = "code:", "within:"
# Upper bounds in seconds of the time from submit to receipt; the last has all that took longer.
BOUNDS_S = (
    1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800, 3600, 7200, 14400,
    43200, 86400, 259200,
)  # fmt: skip


counts = Table(
    "sms_counts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    moment("at"),
    moment("hour"),
    Column("gateway", String(16), nullable=False),
    Column("category", String(16), nullable=False),
    Column("name", String(48), nullable=False),
    Column("n", BigInteger, nullable=False),
    CheckConstraint("n > 0", name="n"),
)
hours = Table(
    "sms_hours",
    metadata,
    moment("hour"),
    Column("gateway", String(16), nullable=False),
    Column("category", String(16), nullable=False),
    Column("name", String(48), nullable=False),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("hour", "gateway", "category", "name"),
    CheckConstraint("n > 0", name="n"),
    CheckConstraint("extract(epoch FROM hour) % 3600 = 0", name="hour"),
)
minutes = Table(
    "sms_minutes",
    metadata,
    moment("minute"),
    Column("gateway", String(16), nullable=False),
    Column("name", String(48), nullable=False),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("minute", "gateway", "name"),
    CheckConstraint("n > 0", name="n"),
)
prices = Table(
    "sms_prices",
    metadata,
    Column("gateway", String(16), nullable=False),
    moment("since"),
    Column("milli_fen", Integer, nullable=False),
    PrimaryKeyConstraint("gateway", "since"),
    CheckConstraint("milli_fen >= 0", name="milli_fen"),
)


@dataclass(frozen=True, slots=True)
class Left:
    """A message that a gateway has taken, or may have."""

    gateway: str
    category: str
    submitted_at: datetime
    segments: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A message whose end a gateway has told: delivered, or failed with its own code."""

    gateway: str
    category: str
    submitted_at: datetime
    delivered: bool
    code: str = ""


def left(tx: Tx, messages: Iterable[Left], now: datetime) -> None:
    """Count what has left."""
    found: Counter[tuple[datetime, str, str, str]] = Counter()
    for one in messages:
        where = (hour_of(one.submitted_at), one.gateway, one.category)
        found[(*where, SUBMITTED)] += 1
        found[(*where, SEGMENTS)] += max(one.segments, 1)
    _note(tx, found, now)


def ended(tx: Tx, messages: Iterable[Ended], now: datetime) -> None:
    """Count what receipts have settled: each message once, in the hour in which it had left."""
    found: Counter[tuple[datetime, str, str, str]] = Counter()
    for one in messages:
        where = (hour_of(one.submitted_at), one.gateway, one.category)
        found[(*where, DELIVERED if one.delivered else FAILED)] += 1
        found[(*where, f"{WITHIN}{_bound(now - one.submitted_at)}")] += 1
        if not one.delivered:
            found[(*where, f"{CODE}{one.code[:CODE_CHARS] or '?'}")] += 1
    _note(tx, found, now)


def looped(tx: Tx, category: str, now: datetime) -> None:
    """Count a message that the guard against loops has held back."""
    _note(tx, {(hour_of(now), "", category, LOOPED): 1}, now)


def fold(tx: Tx, limit: int) -> int:
    """Add up what was noted, the oldest first, at most so many rows. Returns how many."""
    found = sql.rows(tx, _FOLD, {"limit": limit})
    return int(found[0][0]) if found else 0


def forget_old(tx: Tx, now: datetime) -> None:
    """Delete minutes and hours of long ago."""
    sql.change(
        tx, "DELETE FROM sms_minutes WHERE minute < %(before)s", {"before": now - MINUTES_KEPT}
    )
    sql.change(tx, "DELETE FROM sms_hours WHERE hour < %(before)s", {"before": now - HOURS_KEPT})


def keep_prices(tx: Tx, milli_fen: Mapping[str, int], now: datetime) -> int:
    """Note what a segment costs from now on, where that is new; returns how many were new."""
    return sql.change(
        tx,
        "INSERT INTO sms_prices (gateway, since, milli_fen)"
        " SELECT v.gateway, CASE WHEN p.milli_fen IS NULL THEN %(ever)s ELSE %(now)s END, v.fen"
        " FROM unnest(%(gateways)s::text[], %(fen)s::int[]) AS v (gateway, fen)"
        " LEFT JOIN LATERAL (SELECT milli_fen FROM sms_prices WHERE gateway = v.gateway"
        " ORDER BY since DESC LIMIT 1) p ON true"
        " WHERE p.milli_fen IS DISTINCT FROM v.fen ON CONFLICT DO NOTHING",
        {"gateways": [*milli_fen], "fen": [*milli_fen.values()], "now": now,
         "ever": _EVER},
    )  # fmt: skip


_EVER = datetime(2000, 1, 1, tzinfo=UTC)  # what left before anybody named a price costs the first

# Minutes are those in which receipts came, hours those in which messages left.
_FOLD = f"""
    WITH taken AS (
        DELETE FROM sms_counts WHERE id = ANY (ARRAY(
            SELECT id FROM sms_counts ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
        RETURNING at, hour, gateway, category, name, n
    ), by_hour AS (
        INSERT INTO sms_hours AS h (hour, gateway, category, name, n)
        SELECT hour, gateway, category, name, sum(n) FROM taken GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3
        ON CONFLICT (hour, gateway, category, name) DO UPDATE SET n = h.n + excluded.n
    ), by_minute AS (
        INSERT INTO sms_minutes AS m (minute, gateway, name, n)
        SELECT date_trunc('minute', at), gateway, name, sum(n) FROM taken
        WHERE name IN ('{DELIVERED}', '{FAILED}', '{LOOPED}') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (minute, gateway, name) DO UPDATE SET n = m.n + excluded.n
    )
    SELECT count(*) FROM taken
"""


def _note(tx: Tx, found: Mapping[tuple[datetime, str, str, str], int], now: datetime) -> None:
    if not found:
        return
    when, gateways, categories, names = zip(*found, strict=True)
    sql.run(
        tx,
        "INSERT INTO sms_counts (at, hour, gateway, category, name, n)"
        " SELECT %(now)s, * FROM unnest(%(hours)s::timestamptz[], %(gateways)s::text[],"
        " %(categories)s::text[], %(names)s::text[], %(n)s::bigint[])",
        {"now": now, "hours": [*when], "gateways": [*gateways], "categories": [*categories],
         "names": [*names], "n": [*found.values()]},
    )  # fmt: skip


def hour_of(moment: datetime) -> datetime:
    """The beginning of its hour, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _bound(took: timedelta) -> int:
    place = bisect_left(BOUNDS_S, took.total_seconds())
    return BOUNDS_S[min(place, len(BOUNDS_S) - 1)]
