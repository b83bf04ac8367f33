"""Lists of broadcasts, a look at who would get one, and when it will be over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from models import sending_policy, sql
from models.base import Tx
from models.broadcasts.broadcast import COLUMNS, Broadcast
from models.broadcasts.queueing import KIND
from models.broadcasts.tables import RUNNING
from models.sending_policy import MARKETING, NOWHERE, SMS, WEEK, Facts, Policy
from models.subscribers import Subscriber

SAMPLE, SHOWN = 1000, 5
_STEP, _MOST_STEPS = timedelta(minutes=10), 20_000


def listed(
    tx: Tx, *, state: str | None = None, below: int | None = None, limit: int
) -> list[Broadcast]:
    """The newest first, those with a number below `below`."""
    rows = sql.rows(
        tx,
        f"SELECT {COLUMNS} FROM broadcasts WHERE id < coalesce(%(below)s, 9223372036854775807)"
        " AND state = coalesce(%(state)s, state) ORDER BY id DESC LIMIT %(limit)s",
        {"below": below, "state": state, "limit": limit},
    )
    return [Broadcast(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Sample:
    """What would become of some targets now: `skipped` by reason; `numbers` of a few."""

    looked: int
    unknown: int  # numbers that nobody knows yet
    skipped: Mapping[str, int]
    numbers: tuple[str, ...]


def sample(tx: Tx, number: int, policy: Policy, now: datetime) -> Sample:
    """The first targets of a broadcast, judged as they would be by day."""
    rows = sql.rows(tx, _SAMPLE, {"id": number, "kind": KIND, "week": now - WEEK, "most": SAMPLE})
    skipped: Counter[str] = Counter()
    for address, person, status, out, unwanted, this_week, blocked in rows:
        if person is not None:
            who = Subscriber(person, status, out, None, address, None)
            known = Facts(frozenset({SMS} if unwanted else ()), this_week, blocked=blocked)
            way = sending_policy.choose(
                who, known, kind=KIND, category=MARKETING, policy=policy, now=now
            )
            if way.by == NOWHERE:
                skipped[way.why] += 1
    unknown = sum(row[1] is None for row in rows)
    return Sample(len(rows), unknown, skipped, tuple(row[0] for row in rows[:SHOWN]))


_SAMPLE = """
    SELECT t.number, s.id, s.status, s.opted_out_at IS NOT NULL,
           EXISTS (SELECT 1 FROM notice_preferences p WHERE p.subscriber_id = s.id
                   AND p.kind = %(kind)s AND p.channel = 'sms' AND NOT p.wanted),
           (SELECT count(*) FROM mailbox m WHERE m.subscriber_id = s.id
             AND m.category <> 'answer' AND m.way IN ('wechat', 'template', 'sms')
             AND m.decided_at > %(week)s),
           EXISTS (SELECT 1 FROM blocked_numbers b WHERE b.number = t.number)
    FROM (SELECT no, number FROM broadcast_targets WHERE broadcast_id = %(id)s
          AND number IS NOT NULL ORDER BY no LIMIT %(most)s) AS t
    LEFT JOIN subscriber_addresses a ON a.channel = 'sms' AND a.address = t.number
    LEFT JOIN subscribers s ON s.id = a.subscriber_id ORDER BY t.no
"""


def ends_at(found: Broadcast, policy: Policy, now: datetime) -> datetime | None:
    """When it will be over at the rate of late, or at its pace while that is not known; nights
    are slept through. None: it does not run, or would take for months."""
    left = found.left + found.queued
    if found.state != RUNNING:
        return None
    work = timedelta(seconds=left / (found.rate_s or found.pace_s))
    at = now
    for _ in range(_MOST_STEPS):
        if (morning := policy.quiet_ends(at)) is not None:
            at = morning
            continue
        if work <= _STEP:
            return at + work
        at, work = at + _STEP, work - _STEP
    return None


def forget_before(tx: Tx, before: datetime, limit: int) -> int:
    """Delete targets of broadcasts that ended before, at most `limit`; returns how many. Their
    counts stay."""
    return sql.change(
        tx,
        "DELETE FROM broadcast_targets WHERE no IN (SELECT t.no"
        " FROM broadcasts b JOIN broadcast_targets t ON t.broadcast_id = b.id"
        " WHERE b.ended_at < %(before)s LIMIT %(limit)s)",
        {"before": before, "limit": limit},
    )
