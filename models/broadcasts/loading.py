"""A draft and its numbers: written, loaded some thousand at a time, complete or not.

    create ──▶ add, add, add (lines of a file) ──┐
           └─▶ add_people (a segment, by id) ────┴──▶ loaded ──▶ it can be proposed

Each `add` is a transaction of its own, so that a million numbers hold nothing up and cost no
memory; one that is cut short leaves a draft that is not loaded, and can go nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from psycopg.types.json import Jsonb

from models import audit, sql
from models.audit import By
from models.base import Tx
from models.broadcasts import segment as segments
from models.broadcasts import wording
from models.broadcasts.broadcast import Broadcast, WrongState, get, hold, subject
from models.broadcasts.segment import Segment
from models.broadcasts.tables import DRAFT, PEOPLE_MOST, REJECTS_KEPT

NOT_A_NUMBER, REPEATED = "not_a_number", "repeated"


class TooMany(Exception):
    """More numbers than one broadcast may have."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file with its number, E.164."""

    line: int
    number: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A line without one, and why."""

    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said, and how fast: `parts` SMS each, for `fen_per_1000` of them."""

    name: str
    text: str
    signature: str
    parts: int
    pace_s: int
    fen_per_1000: int

    def values(self) -> dict[str, Any]:
        return {
            "name": self.name, "text": self.text, "signature": self.signature,
            "parts": self.parts, "pace": self.pace_s, "fen": self.fen_per_1000,
        }  # fmt: skip

    def noted(self) -> dict[str, Any]:
        """As the audit keeps it."""
        return {"name": self.name, "text": self.text, "parts": self.parts, "pace_s": self.pace_s}


def create(
    tx: Tx, said: Wording, *, segment: Segment | None, source: str, by: By, now: datetime
) -> int:
    """A draft without numbers; returns its own number. Raises wording.Unfit, BadSegment."""
    wording.check(said.text)
    if segment is not None:
        segments.check(tx, segment)
    number = sql.value(
        tx,
        "INSERT INTO broadcasts (name, text, signature, parts, pace_s, fen_per_1000, segment,"
        " source, created_by, created_at, changed_at) VALUES (%(name)s, %(text)s, %(signature)s,"
        " %(parts)s, %(pace)s, %(fen)s, %(segment)s, %(source)s, %(by)s, %(now)s, %(now)s)"
        " RETURNING id",
        {
            **said.values(), "source": source[:120], "by": by.login, "now": now,
            "segment": Jsonb(segment.to_json()) if segment is not None else None,
        },
    )  # fmt: skip
    after = said.noted() | {"segment": segment.to_json() if segment is not None else None}
    audit.write(tx, by, action="broadcasts.create", subject=subject(number), after=after, now=now)
    return int(number)


def reword(tx: Tx, number: int, said: Wording, *, by: By, now: datetime) -> None:
    """Say something else in a draft. Raises wording.Unfit, WrongState, NoSuchBroadcast."""
    wording.check(said.text)
    before = _draft(tx, number)
    sql.change(
        tx,
        "UPDATE broadcasts SET name = %(name)s, text = %(text)s, signature = %(signature)s,"
        " parts = %(parts)s, pace_s = %(pace)s, fen_per_1000 = %(fen)s, changed_at = %(now)s"
        " WHERE id = %(id)s",
        {**said.values(), "id": number, "now": now},
    )
    audit.write(
        tx, by, action="broadcasts.reword", subject=subject(number),
        before={"name": before.name, "text": before.text, "pace_s": before.pace_s},
        after=said.noted(), now=now,
    )  # fmt: skip


def add(tx: Tx, number: int, lines: Sequence[Line], bad: Sequence[Bad] = ()) -> Broadcast:
    """Add the numbers of some lines, in their order; what comes again is noted as a reject.

    Raises TooMany, which adds none of them, WrongState, NoSuchBroadcast.
    """
    before = _loading(tx, number)
    _copy(tx, lines)
    again = sql.rows(tx, _ADD, {"id": number})
    added = len(lines) - len(again)
    if before.targets + added > PEOPLE_MOST:
        raise TooMany
    rejects = [*bad, *(Bad(row[0], REPEATED) for row in again)]
    room = max(0, REJECTS_KEPT - before.rejected - before.repeated)
    kept = sorted(rejects, key=lambda one: one.line)[:room]
    sql.change(
        tx,
        "INSERT INTO broadcast_rejects (broadcast_id, line, why) SELECT %(id)s, line, why"
        " FROM unnest(%(lines)s::int[], %(why)s::text[]) AS v (line, why) ON CONFLICT DO NOTHING",
        {"id": number, "lines": [one.line for one in kept], "why": [one.why for one in kept]},
    )
    return _count(tx, number, added, rejected=len(bad), repeated=len(again))


# A line whose number was there before, or stands in a line above.
_ADD = """
    WITH new AS (
        INSERT INTO broadcast_targets (broadcast_id, number)
        SELECT %(id)s, number FROM broadcast_lines GROUP BY number ORDER BY min(line)
        ON CONFLICT DO NOTHING RETURNING number
    )
    SELECT line FROM (
        SELECT l.line, n.number IS NULL
               OR row_number() OVER (PARTITION BY l.number ORDER BY l.line) > 1 AS again
        FROM broadcast_lines l LEFT JOIN new n ON n.number = l.number) AS seen
    WHERE again
"""


def add_people(tx: Tx, number: int, segment: Segment, *, after: int, limit: int) -> int | None:
    """Add the numbers of the next people of a segment, by id from `after` on; returns how far
    that was, None at the end. Raises TooMany, WrongState, NoSuchBroadcast."""
    before = _loading(tx, number)
    row = sql.one(
        tx, _ADD_PEOPLE, {"id": number, "after": after, "limit": limit, **segments.values(segment)}
    )
    looked, last, added = row
    if before.targets + added > PEOPLE_MOST:
        raise TooMany
    _count(tx, number, added)
    return int(last) if looked == limit else None


_ADD_PEOPLE = f"""
    WITH looked AS MATERIALIZED (
        SELECT s.id FROM subscribers s WHERE s.id > %(after)s ORDER BY s.id LIMIT %(limit)s
    ), added AS (
        INSERT INTO broadcast_targets (broadcast_id, number)
        SELECT %(id)s, a.address FROM looked JOIN subscribers s ON s.id = looked.id
        JOIN subscriber_addresses a ON a.subscriber_id = s.id AND a.channel = 'sms'
        WHERE {segments.IN} ORDER BY s.id ON CONFLICT DO NOTHING RETURNING 1
    )
    SELECT (SELECT count(*) FROM looked), (SELECT max(id) FROM looked),
           (SELECT count(*) FROM added)
"""


def loaded(tx: Tx, number: int, *, by: By, now: datetime) -> Broadcast:
    """All its numbers are there. Raises WrongState, NoSuchBroadcast."""
    done = _loading(tx, number)
    sql.change(
        tx, "UPDATE broadcasts SET loaded_at = %(now)s, changed_at = %(now)s WHERE id = %(id)s",
        {"id": number, "now": now},
    )  # fmt: skip
    after = {"targets": done.targets, "rejected": done.rejected, "repeated": done.repeated}
    audit.write(tx, by, action="broadcasts.load", subject=subject(number), after=after, now=now)
    return get(tx, number)


def rejected(tx: Tx, number: int, *, after: int = 0, limit: int) -> list[Bad]:
    """Lines of its file that gave no target, from behind line `after` on."""
    rows = sql.rows(
        tx,
        "SELECT line, why FROM broadcast_rejects WHERE broadcast_id = %(id)s AND line > %(after)s"
        " ORDER BY line LIMIT %(limit)s",
        {"id": number, "after": after, "limit": limit},
    )
    return [Bad(*row) for row in rows]


def _draft(tx: Tx, number: int) -> Broadcast:
    found = hold(tx, number)
    if found.state != DRAFT:
        raise WrongState(found.state)
    return found


def _loading(tx: Tx, number: int) -> Broadcast:
    found = _draft(tx, number)
    if found.loaded_at is not None:
        raise WrongState("loaded")
    return found


def _copy(tx: Tx, lines: Sequence[Line]) -> None:
    sql.run(tx, "DROP TABLE IF EXISTS pg_temp.broadcast_lines")
    sql.run(
        tx, "CREATE TEMPORARY TABLE broadcast_lines (line integer, number varchar(16))"
        " ON COMMIT DROP",
    )  # fmt: skip
    driver = cast("psycopg.Connection[Any]", tx.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy("COPY broadcast_lines FROM STDIN") as copy:
        copy.write("".join(f"{one.line}\t{one.number}\n" for one in lines))
    sql.run(tx, "ANALYZE broadcast_lines")


def _count(tx: Tx, number: int, added: int, *, rejected: int = 0, repeated: int = 0) -> Broadcast:
    sql.change(
        tx,
        "UPDATE broadcasts SET targets = targets + %(added)s, rejected = rejected + %(rejected)s,"
        " repeated = repeated + %(repeated)s WHERE id = %(id)s",
        {"id": number, "added": added, "rejected": rejected, "repeated": repeated},
    )
    return get(tx, number)
