"""Events that BOSS has told, each kept once under its id, so that what it earns is earned once.

told (by HTTP, or a line of a file) ─▶ record ─▶ the new ones ─▶ the earning rules
                                         ├─▶ repeats: nothing
                                         └─▶ conflicts: the id is known with other content
known here (happened.py)            ─▶ keep   ─▶ the new ones ─▶ the earning rules
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    String,
    Table,
)  # fmt: skip

from models import sql, subscribers
from models.base import HOUSE, Tx, document, metadata, moment
from models.earning.event import Event
from models.earning.told import OLDEST, Told

# As long as an event is taken (told.OLDEST), and a month to spare: an id that was forgotten
# belongs to an event that would be refused as too old. What it earned stays in the ledger.
KEPT_FOR = OLDEST + timedelta(days=30)

events = Table(
    "earning_events",
    metadata,
    Column("event_id", String(80), primary_key=True),
    Column("type", String(40), nullable=False),
    # Not a foreign key: it would lock and write a row of `subscribers` for each event, and the
    # id was looked up in the same transaction.
    Column("subscriber_id", BigInteger, nullable=False),
    moment("occurred_at"),
    document("values"),
    Column("content_hash", LargeBinary, nullable=False),  # of what was told, to know a repeat
    Column("source", String(80), nullable=False),  # "boss" or "file:<number>:<line>"
    moment("received_at"),
    CheckConstraint("event_id <> '' AND type <> ''", name="named"),
    CheckConstraint(f"subscriber_id > {HOUSE}", name="person"),
    CheckConstraint("jsonb_typeof(\"values\") = 'object'", name="values"),
    # Longer than AHEAD_MOST, since the two moments come from two clocks.
    CheckConstraint(
        "occurred_at BETWEEN received_at - interval '61 days' AND received_at + interval '1 hour'",
        name="timely",
    ),
    Index(None, "received_at"),
    Index(None, "subscriber_id", "occurred_at"),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """`events` are the new ones; the others are named as they were told."""

    events: list[Event]
    repeats: list[Told]
    conflicts: list[Told]


# One document instead of seven arrays: the driver writes it five times as fast.
_INSERT = """
    INSERT INTO earning_events
        (event_id, type, subscriber_id, occurred_at, "values", content_hash, source, received_at)
    SELECT id, type, subscriber_id, occurred_at, "values", decode(hash, 'hex'), source, %(now)s
    FROM jsonb_to_recordset(%(told)s::jsonb)
         AS told (id text, type text, subscriber_id bigint, occurred_at timestamptz,
                  "values" jsonb, hash text, source text)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
"""


def record(tx: Tx, batch: Sequence[Told], *, source: str, now: datetime) -> Recorded:
    """Keep what was told, each id once; who is unknown yet becomes a subscriber by number.

    Two batches with the same events may come at once: the second waits and finds repeats.
    """
    told: dict[str, Told] = {}
    # In one order everywhere, so that two batches wait for each other instead of deadlocking.
    for each in sorted(batch, key=attrgetter("id")):
        told.setdefault(each.id, each)
    hashes = {key: each.content_hash for key, each in told.items()}
    people = subscribers.numbered(tx, {each.msisdn for each in told.values()}, now)
    new = _insert(tx, list(told.values()), people, hashes, source, now)
    again = [each for each in batch if each.id not in new or told[each.id] is not each]
    hashes |= _known_hashes(tx, sorted({each.id for each in again} - new))
    conflicts = [each for each in again if hashes[each.id] != each.content_hash]
    odd = {id(each) for each in conflicts}
    return Recorded(
        [
            Event(each.id, each.type, people[each.msisdn], each.occurred_at, each.values)
            for each in batch
            if each.id in new and told[each.id] is each
        ],
        [each for each in again if id(each) not in odd],
        conflicts,
    )


def keep(tx: Tx, found: Sequence[Event], *, source: str, now: datetime) -> list[Event]:
    """Keep events that the program itself knows of, each id once; returns those that were new."""
    written = [
        _written(each, each.subscriber_id, Told.of(each).content_hash, source)
        for each in sorted(found, key=attrgetter("id"))
    ]
    if not written:
        return []
    values = {"told": json.dumps(written, ensure_ascii=False), "now": now}
    new = {row[0] for row in sql.rows(tx, _INSERT, values)}
    return [each for each in found if each.id in new]


def _insert(
    tx: Tx, told: Sequence[Told], people: Mapping[str, int], hashes: Mapping[str, bytes],
    source: str, now: datetime,
) -> set[str]:  # fmt: skip
    """The ids that were new."""
    written = [
        _written(
            each, people[each.msisdn], hashes[each.id],
            f"{source}:{each.line_no}" if each.line_no else source,
        )
        for each in told
    ]  # fmt: skip
    values = {"told": json.dumps(written, ensure_ascii=False), "now": now}
    return {row[0] for row in sql.rows(tx, _INSERT, values)}


def _written(each: Told | Event, owner: int, content_hash: bytes, source: str) -> dict[str, object]:
    """A row as _INSERT reads it."""
    return {
        "id": each.id, "type": each.type, "subscriber_id": owner,
        "occurred_at": each.occurred_at.isoformat(), "values": dict(each.values),
        "hash": content_hash.hex(), "source": source,
    }  # fmt: skip


def _known_hashes(tx: Tx, ids: list[str]) -> dict[str, bytes]:
    if not ids:
        return {}
    found = "SELECT event_id, content_hash FROM earning_events WHERE event_id = ANY (%(ids)s)"
    return {key: bytes(content) for key, content in sql.rows(tx, found, {"ids": ids})}


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete events that nobody can tell again, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM earning_events WHERE event_id IN (SELECT event_id FROM earning_events"
        " WHERE received_at < %(before)s ORDER BY received_at LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )
