"""A batch of a broadcast's targets becomes owed: one transaction, so that none is owed twice.

    hold the broadcast ─▶ the next targets ─▶ whose numbers ─▶ hold the people ─▶ the one rule
      └─▶ owed + kept in the mailbox + targets "queued" | "skipped", counted     (one statement)

Each is due a moment after the one before, at the broadcast's pace, and never more than `ahead` from
now; nor is more owed than leaves in `ahead` while the gateway does not keep up. So what is owed is
little, and a stop acts at once; the senders send replies first anyway.

Numbers that nobody knew become subscribers here, with the message, not when a file is loaded: who
is written to must be somebody who can leave (退订), and a list that nobody approves makes nobody.
Whoever had their account deleted, and has not come back, is nobody whom a list makes known again.
People who are just being talked to are passed over, and come in a later round: nothing waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from models import remembered, sending_policy, sql, subscribers
from models.base import Tx
from models.broadcasts.broadcast import Broadcast, hold_if_free
from models.broadcasts.tables import DONE, RUNNING
from models.sending_policy import GONE, MARKETING, NOWHERE, SMS, WEEK, Facts, Policy
from models.subscribers import Subscriber

RATED_EVERY = timedelta(seconds=10)
# What was submitted and not answered waits for minutes, and holds the others up only where it is
# so many times as much as may be owed: then nobody answers, and nothing more goes there.
UNKNOWN_TIMES = 5
KIND = MARKETING  # of notice, as preferences name it


@dataclass(frozen=True, slots=True)
class Pacing:
    """`ahead`: for how long there may be something owed; `batch`: targets of one transaction."""

    ahead: timedelta = timedelta(seconds=5)
    batch: int = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """What came of one: `more` whether another one would do something now."""

    queued: int = 0
    skipped: int = 0
    more: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True)
class _Target:
    no: int
    number: str | None


NOTHING = Batch()


def running(tx: Tx) -> list[int]:
    """The broadcasts that run, in the order of their numbers."""
    rows = sql.rows(tx, "SELECT id FROM broadcasts WHERE state = 'running' ORDER BY id")
    return [row[0] for row in rows]


def queue(tx: Tx, number: int, *, policy: Policy, pacing: Pacing, now: datetime) -> Batch:
    """Make the next targets owed, or end what has none left; nothing while somebody else is at
    it, or by night."""
    found = hold_if_free(tx, number, (RUNNING,))
    if found is None:
        return NOTHING
    _rate(tx, found, now)
    if found.left == 0:
        return _end(tx, found, now)
    if policy.quiet_ends(now) is not None:
        return NOTHING
    room = _room(tx, found, pacing, now)
    if room <= 0:
        return NOTHING
    rows = sql.rows(
        tx,
        "SELECT no, number FROM broadcast_targets WHERE broadcast_id = %(id)s"
        " AND no > %(after)s AND state = 'waiting' ORDER BY no LIMIT %(limit)s",
        {"id": found.id, "after": found.after_no, "limit": room},
    )
    taken = [_Target(*row) for row in rows]
    goes, skipped = _judge(tx, taken, policy, now)
    begin = max(now, found.paced_until or now)
    _owe(tx, found, goes, skipped, begin=begin, now=now)
    # At the end from the beginning: for those who were passed over.
    after = taken[-1].no if len(taken) == room else 0
    until = begin + timedelta(seconds=len(goes) / found.pace_s)
    _count(tx, found, len(goes), Counter(skipped.values()), after=after, until=until)
    return Batch(len(goes), len(skipped), more=after > 0)


def _room(tx: Tx, found: Broadcast, pacing: Pacing, now: datetime) -> int:
    """How many more may be owed now."""
    ahead = pacing.ahead.total_seconds()
    spent = (max(now, found.paced_until or now) - now).total_seconds()
    by_pace = int(found.pace_s * (ahead - spent))
    most = max(1, int(found.pace_s * ahead))
    by_sender = most - found.queued
    if by_sender < most // 2 and by_pace > 0 and found.queued < UNKNOWN_TIMES * most:
        by_sender = most - _under_way(tx, found)
    return min(by_pace, by_sender, pacing.batch)


def _under_way(tx: Tx, found: Broadcast) -> int:
    """How many of those queued have not left; without those of which nobody knows."""
    return int(sql.value(tx, _UNDER_WAY, {"id": found.id}))


# Row by row, whatever the planner knows (models/submissions.py).
_UNDER_WAY = """
    SELECT count(*) FROM broadcast_targets t
    WHERE t.broadcast_id = %(id)s AND t.state = 'queued' AND t.state IN ('queued', 'sent')
      AND (SELECT 1 FROM outbox o WHERE o.id = t.owed_id
           AND (o.state = 'taken' OR o.state = 'owed' AND o.submitted_at IS NULL)) = 1
"""


def _judge(
    tx: Tx, taken: Sequence[_Target], policy: Policy, now: datetime
) -> tuple[list[tuple[_Target, int]], dict[int, str]]:
    """Who is written to, with their subscriber's id; and who is not, and why."""
    numbers = {one.number for one in taken if one.number is not None}
    gone = remembered.deleted(tx, numbers - subscribers.known(tx, numbers).keys())
    people = subscribers.numbered(tx, numbers - gone, now)
    known = _hold(tx, sorted(people.values()), now)
    goes: list[tuple[_Target, int]] = []
    skipped: dict[int, str] = {}
    for one in taken:
        if one.number is None or one.number in gone:  # deleted since, or before the file came
            skipped[one.no] = GONE
            continue
        person = people[one.number]
        if person not in known:  # somebody is talking to them: later
            continue
        status, opted_out, facts = known[person]
        who = Subscriber(person, status, opted_out, None, one.number, None)
        way = sending_policy.choose(
            who, facts, kind=KIND, category=MARKETING, policy=policy, now=now
        )
        if way.by == SMS:
            goes.append((one, person))
        elif way.by == NOWHERE:
            skipped[one.no] = way.why
    return goes, skipped


def _hold(tx: Tx, people: list[int], now: datetime) -> dict[int, tuple[str, bool, Facts]]:
    """Hold those who are free, so that the cap holds; what the rule must know of each."""
    held = sql.rows(
        tx,
        "SELECT id FROM subscribers WHERE id = ANY (%(ids)s) FOR NO KEY UPDATE SKIP LOCKED",
        {"ids": people},
    )
    rows = sql.rows(tx, _FACTS, {"ids": [row[0] for row in held], "kind": KIND, "week": now - WEEK})
    return {
        person: (status, out, _facts(unwanted, this_week, blocked))
        for person, status, out, unwanted, this_week, blocked in rows
    }


def _facts(unwanted: bool, this_week: int, blocked: bool) -> Facts:
    return Facts(frozenset({SMS} if unwanted else ()), this_week, blocked=blocked)


# The same as sending_policy asks of one person, for many.
_FACTS = """
    SELECT s.id, s.status, s.opted_out_at IS NOT NULL,
           EXISTS (SELECT 1 FROM notice_preferences p WHERE p.subscriber_id = s.id
                   AND p.kind = %(kind)s AND p.channel = 'sms' AND NOT p.wanted),
           (SELECT count(*) FROM mailbox m WHERE m.subscriber_id = s.id
             AND m.category <> 'answer' AND m.way IN ('wechat', 'template', 'sms')
             AND m.decided_at > %(week)s),
           EXISTS (SELECT 1 FROM subscriber_addresses n JOIN blocked_numbers b
                   ON b.number = n.address WHERE n.subscriber_id = s.id AND n.channel = 'sms')
    FROM subscribers s WHERE s.id = ANY (%(ids)s)
"""


def _owe(
    tx: Tx, found: Broadcast, goes: Sequence[tuple[_Target, int]], skipped: dict[int, str], *,
    begin: datetime, now: datetime,
) -> None:  # fmt: skip
    every = timedelta(seconds=1 / found.pace_s)
    changed = sql.value(
        tx,
        _OWE,
        {
            "now": now, "text": found.text, "words": found.words, "kind": KIND,
            "nos": [one.no for one, _ in goes], "numbers": [one.number for one, _ in goes],
            "people": [person for _, person in goes],
            "due": [begin + every * place for place in range(len(goes))],
            "skipped": [*skipped], "why": [*skipped.values()],
        },
    )  # fmt: skip
    if changed != len(goes) + len(skipped):
        raise AssertionError("targets changed while their broadcast was held")


_OWE = """
    WITH next AS MATERIALIZED (
        SELECT no, number, person, due, nextval('outbox_id_seq') AS id
        FROM (SELECT * FROM unnest(%(nos)s::bigint[], %(numbers)s::text[], %(people)s::bigint[],
              %(due)s::timestamptz[]) AS v (no, number, person, due) ORDER BY no) AS in_order
    ), owed AS (
        INSERT INTO outbox (id, subscriber_id, queue, kind, category, payload, created_at, due_at)
        SELECT id, person, 'bulk', 'sms', 'marketing',
               jsonb_build_object('to', number, 'text', %(words)s::text), %(now)s, due FROM next
    ), kept AS (
        INSERT INTO mailbox (subscriber_id, id, kind, category, words, words_sms, at, way,
                             decided_at)
        SELECT person, id, %(kind)s, 'marketing', %(text)s, %(words)s, %(now)s, 'sms', %(now)s
        FROM next
    ), changed AS (
        UPDATE broadcast_targets t SET state = v.state, why = v.why, owed_id = v.owed_id
        FROM (SELECT no, 'queued' AS state, NULL AS why, id AS owed_id FROM next
              UNION ALL SELECT no, 'skipped', why, NULL
              FROM unnest(%(skipped)s::bigint[], %(why)s::text[]) AS s (no, why)) AS v
        WHERE t.no = v.no AND t.state = 'waiting' RETURNING 1
    )
    SELECT count(*) FROM changed
"""


def _count(
    tx: Tx, found: Broadcast, queued: int, why: Counter[str], *, after: int, until: datetime
) -> None:
    reasons = Counter(found.reasons) + why
    sql.change(
        tx,
        "UPDATE broadcasts SET queued = queued + %(queued)s, skipped = skipped + %(skipped)s,"
        " reasons = %(reasons)s, after_no = %(after)s, paced_until = %(until)s WHERE id = %(id)s",
        {
            "id": found.id, "queued": queued, "skipped": why.total(), "after": after,
            "reasons": Jsonb(dict(reasons)), "until": until,
        },
    )  # fmt: skip


def _rate(tx: Tx, found: Broadcast, now: datetime) -> None:
    """Note how many a second left since the last time."""
    if found.rated_at is not None and now - found.rated_at < RATED_EVERY:
        return
    gone = found.sent + found.delivered + found.failed
    rate = 0.0
    if found.rated_at is not None:
        rate = max(0, gone - found.rated_from) / (now - found.rated_at).total_seconds()
    sql.change(
        tx,
        "UPDATE broadcasts SET rated_at = %(now)s, rated_from = %(gone)s, rate_s = %(rate)s"
        " WHERE id = %(id)s",
        {"id": found.id, "now": now, "gone": gone, "rate": rate},
    )


def _end(tx: Tx, found: Broadcast, now: datetime) -> Batch:
    """Nobody is left; it is done once all that was owed has left."""
    if found.queued:
        return NOTHING
    sql.change(
        tx,
        "UPDATE broadcasts SET state = %(done)s, ended_at = %(now)s, changed_at = %(now)s"
        " WHERE id = %(id)s",
        {"id": found.id, "done": DONE, "now": now},
    )
    return Batch(done=True)
