"""SMS over binds: taken in the order of their worth, submitted once, followed to their end.

    owed ──take: submitted_at──▶ taken ──taken_up──▶ sent ──receipts──▶ delivered | failed
                                   │  └──put_back──▶ owed          the SMSC said no for now
                                   └──unknown──▶ owed, "unknown"   nobody knows whether it has it

A row is marked as submitted when it is taken, since it leaves at once. Whoever dies in between
leaves it unknown: its receipt tells, or it waits for `unknown_for` before it is submitted again,
and what is marketing is not. The id that an SMSC gives stands in `outbox.provider_id` as
"<gateway>:<id>"; of a text in several parts each part's stands in sms_parts. What becomes of it
afterwards is told by receipts (models/receipts.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    SmallInteger,
    String,
    Table,
)  # fmt: skip

from models import sms_counts, sql
from models.base import Tx, metadata
from models.outbox import FIELDS, TWILIO, Owed
from models.sms_counts import Left

parts = Table(
    "sms_parts",
    metadata,
    Column("provider_id", String(64), primary_key=True),
    Column("owed_id", BigInteger, ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False,
           index=True),
    Column("part_no", SmallInteger, nullable=False),
    Column("of", SmallInteger, nullable=False),
    Column("state", String(9), nullable=False, server_default="sent"),
    CheckConstraint("part_no BETWEEN 1 AND of", name="part_no"),
    CheckConstraint("state IN ('sent', 'delivered', 'failed')", name="state"),
)  # fmt: skip

# How many digits behind our service number tell messages to one phone apart.
SUFFIX_DIGITS = 3

# Alphabetically backwards: reply before bulk, and there notice before marketing (index outbox_sms).
# Not NOT EXISTS: that becomes a join, and as long as nobody has analyzed a table that a broadcast
# has just filled, one of every row with every other (2,500 us a row among
# 4,000, instead of 125).
_TAKE = f"""
    UPDATE outbox SET state = 'taken', attempts = attempts + 1, leases = leases + 1,
                      leased_until = %(until)s, submitted_at = %(now)s
    WHERE id = ANY (ARRAY(
        SELECT o.id FROM outbox o
        WHERE o.state = 'owed' AND o.kind = 'sms' AND o.due_at <= %(now)s
          AND coalesce(o.payload ->> 'gateway', %(usual)s) <> '{TWILIO}'
          AND (o.submitted_at IS NULL
               OR o.submitted_at < %(known)s AND o.category <> 'marketing')
          AND (
            SELECT 1 FROM outbox e
            WHERE e.subscriber_id = o.subscriber_id AND e.kind = 'sms' AND e.queue = o.queue
              AND (e.state = 'taken' OR e.state = 'owed' AND e.submitted_at IS NULL)
              AND e.id < o.id
            LIMIT 1) IS NULL
        ORDER BY o.queue DESC, o.category DESC, o.due_at, o.id
        LIMIT %(limit)s
        FOR UPDATE OF o SKIP LOCKED))
    RETURNING {FIELDS}
"""


def suffix(owed_id: int) -> str:
    """The digits behind our number from which a message leaves, and to which its answer comes."""
    return f"{owed_id % 10**SUFFIX_DIGITS:0{SUFFIX_DIGITS}}"


def take(
    tx: Tx, *, usual: str, limit: int, lease: timedelta,
    unknown_for: timedelta, now: datetime,
) -> list[Owed]:  # fmt: skip
    """Messages that are due, answers first, leased and noted as submitted: send them at once.

    `usual` is the gateway of those that name none; what is Twilio's stays for the workers.
    """
    rows = sql.rows(
        tx,
        _TAKE,
        {"usual": usual, "limit": limit, "until": now + lease,
         "known": now - unknown_for, "now": now},
    )  # fmt: skip
    owed = [Owed(*row) for row in rows]
    owed.sort(key=lambda one: one.id)
    return sorted(owed, key=lambda one: (one.queue, one.category), reverse=True)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What an SMSC has taken: one id for each part, in their order."""

    owed: Owed
    provider_ids: tuple[str, ...]


def taken_up(tx: Tx, submitted: Sequence[Submitted], now: datetime) -> int:
    """Note what the SMSC has. Returns how many rows were still ours."""
    longer = [
        (provider_id, one.owed.id, number, len(one.provider_ids))
        for one in submitted
        if len(one.provider_ids) > 1
        for number, provider_id in enumerate(one.provider_ids, start=1)
    ]
    if longer:
        ids, owed, numbers, of = zip(*longer, strict=True)
        sql.change(  # of an earlier time, when not all parts left
            tx,
            "DELETE FROM sms_parts WHERE owed_id = ANY (%(owed)s) AND provider_id <> ALL (%(ids)s)",
            {"owed": [*owed], "ids": [*ids]},
        )
        sql.change(
            tx,
            "INSERT INTO sms_parts (provider_id, owed_id, part_no, of)"
            " SELECT * FROM unnest(%(ids)s::text[], %(owed)s::bigint[], %(numbers)s::smallint[],"
            " %(of)s::smallint[]) ON CONFLICT DO NOTHING",
            {"ids": [*ids], "owed": [*owed], "numbers": [*numbers], "of": [*of]},
        )
    ours = _changed_ours(
        tx,
        [one.owed for one in submitted],
        "state = 'sent', leased_until = NULL, error = NULL, settled_at = %(now)s,"
        " provider_id = v.said, status = 'sent',"
        " payload = CASE WHEN (payload -> 'secret') IS NULL THEN payload ELSE payload - 'text' END",
        [one.provider_ids[0] for one in submitted],
        now=now,
    )
    sms_counts.left(tx, (_left(one) for one in submitted if one.owed.id in ours), now)
    return len(ours)


def gateway_of(provider_id: str) -> str:
    """Which gateway gave an id to a message."""
    return provider_id.partition(":")[0]


def _left(one: Submitted) -> Left:
    owed, gateway = one.owed, gateway_of(one.provider_ids[0])
    return Left(gateway, owed.category, owed.submitted_at or owed.created_at, len(one.provider_ids))


def submitted_at(tx: Tx, owed_id: int) -> datetime | None:
    """When a row was last handed to its gateway."""
    found: datetime | None = sql.maybe_value(
        tx, "SELECT submitted_at FROM outbox WHERE id = %(id)s", {"id": owed_id}
    )
    return found


def put_back(tx: Tx, owed: Sequence[Owed], why: Sequence[str], *, until: datetime) -> int:
    """The SMSC has definitely not taken these for now: submit them later."""
    return _change_ours(
        tx, owed,
        "state = 'owed', leased_until = NULL, submitted_at = NULL, due_at = %(until)s,"
        " error = v.said",
        why, until=until,
    )  # fmt: skip


def put_back_untried(tx: Tx, owed: Sequence[Owed]) -> int:
    """Nothing of these has left: they are owed as if nobody had taken them."""
    return _change_ours(
        tx, owed,
        "state = 'owed', leased_until = NULL, submitted_at = NULL, attempts = attempts - 1",
        [""] * len(owed),
    )  # fmt: skip


def put_off(tx: Tx, owed: Sequence[tuple[Owed, datetime]]) -> int:
    """Nothing of these has left, nor may before a time of each: the night is over by then."""
    return _change_ours(
        tx, [one for one, _ in owed],
        "state = 'owed', leased_until = NULL, submitted_at = NULL, attempts = attempts - 1,"
        " due_at = v.said::timestamptz",
        [until.isoformat() for _, until in owed],
    )  # fmt: skip


def unknown(tx: Tx, owed: Sequence[Owed]) -> int:
    """Nobody knows whether the SMSC has these: its receipts will tell, or time."""
    return _change_ours(
        tx, owed, "state = 'owed', leased_until = NULL, status = 'unknown', error = v.said",
        ["the SMSC did not answer"] * len(owed),
    )  # fmt: skip


def refused(tx: Tx, owed: Sequence[Owed], why: Sequence[str], *, state: str, now: datetime) -> int:
    """These never leave: `failed` on a definite no, `dead` when patience ran out."""
    return _change_ours(
        tx, owed,
        "state = %(state)s, leased_until = NULL, error = v.said, settled_at = %(now)s",
        why, state=state, now=now,
    )  # fmt: skip


def _change_ours(
    tx: Tx, owed: Sequence[Owed], what: str, said: Sequence[str], **values: object
) -> int:
    """Change rows that we have taken, but for those whose lease somebody else has now."""
    return len(_changed_ours(tx, owed, what, said, **values))


def _changed_ours(
    tx: Tx, owed: Sequence[Owed], what: str, said: Sequence[str], **values: object
) -> set[int]:
    if not owed:
        return set()
    changed = sql.rows(
        tx,
        f"UPDATE outbox SET {what} FROM unnest(%(ids)s::bigint[], %(leased)s::int[],"
        " %(said)s::text[]) AS v (id, lease, said)"
        " WHERE outbox.id = v.id AND state = 'taken' AND leases = v.lease RETURNING outbox.id",
        {"ids": [one.id for one in owed], "leased": [one.leases for one in owed],
         "said": [*said], **values},
    )  # fmt: skip
    return {row[0] for row in changed}


# The category is hidden from the planner: where it knows nothing of a table that a broadcast has
# just filled, it would take the index outbox_sms for it, and read all that is owed.
_GIVE_UP = """
    UPDATE outbox SET state = 'failed', status = 'unknown', settled_at = %(now)s,
                      error = 'unknown: submitted, and neither answered nor receipted'
    WHERE id = ANY (ARRAY(
        SELECT id FROM outbox
        WHERE state = 'owed' AND kind = 'sms' AND submitted_at IS NOT NULL
          AND category || '' = 'marketing' AND submitted_at < %(known)s
        ORDER BY submitted_at LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED))
"""


def give_up_unknown(tx: Tx, *, unknown_for: timedelta, now: datetime, limit: int = 1000) -> int:
    """Marketing of which nobody knows whether it left is not sent again. Returns how many."""
    return sql.change(tx, _GIVE_UP, {"now": now, "known": now - unknown_for, "limit": limit})


def late_by(tx: Tx, now: datetime) -> dict[str, int]:
    """Category -> by how many seconds its oldest SMS is late that has not left; 0 without any."""
    rows = sql.rows(tx, LATE_BY, {"now": now})
    found = {category: 0 for category, _ in rows}
    for category, due_at in rows:
        if due_at is not None:
            found[category] = max(found[category], int((now - due_at).total_seconds()))
    return found


# One look into index outbox_sms for each. What may have left already is not late but unknown; and
# what operators are told of an alarm does not raise another. (By id, too: only that index has the
# order, and another one would lead through a whole broadcast.)
LATE_BY = """
    SELECT v.category, (
        SELECT due_at FROM outbox
        WHERE state = 'owed' AND kind = 'sms' AND queue = v.queue AND category = v.category
          AND due_at <= %(now)s AND submitted_at IS NULL AND NOT payload ? 'alarm'
        ORDER BY due_at, id LIMIT 1)
    FROM (VALUES ('reply', 'answer'), ('bulk', 'answer'), ('reply', 'notice'), ('bulk', 'notice'),
                 ('reply', 'marketing'), ('bulk', 'marketing')) AS v (queue, category)
"""


def provider_ids(tx: Tx, *, to: str, since: datetime, but: int) -> list[str]:
    """The gateway's ids of other messages to a number that may have been sent since then."""
    rows = sql.rows(
        tx,
        "SELECT provider_id FROM outbox WHERE kind = 'sms' AND payload ->> 'to' = %(to)s"
        " AND created_at > %(since)s AND provider_id IS NOT NULL AND id <> %(but)s",
        # A message may have waited for long before it was sent.
        {"to": to, "but": but, "since": since - timedelta(days=2)},
    )
    return [row[0] for row in rows]
