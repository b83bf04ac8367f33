"""A closing per day in China: what was in it, sealed by a hash over it and the closing before.

    gate shut ──▶ the last writers have gone ──▶ digest of the day's rows ──▶ closing
    (no transfer of the day any more)            (text, in one order)         hash = H(closing)
                                                     previous_hash = hash of the day before

Who alters a row of a sealed day must alter its closing and every later one, and cannot alter a
copy of the last hash that is kept elsewhere (`python app.py ledger anchor`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, cast

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from models import sql
from models.base import Tx, document, metadata, moment
from models.points.accounts import SHANGHAI

gate = Table(
    "ledger_gate",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    moment("open_from"),  # what is dated before it is refused
    CheckConstraint("id = 1", name="one_row"),
)

closings = Table(
    "ledger_closings",
    metadata,
    Column("day", Date, nullable=False),
    Column("previous_day", Date),  # the day before; none in the first closing
    Column("previous_hash", LargeBinary, nullable=False),
    Column("first_serial", BigInteger),  # none in a day without transfers
    Column("last_serial", BigInteger),
    Column("transfers", BigInteger, nullable=False),
    Column("legs", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),  # moved that day
    Column("coins", BigInteger, nullable=False),
    document("totals"),  # of all accounts at the end of the day: unit -> whose and kind -> balance
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of the day's rows as text
    moment("sealed_at"),
    Column("hash", LargeBinary, nullable=False),  # SHA-256 of the closing as text
    PrimaryKeyConstraint("day"),
    UniqueConstraint("day", "hash"),
    UniqueConstraint("previous_day", postgresql_nulls_not_distinct=True),
    ForeignKeyConstraint(
        ["previous_day", "previous_hash"], ["ledger_closings.day", "ledger_closings.hash"]
    ),
    CheckConstraint("previous_day = day - 1", name="next_day"),
    CheckConstraint(
        "transfers >= 0 AND legs >= 0 AND points >= 0 AND coins >= 0"
        " AND (transfers = 0) = (first_serial IS NULL)"
        " AND (transfers = 0) = (last_serial IS NULL)",
        name="counts",
    ),
    CheckConstraint(
        "length(previous_hash) = 32 AND length(digest) = 32 AND length(hash) = 32", name="hashes"
    ),
)

GENESIS = bytes(32)  # what the first closing follows
# The database refuses to shut a day sooner (migration 0006).
GRACE = timedelta(minutes=20)
SEALING_LOCK = 0x5EA1ED  # any number that nothing else in this database locks

Totals = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Closing:
    """A sealed day, as in the table; `hash` is over all the rest."""

    day: date
    previous_day: date | None
    previous_hash: bytes
    first_serial: int | None
    last_serial: int | None
    transfers: int
    legs: int
    points: int
    coins: int
    totals: Totals
    digest: bytes
    sealed_at: datetime
    hash: bytes = b""

    def text(self) -> str:
        """What the hash is of: a line for each field, in the order of the table."""
        lines = [f"{field.name} {_plain(getattr(self, field.name))}" for field in fields(self)[:-1]]
        return "\n".join(["ledger closing 1", *lines, ""])

    def sealed(self) -> bytes:
        """The hash that this closing must have."""
        return hashlib.sha256(self.text().encode()).digest()


@dataclass(frozen=True, slots=True)
class Content:
    """What a day's transfers and legs come to."""

    first_serial: int | None
    last_serial: int | None
    transfers: int
    legs: int
    points: int
    coins: int
    movement: Totals
    digest: bytes


def unhurried(tx: Tx) -> None:
    """Let this transaction take its time, and write dates in one way; call it first."""
    settings = {"statement_timeout": "0", "timezone": "UTC", "datestyle": "ISO"}
    if _driver(tx).info.server_version >= 170000:
        settings["transaction_timeout"] = "0"
    for name, value in settings.items():
        sql.run(tx, "SELECT set_config(%s, %s, true)", [name, value])


def listed(tx: Tx) -> list[Closing]:
    """All closings, the first day first."""
    return [
        Closing(*row) for row in sql.rows(tx, f"SELECT {_COLUMNS} FROM ledger_closings {_DAYS}")
    ]


def last(tx: Tx) -> Closing | None:
    """The closing of the last sealed day."""
    row = sql.first(tx, f"SELECT {_COLUMNS} FROM ledger_closings {_DAYS} DESC LIMIT 1")
    return Closing(*row) if row else None


def next_day(tx: Tx) -> date | None:
    """The day to seal next: after the last, or of the very first transfer; None: there is none."""
    sealed = sql.maybe_value(tx, "SELECT max(day) FROM ledger_closings")
    if sealed is not None:
        return cast(date, sealed + timedelta(days=1))
    first = sql.maybe_value(tx, "SELECT min(at) FROM points_transfers")
    return first.astimezone(SHANGHAI).date() if first else None


def ends_at(day: date) -> datetime:
    """When a day in China is over."""
    midnight = datetime.combine(day + timedelta(days=1), clock_time(), SHANGHAI)
    return midnight.astimezone(UTC)


def shut(tx: Tx, day: date) -> None:
    """Refuse transfers of this day and earlier ones from the next commit on. Raises ValueError."""
    (now,) = sql.one(tx, "SELECT clock_timestamp()")
    if ends_at(day) + GRACE > now:
        raise ValueError(f"{day} can be closed {GRACE} after its end at the earliest")
    sql.run(
        tx,
        "UPDATE ledger_gate SET open_from = %(end)s WHERE open_from < %(end)s",
        {"end": ends_at(day)},
    )


def writers(tx: Tx) -> set[str]:
    """Who is writing transfers or legs now: once these are gone, a shut day stays as it is.

    An INSERT takes its table's lock before a trigger looks at the gate, and gives it back after
    its commit can be seen: whoever is not among these saw the gate shut, or has committed.
    """
    rows = sql.rows(
        tx,
        "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND relation IN ('points_transfers'::regclass, 'points_legs'::regclass)"
        " AND mode = 'RowExclusiveLock' AND granted",
    )
    return {row[0] for row in rows}


def seal(tx: Tx, day: date, *, now: datetime) -> Closing | None:
    """Seal a day that is shut and whose writers have gone; None: somebody else is at it, or was.

    The transaction may take minutes (unhurried); nobody waits for it.
    """
    unhurried(tx)
    if not sql.value(tx, "SELECT pg_try_advisory_xact_lock(%s)", [SEALING_LOCK]):
        return None
    if next_day(tx) != day:
        return None
    before = last(tx)
    found = content(tx, day)
    closing = Closing(
        day=day,
        previous_day=before.day if before else None,
        previous_hash=before.hash if before else GENESIS,
        first_serial=found.first_serial,
        last_serial=found.last_serial,
        transfers=found.transfers,
        legs=found.legs,
        points=found.points,
        coins=found.coins,
        totals=added(before.totals if before else {}, found.movement),
        digest=found.digest,
        sealed_at=now.astimezone(UTC),
    )
    values = [getattr(closing, field.name) for field in fields(closing)[:-1]] + [closing.sealed()]
    values = [Jsonb(value) if isinstance(value, dict) else value for value in values]
    places = ", ".join(["%s"] * len(values))
    sql.run(tx, f"INSERT INTO ledger_closings ({_COLUMNS}) VALUES ({places})", values)
    return last(tx)


def content(tx: Tx, day: date) -> Content:
    """Read a day's transfers and legs again, in a transaction that is unhurried."""
    digest, counts = hashlib.sha256(), {b"T": 0, b"L": 0}
    for line in lines(tx, day):
        digest.update(line)
        counts[line[:1]] += 1
    values = _bounds(day)
    first, final = sql.one(
        tx,
        "SELECT min(serial), max(serial) FROM points_transfers"
        " WHERE at >= %(start)s AND at < %(end)s",
        values,
    )
    moved = {unit: int(n) for unit, n in sql.rows(tx, _MOVED, values)}
    return Content(
        first_serial=first,
        last_serial=final,
        transfers=counts[b"T"],
        legs=counts[b"L"],
        points=moved.get("points", 0),
        coins=moved.get("coins", 0),
        movement=_as_totals(sql.rows(tx, _MOVEMENT, values)),
        digest=digest.digest(),
    )


def lines(tx: Tx, day: date) -> Iterator[bytes]:
    """A day's transfers and then its legs, as PostgreSQL's COPY writes them: what is digested."""
    for statement in (_TRANSFERS, _LEGS):
        with _driver(tx).cursor().copy(statement, _bounds(day)) as copy:
            for line in copy:
                yield bytes(line)


def live_totals(tx: Tx) -> Totals:
    """What the accounts have now, summed as in a closing."""
    return _as_totals(sql.rows(tx, _LIVE))


def movement_since(tx: Tx, day: date) -> Totals:
    """What has moved since a day was over."""
    return _as_totals(sql.rows(tx, _MOVEMENT, {"start": ends_at(day), "end": "infinity"}))


def added(one: Totals, other: Totals) -> Totals:
    """Two totals, summed; what is nothing is left out, so that equal totals are equal."""
    totals: Totals = {}
    for unit in sorted({*one, *other}):
        ours, theirs = one.get(unit, {}), other.get(unit, {})
        sums = {kind: ours.get(kind, 0) + theirs.get(kind, 0) for kind in sorted({*ours, *theirs})}
        totals[unit] = {kind: n for kind, n in sums.items() if n}
    return {unit: kinds for unit, kinds in totals.items() if kinds}


def _as_totals(rows: list[tuple[Any, ...]]) -> Totals:
    totals: Totals = {}
    for unit, kind, n in rows:
        totals.setdefault(unit, {})[kind] = int(n)
    return added(totals, {})


def _bounds(day: date) -> dict[str, datetime]:
    return {"start": ends_at(day - timedelta(days=1)), "end": ends_at(day)}


def _plain(value: object) -> str:
    match value:
        case None:
            return "-"
        case bytes():
            return value.hex()
        case dict():
            return json.dumps(value, sort_keys=True, separators=(",", ":"))
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


def _driver(tx: Tx) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", tx.connection.driver_connection)


_COLUMNS = ", ".join(field.name for field in fields(Closing))
_DAYS = "ORDER BY day"
_OF_THE_DAY = "WHERE at >= %(start)s AND at < %(end)s"
_TRANSFERS = f"""
    COPY (
        SELECT 'T', serial, key, encode(request_hash, 'hex'), reason, channel, origin, operator,
               rule, at
        FROM points_transfers {_OF_THE_DAY} ORDER BY serial
    ) TO STDOUT
"""
_LEGS = f"""
    COPY (
        SELECT 'L', serial, leg_no, at, unit, points,
               payer_id, payer_kind, payer_expires_on, payer_stripe, payer_leg, payer_balance,
               payee_id, payee_kind, payee_expires_on, payee_stripe, payee_leg, payee_balance
        FROM points_legs {_OF_THE_DAY} ORDER BY serial, leg_no
    ) TO STDOUT
"""
_MOVED = f"SELECT unit, sum(points)::bigint FROM points_legs {_OF_THE_DAY} GROUP BY unit"
# People's kinds one by one; of the house's "merchant:m001" only what it is, or a day would list
# every merchant.
_KIND = (
    "CASE WHEN {id} = 0 THEN 'house ' || split_part({kind}, ':', 1) ELSE 'people ' || {kind} END"
)
_MOVEMENT = f"""
    SELECT unit, kind, sum(points) FROM (
        SELECT unit, {_KIND.format(id="payer_id", kind="payer_kind")} AS kind, -points AS points
        FROM points_legs {_OF_THE_DAY}
        UNION ALL
        SELECT unit, {_KIND.format(id="payee_id", kind="payee_kind")}, points
        FROM points_legs {_OF_THE_DAY}
    ) AS sides GROUP BY unit, kind
"""
_LIVE = f"""
    SELECT unit, {_KIND.format(id="subscriber_id", kind="kind")} AS whose, sum(balance)
    FROM points_accounts GROUP BY unit, whose
"""
