"""Tiers of two who are one by now: the better standing stays, and their points count together."""

from __future__ import annotations

from datetime import date, datetime

from models import sql
from models.base import Tx
from models.tiers import counting
from models.tiers.rules import Rules, live
from models.tiers.standings import KEPT, UP, Next, Row, hold, settle, write

_STANDINGS = """
    SELECT subscriber_id, tier, review_on, grace_until, coalesce(change_no, 0), counted
    FROM tier_standings WHERE subscriber_id = ANY (%(ids)s)
    ORDER BY subscriber_id FOR NO KEY UPDATE
"""


def merge(tx: Tx, *, source: int, target: int, now: datetime) -> None:
    """Give `target` the standing of `source` if it is better, and let the points of both count.

    The source stands nowhere from then on, so no review and no news concern it; its history stays.
    To be called when the source is merged. Nobody is told that a tier was taken over.
    """
    rules = live(tx)
    if rules is not None:
        hold(tx, rules, sorted((source, target)), now)
    found = {row[0]: Row(*row) for row in sql.rows(tx, _STANDINGS, {"ids": [source, target]})}
    counting.merge(tx, source=source, target=target)
    if rules is None:  # none was ever published, so nobody stands anywhere
        return
    theirs, had = found[source], found[target]
    if _worth(rules, theirs) > _worth(rules, had):
        why = KEPT if theirs.tier == had.tier else UP
        taken = Next(had, theirs.tier, why, theirs.review_on, theirs.grace_until)
        write(tx, rules, [taken], now, f"merge:{source}", tell=False)
    sql.change(tx, "DELETE FROM tier_standings WHERE subscriber_id = %(id)s", {"id": source})
    counting.count(tx, rules.counting, [target])
    settle(tx, rules, [target], now, reviewing=False, origin=f"merge:{source}", tell=True)


def _worth(rules: Rules, row: Row) -> tuple[int, bool, date]:
    """The higher tier; in the same one, who is not in grace; then who is reviewed later."""
    return rules.rank(row.tier), row.grace_until is None, row.review_on or date.min
