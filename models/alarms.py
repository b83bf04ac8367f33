"""Alarms of the SMS plane: what is wrong, since when, who was told, who looks after it.

    bad() ──▶ raised ──bad()──▶ still ──good for so long──▶ cleared     one open row of each at most
                 │                 │                           │
    to_tell() ───┴── raised ───────┴── still, every so often ──┴── cleared       a message at a time

A value that goes up and down stays one alarm until it has been good for a while; and between two
messages about one thing, whatever they say, lies the same time at least.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Table,
    text,
)  # fmt: skip

from models import audit, sql
from models.audit import By
from models.base import HOUSE, Tx, metadata, moment

NOTE_CHARS = 300
KEPT_FOR = timedelta(days=400)
# A message that it is over comes within this time, or not any more.
CLEARED_IS_NEWS_FOR = timedelta(days=1)
RAISED, STILL, CLEARED = "raised", "still", "cleared"

alarms = Table(
    "alarms",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", String(24), nullable=False),  # models/alarm_kinds.py
    Column("subject", String(32), nullable=False),  # a gateway, a category, a sender, or ""
    Column("limit", BigInteger, nullable=False),  # in the kind's unit
    Column("value", BigInteger, nullable=False),  # as it was at bad_at
    moment("raised_at"),
    moment("bad_at"),  # the last time
    moment("cleared_at", nullable=True),
    moment("told_at", nullable=True),  # the last message
    Column("told", String(8), nullable=False, server_default=""),
    Column("messages", Integer, nullable=False, server_default="0"),
    moment("acknowledged_at", nullable=True),
    Column("acknowledged_by", BigInteger, ForeignKey("operators.id")),
    Column("note", String(NOTE_CHARS), nullable=False, server_default=""),
    CheckConstraint("told IN ('', 'raised', 'still', 'cleared')", name="told"),
    CheckConstraint(
        "(told = '') = (told_at IS NULL) AND (told = '') = (messages = 0)", name="told_at"
    ),
    CheckConstraint("cleared_at >= raised_at", name="cleared"),
    CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged"),
    Index("alarms_open", "name", "subject", unique=True,
          postgresql_where=text("cleared_at IS NULL")),
    Index("alarms_told", "name", "subject", "told_at",
          postgresql_where=text("told_at IS NOT NULL")),
    Index("alarms_untold", "id", postgresql_where=text("told IN ('raised', 'still')")),
)  # fmt: skip


class NoSuchAlarm(LookupError):
    """There is none with this number."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm as it stands; `by` is the login of who looks after it."""

    id: int
    name: str
    subject: str
    limit: int
    value: int
    raised_at: datetime
    bad_at: datetime
    cleared_at: datetime | None
    told_at: datetime | None
    told: str
    messages: int
    acknowledged_at: datetime | None
    by: str | None
    note: str


_FIELDS = (
    'a.id, a.name, a.subject, a."limit", a.value, a.raised_at, a.bad_at, a.cleared_at, a.told_at,'
    " a.told, a.messages, a.acknowledged_at,"
    " (SELECT login FROM operators WHERE id = a.acknowledged_by), a.note"
)


def bad(tx: Tx, *, name: str, subject: str, value: int, limit: int, now: datetime) -> bool:
    """Something is wrong now: raised, or still. Returns whether it is raised."""
    raised = sql.value(
        tx,
        'INSERT INTO alarms (name, subject, "limit", value, raised_at, bad_at)'
        " VALUES (%(name)s, %(subject)s, %(limit)s, %(value)s, %(now)s, %(now)s)"
        " ON CONFLICT (name, subject) WHERE cleared_at IS NULL DO UPDATE"
        ' SET value = excluded.value, "limit" = excluded."limit", bad_at = excluded.bad_at'
        " RETURNING xmax = 0",  # of a row that was not there before
        {"name": name, "subject": subject, "limit": limit, "value": value, "now": now},
    )
    return bool(raised)


def good(
    tx: Tx, which: Collection[tuple[str, str]], *, clear_after: timedelta, now: datetime
) -> list[tuple[str, str]]:
    """These (name, subject) are well now: cleared, if they have been for so long. Returns which."""
    rows = sql.rows(
        tx,
        "UPDATE alarms SET cleared_at = %(now)s WHERE cleared_at IS NULL AND bad_at <= %(before)s"
        " AND (name, subject) IN (SELECT * FROM unnest(%(names)s::text[], %(subjects)s::text[]))"
        " RETURNING name, subject",
        {"now": now, "before": now - clear_after, "names": [one[0] for one in which],
         "subjects": [one[1] for one in which]},
    )  # fmt: skip
    return [(row[0], row[1]) for row in rows]


def open_now(tx: Tx) -> list[Alarm]:
    """What is wrong, the oldest first."""
    rows = sql.rows(
        tx, f"SELECT {_FIELDS} FROM alarms a WHERE cleared_at IS NULL ORDER BY raised_at, id"
    )
    return [Alarm(*row) for row in rows]


def listed(tx: Tx, *, limit: int, below: int | None = None) -> list[Alarm]:
    """All there were, the newest first; `below`: only those with a lower id."""
    rows = sql.rows(
        tx,
        f"SELECT {_FIELDS} FROM alarms a WHERE id < coalesce(%(below)s, 9223372036854775807)"
        " ORDER BY id DESC LIMIT %(limit)s",
        {"below": below, "limit": limit},
    )
    return [Alarm(*row) for row in rows]


def get(tx: Tx, alarm_id: int) -> Alarm:
    """One of them. Raises NoSuchAlarm."""
    row = sql.first(tx, f"SELECT {_FIELDS} FROM alarms a WHERE id = %(id)s", {"id": alarm_id})
    if row is None:
        raise NoSuchAlarm(alarm_id)
    return Alarm(*row)


def acknowledge(tx: Tx, alarm_id: int, *, by: By, note: str, now: datetime) -> bool:
    """Somebody looks after it: no more messages that it is still so. False if somebody did before.

    Raises NoSuchAlarm.
    """
    changed = sql.change(
        tx,
        "UPDATE alarms SET acknowledged_at = %(now)s, acknowledged_by = %(by)s, note = %(note)s"
        " WHERE id = %(id)s AND acknowledged_at IS NULL",
        {"now": now, "by": by.operator_id, "note": note[:NOTE_CHARS], "id": alarm_id},
    )
    one = get(tx, alarm_id)
    audit.write(
        tx, by, action="alarm.acknowledge", subject=f"alarm:{alarm_id}", reason=note, now=now,
        after={"alarm": f"{one.name} {one.subject}".strip(), "first": changed == 1},
    )  # fmt: skip
    return changed == 1


def to_tell(tx: Tx, *, again: timedelta, now: datetime) -> list[tuple[Alarm, str]]:
    """Of which alarms operators are to be told now, and what: RAISED, STILL or CLEARED."""
    rows = sql.rows(
        tx, _TO_TELL, {"before": now - again, "news": now - CLEARED_IS_NEWS_FOR}
    )  # fmt: skip
    return [(Alarm(*row[:-1]), row[-1]) for row in rows]


_TO_TELL = f"""
    SELECT {_FIELDS}, CASE WHEN a.cleared_at IS NOT NULL THEN '{CLEARED}'
                           WHEN a.told = '' THEN '{RAISED}' ELSE '{STILL}' END
    FROM alarms a
    WHERE (a.cleared_at IS NULL AND (a.told = '' OR a.acknowledged_at IS NULL)
           OR a.cleared_at > %(news)s AND a.told IN ('{RAISED}', '{STILL}') AND NOT EXISTS (
               SELECT 1 FROM alarms b WHERE b.name = a.name AND b.subject = a.subject
               AND b.cleared_at IS NULL))
      AND (a.cleared_at IS NULL OR a.told IN ('{RAISED}', '{STILL}'))
      AND NOT EXISTS (
          SELECT 1 FROM alarms c WHERE c.name = a.name AND c.subject = a.subject
          AND c.told_at > %(before)s)
    ORDER BY a.id
"""


def told(tx: Tx, which: Collection[tuple[Alarm, str]], now: datetime) -> None:
    """Note what operators are told of each of these."""
    for alarm, words in which:
        sql.change(
            tx,
            "UPDATE alarms SET told = %(words)s, told_at = %(now)s, messages = messages + 1"
            " WHERE id = %(id)s",
            {"words": words, "now": now, "id": alarm.id},
        )


def forget_old(tx: Tx, now: datetime) -> int:
    """Delete what was over long ago. Returns how many."""
    return sql.change(
        tx, "DELETE FROM alarms WHERE cleared_at < %(before)s", {"before": now - KEPT_FOR}
    )


def reroute_messages(tx: Tx, *, gateway: str, older: datetime, now: datetime) -> None:
    """Send what operators are told and has not left over this gateway, which works; what is from
    before `older` is news no more, and dropped."""
    waiting = (
        "subscriber_id = %(house)s AND kind = 'sms' AND state = 'owed' AND submitted_at IS NULL"
        " AND payload ? 'alarm'"
    )
    sql.change(
        tx,
        "UPDATE outbox SET state = 'dropped', error = 'an alarm of long ago',"
        f" settled_at = %(now)s WHERE {waiting} AND created_at < %(older)s",
        {"house": HOUSE, "older": older, "now": now},
    )
    sql.change(
        tx,
        "UPDATE outbox SET payload = payload || jsonb_build_object('gateway', %(gateway)s::text),"
        f" due_at = %(now)s WHERE {waiting} AND payload ->> 'gateway' <> %(gateway)s",
        {"house": HOUSE, "gateway": gateway, "now": now},
    )
