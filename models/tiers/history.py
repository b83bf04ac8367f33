"""The history of a person's tiers, and whom we have not told yet."""

from __future__ import annotations

from datetime import date, timedelta

from models import sql
from models.base import Tx
from models.subscribers import family
from models.tiers.standings import DOWN, GRACE, UP, Change

# News older than this is none: the clock or the gateway was away for long.
TOLD_WITHIN = timedelta(days=7)
_COLUMNS = (
    "subscriber_id, no, from_tier, to_tier, why, counted, on_day, grace_until, version, origin, at"
)


def history(tx: Tx, subscriber_id: int, limit: int = 50) -> list[Change]:
    """The latest changes of a person's standing, and of who was merged into them; newest first."""
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM tier_changes WHERE subscriber_id = ANY (%(ids)s)"
        " ORDER BY at DESC, no DESC LIMIT %(limit)s",
        {"ids": family(tx, subscriber_id), "limit": limit},
    )
    return [Change(*row) for row in rows]


def people_in(tx: Tx) -> dict[str, int]:
    """How many people stand in each tier, by code; who has none yet is in none."""
    rows = sql.rows(tx, "SELECT tier, count(*) FROM tier_standings GROUP BY tier")
    return dict(rows)


def untold(tx: Tx, limit: int) -> list[int]:
    """People with a change that they have not been told of, at most `limit`."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id FROM tier_standings WHERE told_no < change_no"
        " ORDER BY subscriber_id LIMIT %(limit)s",
        {"limit": limit},
    )
    return [row[0] for row in rows]


def take_untold(tx: Tx, subscriber_id: int, today: date) -> Change | None:
    """The newest change to tell a person of, which then counts as told; None: nothing to tell.

    Of several only the last one is news; that a tier was kept is none.
    """
    row = sql.first(
        tx,
        "SELECT told_no FROM tier_standings WHERE subscriber_id = %(id)s AND told_no < change_no"
        " FOR NO KEY UPDATE",
        {"id": subscriber_id},
    )
    if row is None:
        return None
    found = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM tier_changes WHERE subscriber_id = %(id)s AND no > %(told)s"
        " ORDER BY no DESC LIMIT 1",
        {"id": subscriber_id, "told": row[0]},
    )
    sql.change(
        tx,
        "UPDATE tier_standings SET told_no = change_no WHERE subscriber_id = %(id)s",
        {"id": subscriber_id},
    )
    change = Change(*found) if found else None
    if change is None or change.why not in (UP, GRACE, DOWN) or change.on_day < today - TOLD_WITHIN:
        return None
    return change
