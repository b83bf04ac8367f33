"""Remembered of deleted people, as keyed hashes: what they had once in a life, and that they went.

    erase ── number and each reward ──▶ HMAC ──▶ remembered_rewards ── some days ──▶ forgotten
    the same number comes again, and would be rewarded ──▶ HMAC ──▶ known: nothing is given
    a broadcast's file has the number, and nobody has it ─▶ HMAC ──▶ known: nothing is sent

A row has neither the number nor the reward, and two rows of one number have nothing in common:
without the secret nothing can be read or listed. Whoever has it can only ask about a number.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from datetime import datetime

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
)  # fmt: skip

from models import sql
from models.base import REMEMBERING, Tx, metadata
from models.points.accounts import day_of

MEMBER = "member"  # of any club, once
_DELETED = "deleted"  # no reward: that somebody with this number wished to be forgotten

remembered_rewards = Table(
    "remembered_rewards",
    metadata,
    Column("mark", LargeBinary, nullable=False),  # HMAC-SHA-256 of a number and a reward
    Column("kept_on", Date, nullable=False),  # the day of the deletion, in China
    PrimaryKeyConstraint("mark"),
    CheckConstraint("octet_length(mark) = 32", name="mark"),
    Index(None, "kept_on"),
)

# What is given once for a person, as once() names it; a task of a day or a month for that time.
_HAD = """
    SELECT 'task:' || task_code || ':' || coalesce(nullif(period, ''), 'once')
    FROM task_completions WHERE subscriber_id = ANY (%(ids)s)
        AND period = ANY (ARRAY['', to_char(%(today)s::date, 'YYYY-MM-DD'),
                                to_char(%(today)s::date, 'YYYY-MM')])
    UNION SELECT 'survey:' || survey FROM survey_responses
        WHERE subscriber_id = ANY (%(ids)s) AND state = 'done'
    UNION SELECT 'joined:' || club_code FROM membership_changes
        WHERE subscriber_id = ANY (%(ids)s) AND state = 'active'
    UNION SELECT 'member' FROM membership_changes
        WHERE subscriber_id = ANY (%(ids)s) AND state = 'active'
    UNION SELECT 'redeemed' FROM vouchers
        WHERE subscriber_id = ANY (%(ids)s) AND price_points > 0
    UNION SELECT 'bound' FROM subscriber_addresses
        WHERE subscriber_id = ANY (%(ids)s) AND channel = 'wechat'
    UNION SELECT CASE type WHEN 'number_bound' THEN 'bound' ELSE 'came_invited' END
        FROM earning_events WHERE subscriber_id = ANY (%(ids)s)
        AND type IN ('number_bound', 'came_invited')
    UNION SELECT 'came_invited' FROM invitations
        WHERE subscriber_id = ANY (%(ids)s) AND state = 'joined'
"""


def key_of(secret: str) -> bytes:
    """The key, derived from the secret of the environment, of use for nothing else."""
    kdf = HKDF(SHA256(), length=32, salt=None, info=b"rewards of deleted people")
    return kdf.derive(secret.encode())


def once(kind: str, event_id: str, values: Mapping[str, object]) -> str | None:
    """How a reward for this event is remembered; None: it may be given again and again."""
    if kind == "task_done":  # its id is task:CODE:PERIOD:PERSON
        return event_id.rpartition(":")[0] if event_id.startswith("task:") else None
    if kind == "survey_answered":
        return f"survey:{values.get('survey')}"
    if kind == "club_joined":
        return f"joined:{values.get('club')}"
    names = {"redeemed_first": "redeemed", "number_bound": "bound", "came_invited": "came_invited"}
    return names.get(kind)


def keep(tx: Tx, ids: Collection[int], address: str | None, now: datetime) -> int:
    """Remember what these ids of one person had, before it is deleted, and that it was; returns
    how many rewards that were.

    `address`: their number, or the openid of who has none. Without a key nothing is kept.
    """
    key, today = _key(tx), day_of(now)
    if key is None or address is None:
        return 0
    had = [row[0] for row in sql.rows(tx, _HAD, {"ids": list(ids), "today": today})]
    sql.change(
        tx,
        "INSERT INTO remembered_rewards AS r (mark, kept_on)"
        " SELECT mark, %(today)s FROM unnest(%(marks)s::bytea[]) AS new (mark) ORDER BY mark"
        " ON CONFLICT (mark) DO UPDATE SET kept_on = greatest(r.kept_on, excluded.kept_on)",
        {"marks": [_mark(key, address, what) for what in (*had, _DELETED)], "today": today},
    )
    return len(had)


def deleted(tx: Tx, numbers: Collection[str]) -> set[str]:
    """Of these numbers, which nobody has, those whose person wished to be forgotten."""
    key = _key(tx)
    if key is None or not numbers:
        return set()
    marks = {_mark(key, number, _DELETED): number for number in numbers}
    return {marks[mark] for mark in _kept(tx, marks)}


def had(tx: Tx, wanted: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Of these (person, reward) those that the same number had before it was deleted.

    People are who they are by now; for whoever was merged, nothing is found.
    """
    key = _key(tx)
    if key is None or not wanted:
        return set()
    reached = sql.rows(
        tx,
        "SELECT subscriber_id, address FROM subscriber_addresses"
        " WHERE subscriber_id = ANY (%(ids)s)",
        {"ids": sorted({person for person, _ in wanted})},
    )
    marks = {
        _mark(key, address, what): (person, what)
        for owner, address in reached
        for person, what in wanted
        if person == owner
    }
    return {marks[mark] for mark in _kept(tx, marks)}


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete what was kept before this day, at most `limit`; returns how many."""
    return sql.change(
        tx,
        "DELETE FROM remembered_rewards WHERE mark IN (SELECT mark FROM remembered_rewards"
        " WHERE kept_on < %(before)s LIMIT %(limit)s)",
        {"before": day_of(before), "limit": limit},
    )


def _kept(tx: Tx, marks: Collection[bytes]) -> list[bytes]:
    rows = sql.rows(
        tx,
        "SELECT mark FROM remembered_rewards WHERE mark = ANY (%(marks)s::bytea[])",
        {"marks": list(marks)},
    )
    return [bytes(row[0]) for row in rows]


def _key(tx: Tx) -> bytes | None:
    found: bytes | None = tx.get_execution_options().get(REMEMBERING)
    return found


def _mark(key: bytes, address: str, what: str) -> bytes:
    return hmac.new(key, f"{address}\n{what}".encode(), hashlib.sha256).digest()
