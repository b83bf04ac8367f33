"""The timeline: everything about one person, the newest first, a page at a time.

    inbox ──────────────┐
    outbox              │
    points_legs         │   each the newest few before the cursor,
    membership_changes  ├─▶ by an index of its own                    ──▶ the newest of all
    consents            │
    tier_changes        │
    voucher_events      │
    draw_results        │
    activities, tasks, surveys, invitations, opinions, talks (timeline_doings.py)
    complaint_events    │
    subscriber_notes    │
    audit_entries ──────┘

- A page costs the same however deep it is: a cursor says where, nothing is counted or skipped.
- Whoever was merged into the person is the person: their rows are shown, too. What moved between
  the two adds up to nothing.
- Words of a one-time code are not here: they are not read from where they wait to be sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from models import sql
from models.base import HOUSE, Tx
from models.timeline_doings import (
    ACTIVITY,
    DOINGS,
    FEEDBACK,
    INVITATION,
    PADDED,
    RATING,
    SURVEY,
    TALK,
    TASK,
    Source,
)
from models.timeline_doings import FROM as DOING

PAGE_MAX = 200

# In one instant what was heard comes first, then what came of it, then what we said.
HEARD, CONSENT, MEMBERSHIP, POINTS, TIER, VOUCHER, DRAW, SAID, COMPLAINT, NOTE, ACTION = (
    "heard", "consent", "membership", "points", "tier", "voucher", "draw", "said", "complaint",
    "note", "action",
)  # fmt: skip
SOURCES = (
    HEARD, CONSENT, MEMBERSHIP, *DOINGS, POINTS, TIER, VOUCHER, DRAW, SAID, COMPLAINT, NOTE, ACTION,
)  # fmt: skip
# What an operator filters by.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "all": SOURCES,
    "messages": (HEARD, SAID),
    "points": (POINTS, TIER),
    "vouchers": (VOUCHER,),
    "draws": (DRAW,),
    "clubs": (MEMBERSHIP, CONSENT),
    "doings": (ACTIVITY, TASK, SURVEY, INVITATION, RATING),
    "desk": (TALK, FEEDBACK, COMPLAINT, NOTE, ACTION),
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: what stands after it in the order of the timeline comes next."""

    at: datetime
    rank: int
    ref: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `facts` depend on `source`, and are whole: mask what is shown."""

    at: datetime
    rank: int
    ref: str
    facts: Mapping[str, Any]

    @property
    def source(self) -> str:
        return SOURCES[self.rank]

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.at, self.rank, self.ref)


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, the newest first; `older` leads on."""

    entries: list[Entry]
    older: Cursor | None


_NEWEST = Cursor(datetime.max.replace(tzinfo=UTC), len(SOURCES), "")

# {at}, {ref}: what orders a source, put into `before` and `newest`; `mine.id` is the person.
_BEFORE = (
    "{at} <= %(at)s AND ({at} < %(at)s"
    ' OR ({rank}, {ref} COLLATE "C") < (%(rank)s, %(ref)s::text COLLATE "C"))'
)
_ORDER = 'ORDER BY {at} DESC, {ref} COLLATE "C" DESC LIMIT #'


_FROM: Mapping[str, Source] = {
    HEARD: Source(
        "'channel', i.channel, 'kind', i.kind, 'said', i.said, 'reply', i.reply ->> 'text'",
        "inbox i", "i.subscriber_id = mine.id", "i.received_at", "md5(i.key)",
    ),
    CONSENT: Source(
        "'subject', c.subject, 'name', k.name, 'granted', c.granted, 'question', c.question,"
        " 'answer', c.answer",
        "consents c LEFT JOIN clubs k ON c.subject = 'club:' || k.code",
        "c.subscriber_id = mine.id", "c.answered_at", PADDED.format("c.id"),
    ),
    MEMBERSHIP: Source(
        "'club', m.club_code, 'name', k.name, 'state', m.state, 'level', m.level,"
        " 'origin', m.origin, 'why', m.why, 'ends_on', m.ends_on,"
        " 'premium_until', m.premium_until",
        "membership_changes m JOIN clubs k ON k.code = m.club_code", "m.subscriber_id = mine.id",
        "m.at", f"(m.club_code || {PADDED.format('m.change_no')})",
    ),
    TIER: Source(
        "'from', t.from_tier, 'to', t.to_tier, 'why', t.why, 'counted', t.counted",
        "tier_changes t", "t.subscriber_id = mine.id", "t.at", PADDED.format("t.no"),
    ),
    # A code is worth something to whoever reads it: it is not here.
    VOUCHER: Source(
        "'voucher', v.id, 'title', v.title, 'state', e.state, 'why', e.why, 'by', e.by,"
        " 'merchant', m.name, 'store', s.name, 'serial', v.serial, 'points', v.price_points",
        "voucher_events e"
        " JOIN vouchers v ON v.subscriber_id = e.subscriber_id AND v.id = e.voucher_id"
        " JOIN merchants m ON m.code = v.merchant_code"
        " LEFT JOIN verifications n ON e.state = 'verified' AND n.subscriber_id = e.subscriber_id"
        " AND n.voucher_id = e.voucher_id AND n.at = e.at"
        " LEFT JOIN stores s ON s.merchant_code = n.merchant_code AND s.store_no = n.store_no",
        "e.subscriber_id = mine.id", "e.at",
        f"({PADDED.format('e.voucher_id')} || {PADDED.format('e.no')})",
    ),
    # What was drawn, and what has become of it by now; where a parcel goes is not here.
    DRAW: Source(
        "'serial', r.id, 'draw', r.draw_code, 'title', d.title, 'chance', r.chance,"
        " 'points', r.points, 'prize', w.title, 'kind', w.kind, 'state', w.state,"
        " 'or_points', w.or_points, 'changed_at', w.changed_at, 'carrier', w.carrier,"
        " 'tracking', w.tracking",
        "draw_results r JOIN draws d ON d.code = r.draw_code"
        " LEFT JOIN draw_deliveries w ON w.subscriber_id = r.subscriber_id AND w.result_id = r.id",
        "r.subscriber_id = mine.id", "r.at", PADDED.format("r.id"),
    ),
    SAID: Source(
        "'kind', o.kind, 'state', o.state, 'status', o.status, 'category', o.category,"
        " 'error', o.error, 'secret', o.payload ? 'secret',"
        " 'text', CASE WHEN o.payload ? 'secret' THEN NULL ELSE coalesce(o.payload ->> 'text',"
        " (SELECT words FROM mailbox m WHERE m.subscriber_id = o.subscriber_id"
        " AND m.id = o.id)) END",
        "outbox o", "o.subscriber_id = mine.id AND o.kind <> 'call'", "o.created_at",
        PADDED.format("o.id"),
    ),
    COMPLAINT: Source(
        "'number', c.number, 'what', e.what, 'state', e.state, 'category', c.category,"
        " 'words', CASE e.what WHEN 'opened' THEN c.words ELSE e.words END, 'by', e.by",
        "complaints c JOIN complaint_events e ON e.complaint = c.number",
        "c.subscriber_id = mine.id", "e.at",
        f"({PADDED.format('c.number')} || {PADDED.format('e.no')})",
    ),
    NOTE: Source(
        "'words', n.words, 'by', n.by",
        "subscriber_notes n", "n.subscriber_id = mine.id", "n.at", PADDED.format("n.id"),
    ),
    # Looking somebody up is in the audit, but nothing that happened to the person.
    ACTION: Source(
        "'action', a.action, 'login', a.login, 'role', a.role, 'reason', a.reason, 'after',"
        " a.after",
        "audit_entries a",
        "a.subject = 'subscriber:' || mine.id AND a.action NOT IN"
        " ('subscriber.find', 'subscriber.see', 'subscriber.note')",
        "a.at", PADDED.format("a.id"),
    ),
    **DOING,
}  # fmt: skip


def _branch(source: str) -> str:
    """The newest of one source before the cursor, at most `limit` for each id of the person."""
    made, rank = _FROM[source], SOURCES.index(source)
    names = {"at": made.at, "ref": made.ref, "rank": rank}
    return (
        f"SELECT b.* FROM mine CROSS JOIN LATERAL (SELECT {made.at} AS at, {rank} AS rank,"
        f" {made.ref} AS ref, jsonb_build_object({made.facts}) AS facts FROM {made.tables}"
        f" WHERE {made.mine} AND {_BEFORE.format(**names)} {_ORDER.format(**names)}) AS b"
    )


def _side(side: str, other: str, sign: str) -> str:
    """One side of the person's legs, added up by transfer; "<> 0" lets the indexes serve."""
    names = {"at": "l.at", "ref": PADDED.format("l.serial"), "rank": SOURCES.index(POINTS)}
    return (
        f"SELECT s.* FROM mine CROSS JOIN LATERAL (SELECT l.at, l.serial,"
        f" coalesce(sum({sign}l.points) FILTER (WHERE l.unit = 'points'), 0)::bigint AS points,"
        f" coalesce(sum({sign}l.points) FILTER (WHERE l.unit = 'coins'), 0)::bigint AS coins,"
        f" max(l.{other}_id) AS other, max(l.{other}_kind) AS account,"
        f" sum(l.points)::bigint AS moved FROM points_legs l"
        f" WHERE l.{side}_id = mine.id AND l.{side}_id <> {HOUSE} AND {_BEFORE.format(**names)}"
        f" GROUP BY l.at, l.serial ORDER BY l.at DESC, l.serial DESC LIMIT #) AS s"
    )


# A transfer within the person, such as a hold, has both sides: it adds up to nothing.
_POINTS = f"""
    SELECT s.at, {SOURCES.index(POINTS)}, {PADDED.format("s.serial")},
           jsonb_build_object(
               'serial', s.serial, 'points', s.points, 'coins', s.coins, 'moved', s.moved,
               'account', s.account, 'reason', t.reason, 'channel', t.channel,
               'operator', t.operator, 'rule', t.rule, 'party', n.address,
               'party_id', nullif(s.other, {HOUSE}),
               'reversal', (SELECT r.state FROM points_reversals r
                            WHERE r.of_serial = s.serial AND r.state <> 'rejected'))
    FROM (
        SELECT at, serial, sum(points)::bigint AS points, sum(coins)::bigint AS coins,
               max(moved) AS moved, max(other) FILTER (WHERE other NOT IN (SELECT id FROM mine))
               AS other, max(account) FILTER (WHERE other = {HOUSE}) AS account
        FROM (({_side("payee", "payer", "")}) UNION ALL ({_side("payer", "payee", "-")})) AS sides
        GROUP BY at, serial ORDER BY at DESC, serial DESC LIMIT #
    ) AS s
    JOIN points_transfers t ON t.serial = s.serial
    LEFT JOIN subscriber_addresses n ON n.subscriber_id = s.other AND n.channel = 'sms'
"""


@cache
def statement(group: str, limit: int) -> str:
    """What reads `limit` entries of a group of sources."""
    parts = [_POINTS if source == POINTS else _branch(source) for source in GROUPS[group]]
    whole = (
        "WITH RECURSIVE mine (id) AS (SELECT %(id)s::bigint UNION ALL"
        " SELECT s.id FROM mine JOIN subscribers s ON s.merged_into = mine.id) SELECT * FROM ("
        + " UNION ALL ".join(f"({part})" for part in parts)
        + ") AS everything (at, rank, ref, facts)"
        + ' ORDER BY at DESC, rank DESC, ref COLLATE "C" DESC LIMIT #'
    )
    # The limit stands in the statement, not beside it: the plan depends on it.
    return whole.replace("#", str(int(limit)))


def page(
    tx: Tx, person: int, *, limit: int, before: Cursor | None = None, group: str = "all"
) -> Page:
    """What happened to a person before the cursor: at most `limit` entries of a group."""
    if not 1 <= limit <= PAGE_MAX:
        raise ValueError(f"1 to {PAGE_MAX} entries")
    rows = sql.rows(tx, statement(group, limit + 1), values(person, before))
    entries = [Entry(*row) for row in rows[:limit]]
    return Page(entries, entries[-1].cursor if len(rows) > limit else None)


def values(person: int, before: Cursor | None = None) -> dict[str, Any]:
    """What the statement is run with."""
    cursor = before or _NEWEST
    return {"id": person, "at": cursor.at, "rank": cursor.rank, "ref": cursor.ref}


# -- a cursor as it stands in an address ------------------------------------------------------

_WRITTEN = re.compile(r"([0-9]{1,18})\.([0-9]{1,2})\.([0-9A-Za-z_:-]{1,80})")
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


def write_cursor(cursor: Cursor) -> str:
    """A cursor as text for an address."""
    at = (cursor.at - _EPOCH) // timedelta(microseconds=1)
    return f"{at}.{cursor.rank}.{cursor.ref}"


def read_cursor(text: str) -> Cursor | None:
    """The cursor of an address, or None for "". Raises ValueError: none of ours."""
    if not text:
        return None
    found = _WRITTEN.fullmatch(text)
    if found is None or int(found[2]) >= len(SOURCES):
        raise ValueError("no cursor of ours")
    try:
        at = _EPOCH + timedelta(microseconds=int(found[1]))
    except OverflowError as error:
        raise ValueError("no cursor of ours") from error
    return Cursor(at, int(found[2]), found[3])
