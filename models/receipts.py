"""What becomes of SMS that an SMSC has: its receipts, and its answers where no receipt has come.

sent ──delivered | failed        by receipt, known by the SMSC's id
owed | taken, unknown ──▶ sent   its answer was lost: found by phone and suffix
sent ──asked 1, 2, 3 (status)    no receipt for long: the SMSC is asked, each time later
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from models import sms_counts, sql
from models.base import Tx
from models.sms_counts import Ended, Left
from models.submissions import SUFFIX_DIGITS, gateway_of, suffix

# Carriers keep trying a phone that is off for two days; nothing older is asked about or found.
KNOWN_FOR = timedelta(days=3)
# How much later the SMSC is asked a second and a third time: after 10 minutes, 2 hours, a day.
_LATER = (1, 12, 144)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a carrier says of a message, which it knows by that id."""

    id: str
    outcome: str  # delivered, sent (underway), failed
    code: str  # the carrier's own word
    phone: str  # E.164
    suffix: str  # of our number, "" where it has none


def receipts(
    tx: Tx, come: Sequence[Receipt], now: datetime,
    ways: Callable[[str], Collection[str]] = lambda known: (known,),
) -> list[Receipt]:  # fmt: skip
    """Move messages forward, never back. Returns the receipts that name no message of ours yet.

    `ways`: how else the id may have been written when the message was taken.
    """
    by_id = {each: receipt for receipt in come for each in ways(receipt.id)}
    found = sql.rows(
        tx,
        "SELECT provider_id, id, false FROM outbox WHERE provider_id = ANY (%(ids)s)"
        " UNION ALL SELECT provider_id, owed_id, true FROM sms_parts"
        " WHERE provider_id = ANY (%(ids)s)",
        {"ids": [*by_id]},
    )
    of_parts = {provider_id for provider_id, _, part in found if part}
    whole = {
        owed_id: by_id[provider_id]
        for provider_id, owed_id, part in found
        if not part and provider_id not in of_parts
    }
    _settle(tx, whole, now)
    _settle(tx, _parts(tx, {each: by_id[each] for each in of_parts}), now)
    known = {id(by_id[provider_id]) for provider_id, _, _ in found}
    return [receipt for receipt in come if id(receipt) not in known]


_RESOLVE = f"""
    SELECT v.n, o.id, o.text
    FROM unnest(%(phones)s::text[], %(suffixes)s::int[]) WITH ORDINALITY AS v (phone, suffix, n)
         CROSS JOIN LATERAL (
            SELECT id, coalesce(payload ->> 'text', '') AS text FROM outbox
            WHERE kind = 'sms' AND payload ->> 'to' = v.phone AND created_at > %(since)s
              AND state IN ('owed', 'taken') AND submitted_at IS NOT NULL AND provider_id IS NULL
              AND id %% {10**SUFFIX_DIGITS} = v.suffix AND id <> ALL (%(but)s)
            ORDER BY id LIMIT 1) AS o
    ORDER BY v.n
"""


def resolve(
    tx: Tx, come: Sequence[Receipt], now: datetime, *, parts_of: Callable[[str], int],
    but: Collection[int] = (),
) -> list[Receipt]:  # fmt: skip
    """Settle messages whose answer was lost, found by phone and suffix. Returns the other ones.

    `parts_of`: how many SMS a text makes; one of several says nothing of all, and they are gathered
    until all have come. `but`: messages that are still under way in several parts.
    """
    told = [one for one in come if one.suffix and one.phone]
    if not told:
        return [*come]
    rows = sql.rows(
        tx, _RESOLVE,
        {"phones": [one.phone for one in told], "suffixes": [int(one.suffix) for one in told],
         "since": now - KNOWN_FOR, "but": [*but]},
    )  # fmt: skip
    found: dict[int, Receipt] = {}
    pieces: dict[int, list[Receipt]] = {}
    of: dict[int, int] = {}
    for position, owed_id, text in rows:
        of[owed_id] = parts_of(text)
        if of[owed_id] > 1:
            pieces.setdefault(owed_id, []).append(told[position - 1])
        else:
            found.setdefault(owed_id, told[position - 1])
    found |= _gather(tx, pieces, of)
    changed = sql.rows(
        tx,
        "UPDATE outbox SET provider_id = v.said, state = 'sent', status = 'sent',"
        " leased_until = NULL, settled_at = submitted_at"
        " FROM unnest(%(ids)s::bigint[], %(said)s::text[]) AS v (id, said)"
        " WHERE outbox.id = v.id AND state IN ('owed', 'taken') AND provider_id IS NULL"
        " RETURNING outbox.id, v.said, category, submitted_at",
        {"ids": [*found], "said": [one.id for one in found.values()]},
    ) if found else []  # fmt: skip
    left = (Left(gateway_of(said), category, at, of[owed]) for owed, said, category, at in changed)
    sms_counts.left(tx, left, now)
    ours = {owed_id: found[owed_id] for owed_id, *_ in changed}
    _settle(tx, ours, now)
    known = {id(one) for one in ours.values()} | {id(o) for each in pieces.values() for o in each}
    return [one for one in come if id(one) not in known]


def _gather(
    tx: Tx, pieces: Mapping[int, Sequence[Receipt]], of: Mapping[int, int]
) -> dict[int, Receipt]:
    """Keep receipts of parts whose ids nobody has noted; the messages that are decided by them."""
    if not pieces:
        return {}
    each = [(one, owed_id) for owed_id, ones in pieces.items() for one in ones]
    sql.change(
        tx,
        # Which of the parts it is of, a receipt does not say.
        "INSERT INTO sms_parts AS p (provider_id, owed_id, part_no, of, state)"
        " SELECT DISTINCT ON (said) said, owed, 1, n, state FROM unnest(%(said)s::text[],"
        " %(owed)s::bigint[], %(of)s::smallint[], %(states)s::text[]) AS v (said, owed, n, state)"
        " ORDER BY said, state ON CONFLICT (provider_id) DO UPDATE SET state = excluded.state"
        " WHERE p.state = 'sent' AND p.owed_id = excluded.owed_id",
        {
            "said": [one.id for one, _ in each], "owed": [owed_id for _, owed_id in each],
            "of": [of[owed_id] for _, owed_id in each], "states": [one.outcome for one, _ in each],
        },
    )  # fmt: skip
    return {
        owed_id: replace(pieces[owed_id][-1], outcome="failed" if failed else "delivered")
        for owed_id, failed in _decided(tx, pieces)
    }


def _decided(tx: Tx, owed_ids: Collection[int]) -> list[tuple[int, bool]]:
    """Which of these messages in parts all receipts have come for, or one that failed."""
    rows = sql.rows(
        tx,
        "SELECT owed_id, bool_or(state = 'failed') FROM sms_parts WHERE owed_id = ANY (%(ids)s)"
        " GROUP BY owed_id HAVING bool_or(state = 'failed')"
        " OR bool_and(state = 'delivered') AND count(*) >= max(of)",
        {"ids": [*owed_ids]},
    )
    return [(owed_id, failed) for owed_id, failed in rows]


@dataclass(frozen=True, slots=True)
class Late:
    """A part of which the SMSC is asked, as it knows it."""

    provider_id: str  # "<gateway>:<id>"
    suffix: str


_LATE = """
    UPDATE outbox SET status = o.next
    FROM unnest(%(was)s::text[], %(next)s::text[], %(before)s::timestamptz[])
             AS n (was, next, before)
         CROSS JOIN LATERAL (
            SELECT id, n.next FROM outbox
            WHERE state = 'sent' AND kind = 'sms' AND status <> 'asked 3'
              AND provider_id LIKE 'smpp:%%'
              AND status = n.was AND settled_at < n.before AND settled_at > %(since)s
            ORDER BY settled_at LIMIT %(limit)s
            FOR UPDATE SKIP LOCKED) AS o
    WHERE outbox.id = o.id
    RETURNING outbox.id, provider_id
"""


def late(tx: Tx, *, after: timedelta, limit: int, now: datetime) -> list[Late]:
    """Messages that went by SMPP and have had no receipt for long: ask for each of these parts.

    They are noted as asked, so that each is asked about three times at most, ever later.
    """
    rows = sql.rows(
        tx, _LATE,
        {"was": ["sent", "asked 1", "asked 2"], "next": ["asked 1", "asked 2", "asked 3"],
         "before": [now - after * times for times in _LATER], "since": now - KNOWN_FOR,
         "limit": limit},
    )  # fmt: skip
    if not rows:
        return []
    of_parts: dict[int, list[str]] = {}
    for owed_id, provider_id in sql.rows(
        tx,
        "SELECT owed_id, provider_id FROM sms_parts WHERE owed_id = ANY (%(ids)s)"
        " AND state = 'sent' ORDER BY owed_id, part_no",
        {"ids": [owed_id for owed_id, _ in rows]},
    ):
        of_parts.setdefault(owed_id, []).append(provider_id)
    return [
        Late(each, suffix(owed_id))
        for owed_id, provider_id in rows
        for each in of_parts.get(owed_id, [provider_id])
    ]


def _parts(tx: Tx, come: Mapping[str, Receipt]) -> dict[int, Receipt]:
    """Note receipts of parts; which messages are decided by them: by their worst part."""
    if not come:
        return {}
    sql.change(
        tx,
        "UPDATE sms_parts SET state = v.state FROM unnest(%(ids)s::text[], %(states)s::text[])"
        " AS v (id, state) WHERE provider_id = v.id AND sms_parts.state = 'sent'",
        {"ids": [*come], "states": [receipt.outcome for receipt in come.values()]},
    )
    rows = sql.rows(
        tx,
        "SELECT owed_id, max(provider_id) FROM sms_parts WHERE provider_id = ANY (%(ids)s)"
        " GROUP BY owed_id",
        {"ids": [*come]},
    )
    last = {owed_id: come[said] for owed_id, said in rows}
    return {
        owed_id: replace(last[owed_id], outcome="failed" if failed else "delivered")
        for owed_id, failed in _decided(tx, last)
    }


def _settle(tx: Tx, said: Mapping[int, Receipt], now: datetime) -> None:
    final = {owed_id: one for owed_id, one in said.items() if one.outcome != "sent"}
    if not final:
        return
    settled = sql.rows(
        tx,
        "UPDATE outbox SET state = v.outcome, status = v.outcome, leased_until = NULL,"
        " error = nullif(v.why, ''), settled_at = coalesce(settled_at, %(now)s)"
        " FROM unnest(%(ids)s::bigint[], %(outcomes)s::text[], %(why)s::text[])"
        " AS v (id, outcome, why)"
        " WHERE outbox.id = v.id AND state IN ('owed', 'taken', 'sent')"
        " RETURNING outbox.id, category, coalesce(submitted_at, created_at)",
        {
            "ids": [*final], "outcomes": [one.outcome for one in final.values()], "now": now,
            "why": ["" if one.outcome == "delivered" else f"the carrier says {one.code}"
                    for one in final.values()],
        },
    )  # fmt: skip
    sms_counts.ended(tx, (_ended(final[row[0]], row[1], row[2]) for row in settled), now)


def _ended(said: Receipt, category: str, submitted_at: datetime) -> Ended:
    delivered = said.outcome == "delivered"
    return Ended(gateway_of(said.id), category, submitted_at, delivered, said.code)
