"""Hand-overs as the console's inbox shows them: who waits, what was said, how many there are."""

from __future__ import annotations

from datetime import UTC, datetime

from models import sql
from models.base import Tx
from models.handovers import COLUMNS, Handover, Said


def words_of(tx: Tx, found: Handover, limit: int) -> list[Said]:
    """What was said in it, the last `limit` of it, the oldest first."""
    rows = sql.rows(
        tx,
        "SELECT no, who, kind, words, operator_id, at FROM handover_messages"
        " WHERE subscriber_id = %(subscriber)s AND handover_id = %(id)s"
        " ORDER BY no DESC LIMIT %(limit)s",
        {"subscriber": found.subscriber_id, "id": found.id, "limit": limit},
    )
    return [Said(*row) for row in reversed(rows)]


def listed(
    tx: Tx, *, limit: int, after: tuple[datetime, int] | None, state: str | None = None,
    operator_id: int | None = None,
) -> list[tuple[Handover, str]]:  # fmt: skip
    """What is open in our inbox, whoever waits longest first, each with the last of their words."""
    moment_, number = after or (datetime.min.replace(tzinfo=UTC), 0)
    columns = ", ".join(f"h.{name}" for name in COLUMNS.split(", "))
    rows = sql.rows(
        tx,
        f"SELECT {columns}, coalesce((SELECT m.words FROM handover_messages m"
        "   WHERE m.subscriber_id = h.subscriber_id AND m.handover_id = h.id AND m.who = 'person'"
        "   ORDER BY m.no DESC LIMIT 1), '') FROM handovers h"
        " WHERE h.state <> 'closed' AND NOT h.at_wechat"
        " AND (h.heard_at, h.id) > (%(moment)s, %(number)s)"
        " AND (%(state)s::text IS NULL OR h.state = %(state)s)"
        " AND (%(operator)s::bigint IS NULL OR h.operator_id = %(operator)s)"
        " ORDER BY h.heard_at, h.id LIMIT %(limit)s",
        {
            "moment": moment_, "number": number, "state": state, "operator": operator_id,
            "limit": limit,
        },
    )  # fmt: skip
    return [(Handover(*row[:-1]), row[-1]) for row in rows]


def waiting(tx: Tx, operator_id: int) -> int:
    """How many wait for anybody, or for a word of this operator."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM handovers WHERE state <> 'closed' AND NOT at_wechat"
            " AND (state = 'waiting' OR (operator_id = %(operator)s AND unread > 0))",
            {"operator": operator_id},
        )
    )


def ahead_of(tx: Tx, found: Handover) -> int:
    """How many have waited longer, and wait still."""
    return int(
        sql.value(
            tx,
            "SELECT count(*) FROM handovers WHERE state = 'waiting' AND NOT at_wechat"
            " AND (opened_at, id) < (%(at)s, %(id)s)",
            {"at": found.opened_at, "id": found.id},
        )
    )
