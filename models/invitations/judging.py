"""What counts as an invitation: a friend who is somebody else, new to the clubs, and not a ring."""

from __future__ import annotations

from datetime import datetime

from models import remembered, sql, subscribers
from models.base import Tx
from models.invitations.tables import BROUGHT, GONE, NOT_NEW, ONESELF, PAIR, RING
from models.subscribers import Subscriber

# Upwards from who invites, over everybody who brought them: is the friend among these? Whoever was
# merged stands for who they are now.
_ABOVE = """
    WITH RECURSIVE above (id) AS (
        SELECT %(inviter)s::bigint
        UNION
        SELECT coalesce(s.merged_into, s.id) FROM above
        CROSS JOIN LATERAL (
            SELECT above.id UNION ALL SELECT id FROM subscribers WHERE merged_into = above.id
        ) AS mine (id)
        JOIN invitations i ON i.subscriber_id = mine.id AND i.state = 'joined'
        JOIN subscribers s ON s.id = i.inviter_id
    )
    SELECT EXISTS (SELECT 1 FROM above WHERE id = %(friend)s)
"""
_BROUGHT_BY = """
    SELECT coalesce(s.merged_into, s.id) FROM invitations i
    JOIN subscribers s ON s.id = i.inviter_id
    WHERE i.subscriber_id = ANY (%(ids)s) AND i.state = 'joined' LIMIT 1
"""
# Or is about to be one: 是 is said, and BOSS has not answered. An opening that failed counts not.
_WAS_MEMBER = """
    SELECT EXISTS (SELECT 1 FROM membership_changes
        WHERE subscriber_id = ANY (%(ids)s) AND state = 'active' AND at < %(before)s)
    OR EXISTS (SELECT 1 FROM (
        SELECT DISTINCT ON (subscriber_id, club_code) state FROM membership_changes
        WHERE subscriber_id = ANY (%(ids)s) AND at < %(before)s
        ORDER BY subscriber_id, club_code, change_no DESC) AS last WHERE state = 'opening')
"""


def why_not(tx: Tx, inviter: Subscriber, friend: Subscriber, *, before: datetime) -> str | None:
    """Why this friend does not count for this inviter, or None.

    Both are who they are by now. `before`: who was a member of any club by then is not new.
    """
    if inviter.id == friend.id:
        return ONESELF
    if inviter.status != "active" or inviter.msisdn is None:
        return GONE
    ids = subscribers.family(tx, friend.id)
    brought_by = sql.maybe_value(tx, _BROUGHT_BY, {"ids": ids})
    if brought_by is not None:
        return PAIR if brought_by == inviter.id else BROUGHT
    if sql.value(tx, _ABOVE, {"inviter": inviter.id, "friend": friend.id}):
        return RING
    if sql.value(tx, _WAS_MEMBER, {"ids": ids, "before": before}):
        return NOT_NEW
    if remembered.had(tx, {(friend.id, remembered.MEMBER)}):  # and was deleted since
        return NOT_NEW
    return None
