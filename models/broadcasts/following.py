"""What has become of what a broadcast owes: its targets follow the outbox, some at a time.

queued ──▶ sent ──▶ delivered | failed        never back; what is unknown stays queued until
                                              the outbox knows, or gives it up
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from models import sql
from models.base import Tx
from models.broadcasts import acting
from models.broadcasts.broadcast import hold_if_free
from models.broadcasts.tables import DELIVERED, DONE, FAILED, PAUSED, RUNNING, SENT, STOPPED

# Carriers try a phone that is off for two days; a receipt that has not come by then never will.
RECEIPTS_COME_FOR = timedelta(days=3)


def open_ones(tx: Tx, now: datetime) -> list[int]:
    """The broadcasts of which something may still change."""
    rows = sql.rows(
        tx,
        "SELECT id FROM broadcasts WHERE state IN ('running', 'paused')"
        " UNION ALL SELECT id FROM broadcasts WHERE ended_at > %(since)s"
        " AND queued + sent > 0 ORDER BY 1",
        {"since": now - RECEIPTS_COME_FOR},
    )
    return [row[0] for row in rows]


def follow(tx: Tx, number: int, *, state: str, after: int, limit: int) -> int | None:
    """Bring the next targets that are "queued" or "sent" up to date, those owed under an id above
    `after`; returns how far that was, None at the end.

    What was put back while it rests or is over is taken back.
    """
    found = hold_if_free(tx, number, (RUNNING, PAUSED, STOPPED, DONE))
    if found is None:
        return None
    if found.state in (PAUSED, STOPPED) and found.queued:
        acting.take_back(tx, found)
    values = {"id": number, "state": state, "after": after, "limit": limit}
    looked, last = sql.one(tx, f"SELECT count(*), max(owed_id) FROM ({_NEXT}) AS n", values)
    if not looked:
        return None
    moved = sql.rows(tx, _FOLLOW, values)
    if moved:
        _count(tx, number, moved)
    return int(last) if looked == limit else None


_NEXT = (
    "SELECT no, state, owed_id FROM broadcast_targets WHERE broadcast_id = %(id)s"
    " AND state = %(state)s AND state IN ('queued', 'sent') AND owed_id > %(after)s"
    " ORDER BY owed_id LIMIT %(limit)s"
)
# A row that is gone from the outbox was deleted with its person, or is older than we keep.
_FOLLOW = f"""
    WITH seen AS MATERIALIZED (
        SELECT n.no, n.state AS was, CASE
            WHEN o.state IN ('sent', 'delivered') THEN o.state
            WHEN o.state IN ('failed', 'dead', 'dropped') THEN 'failed'
            WHEN o.id IS NULL AND n.state = 'queued' THEN 'failed' END AS became
        FROM ({_NEXT}) AS n LEFT JOIN outbox o ON o.id = n.owed_id
    ), moved AS (
        UPDATE broadcast_targets t SET state = s.became FROM seen s
        WHERE t.no = s.no AND s.became <> s.was
        RETURNING s.was, s.became
    )
    SELECT was, became, count(*) FROM moved GROUP BY was, became
"""


def _count(tx: Tx, number: int, moved: list[sql.Row]) -> None:
    by: Counter[str] = Counter()
    for was, became, times in moved:
        by[was] -= times
        by[became] += times
    sql.change(
        tx,
        "UPDATE broadcasts SET queued = queued + %(queued)s, sent = sent + %(sent)s,"
        " delivered = delivered + %(delivered)s, failed = failed + %(failed)s WHERE id = %(id)s",
        {"id": number, "queued": by["queued"], SENT: by[SENT], DELIVERED: by[DELIVERED],
         FAILED: by[FAILED]},
    )  # fmt: skip
