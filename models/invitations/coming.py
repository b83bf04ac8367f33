"""Coming by a code, and joining: accepted ─▶ joined, both rewarded; or refused, and why is kept.

accept ── a friend scanned, opened the link, sent the code or said 是 ── waits `lasts`
settle ── the friend is a member by now ── the rules are asked, counted, and both get points
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models import sql, subscribers
from models.base import Tx
from models.earning import events
from models.earning.earn import earn
from models.earning.event import Event
from models.invitations import limits as limited
from models.invitations.codes import Code
from models.invitations.judging import why_not
from models.invitations.limits import Limits
from models.invitations.tables import BROUGHT, DAY, GONE, MONTH, PAIR, WAITING
from models.subscribers import Subscriber

# What the earning rules know (rules/events.yaml); also what a task counts as an invited friend.
INVITED_FRIEND, CAME_INVITED = "friend_invited", "came_invited"
SOURCE = "circle"  # of events that BOSS has not told


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a friend who joined: `why` it did not count, or what both got."""

    inviter: Subscriber
    friend: Subscriber
    club_code: str
    why: str | None = None
    points: int = 0
    friend_points: int = 0


def accept(
    tx: Tx, code: Code, friend: Subscriber, *, way: str, limits: Limits, now: datetime
) -> str | None:  # fmt: skip
    """Note that a friend (held) has come by a code; why it will not count, or None.

    Coming again by the same person's code changes nothing; by somebody else's is refused as
    long as the first one waits: who came first has brought them.
    """
    ids = subscribers.family(tx, friend.id)
    lapse(tx, ids, now)
    waits_for = _waits_for(tx, ids)
    if waits_for == code.inviter.id != friend.id:
        return None
    why = why_not(tx, code.inviter, friend, before=now)
    if why is None and waits_for is not None:
        why = WAITING
    why = why or limited.full(tx, code.inviter.id, limits, now)
    if why is None:
        _end_question(tx, code, friend, now)
        if not _accept(tx, code, friend, way, limits, now):
            why = WAITING  # another one was faster
    if why is not None:
        refuse(tx, code, friend, way=way, why=why, now=now)
    return why


def refuse(
    tx: Tx, code: Code, friend: Subscriber, *, way: str, why: str, now: datetime
) -> None:  # fmt: skip
    """Keep that it does not count, and why: one row for a pair and a reason, however often."""
    values = {
        "friend": friend.id, "inviter": code.inviter.id, "club": code.club.code, "way": way,
        "why": why, "now": now,
    }  # fmt: skip
    if not sql.change(
        tx,
        "UPDATE invitations SET times = times + 1, changed_at = %(now)s WHERE (subscriber_id, id) ="
        " (SELECT subscriber_id, id FROM invitations WHERE subscriber_id = %(friend)s"
        " AND inviter_id = %(inviter)s AND state = 'refused' AND why = %(why)s LIMIT 1)",
        values,
    ):
        sql.change(
            tx,
            "INSERT INTO invitations (subscriber_id, inviter_id, club_code, way, state, why,"
            " began_at, changed_at) VALUES (%(friend)s, %(inviter)s, %(club)s, %(way)s, 'refused',"
            " %(why)s, %(now)s, %(now)s)",
            values,
        )


def lapse(tx: Tx, ids: Sequence[int], now: datetime) -> None:
    """End what these ids accepted too long ago."""
    sql.change(
        tx,
        "UPDATE invitations SET state = 'lapsed', changed_at = %(now)s"
        " WHERE subscriber_id = ANY (%(ids)s) AND state = 'accepted' AND expires_at <= %(now)s",
        {"ids": list(ids), "now": now},
    )


def due(tx: Tx, now: datetime, limit: int) -> list[int]:
    """Friends who have accepted and are members by now, whichever way they joined."""
    rows = sql.rows(
        tx,
        "SELECT DISTINCT coalesce(s.merged_into, s.id) FROM invitations i"
        " JOIN subscribers s ON s.id = i.subscriber_id"
        " JOIN memberships m ON m.subscriber_id IN (s.id, s.merged_into)"
        " AND m.state = 'active' AND m.since >= i.accepted_at"
        " WHERE i.state = 'accepted' AND i.expires_at > %(now)s LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [row[0] for row in rows]


def settle(tx: Tx, friend: Subscriber, *, limits: Limits, now: datetime) -> Settled | None:
    """Reward a friend (held) who has joined, and who brought them; None if there is nothing to do.

    Once: the row is held, the table allows one for each friend, and the events have one id a pair.
    """
    ids = subscribers.family(tx, friend.id)
    lapse(tx, ids, now)
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, id, inviter_id, club_code, accepted_at FROM invitations"
        " WHERE subscriber_id = ANY (%(ids)s) AND state = 'accepted'"
        " ORDER BY accepted_at, id FOR UPDATE",
        {"ids": ids},
    )
    if not rows or not _has_joined(tx, ids, rows[0][4]):
        return None
    owner, number, inviter_id, club_code, accepted_at = rows[0]
    for other in rows[1:]:  # of two accounts that became one
        _end(tx, (other[0], other[1]), "refused", now, why=BROUGHT)
    inviter = subscribers.by_now(tx, inviter_id)
    why = why_not(tx, inviter, friend, before=accepted_at)
    if why is None and not subscribers.still_there(tx, inviter.id):
        why = GONE
    why = why or _count(tx, inviter, limits, now)
    if why is not None:
        _end(tx, (owner, number), "refused", now, why=why)
        return Settled(inviter, friend, club_code, why)
    got = _reward(tx, inviter, friend, club_code, now)
    if got is None:
        _end(tx, (owner, number), "refused", now, why=PAIR)
        return Settled(inviter, friend, club_code, PAIR)
    _end(tx, (owner, number), "joined", now, points=got[0], friend_points=got[1])
    return Settled(inviter, friend, club_code, None, *got)


def _accept(
    tx: Tx, code: Code, friend: Subscriber, way: str, limits: Limits, now: datetime
) -> bool:  # fmt: skip
    return (
        sql.first(
            tx,
            "INSERT INTO invitations (subscriber_id, inviter_id, club_code, way, state, began_at,"
            " accepted_at, expires_at, changed_at) VALUES (%(friend)s, %(inviter)s, %(club)s,"
            " %(way)s, 'accepted', %(now)s, %(now)s, %(until)s, %(now)s)"
            " ON CONFLICT DO NOTHING RETURNING 1",
            {
                "friend": friend.id, "inviter": code.inviter.id, "club": code.club.code,
                "way": way, "now": now, "until": now + limits.lasts,
            },
        )
        is not None
    )  # fmt: skip


def _end_question(tx: Tx, code: Code, friend: Subscriber, now: datetime) -> None:
    """Who was asked by SMS, too, has come before answering."""
    sql.change(
        tx,
        "UPDATE invitations SET state = 'lapsed', due_at = NULL, changed_at = %(now)s"
        " WHERE subscriber_id = %(friend)s AND inviter_id = %(inviter)s"
        " AND state IN ('wanted', 'asked')",
        {"friend": friend.id, "inviter": code.inviter.id, "now": now},
    )


def _waits_for(tx: Tx, ids: Sequence[int]) -> int | None:
    found: int | None = sql.maybe_value(
        tx,
        "SELECT coalesce(s.merged_into, s.id) FROM invitations i"
        " JOIN subscribers s ON s.id = i.inviter_id WHERE i.subscriber_id = ANY (%(ids)s)"
        " AND i.state = 'accepted' ORDER BY i.accepted_at, i.id LIMIT 1",
        {"ids": list(ids)},
    )
    return found


def _has_joined(tx: Tx, ids: Sequence[int], since: datetime) -> bool:
    return bool(
        sql.value(
            tx,
            "SELECT EXISTS (SELECT 1 FROM membership_changes WHERE subscriber_id = ANY (%(ids)s)"
            " AND state = 'active' AND at >= %(since)s)",
            {"ids": list(ids), "since": since},
        )
    )


class _Full(Exception):
    """A limit is reached."""


def _count(tx: Tx, inviter: Subscriber, limits: Limits, now: datetime) -> str | None:
    """Count this friend for today and this month, or say which limit is reached."""
    try:
        with tx.begin_nested():  # both or neither
            for what in (MONTH, DAY):
                if not limited.take(tx, inviter.id, what, limits, now):
                    raise _Full(what)
    except _Full as full:
        return str(full)
    return None


def _reward(
    tx: Tx, inviter: Subscriber, friend: Subscriber, club_code: str, now: datetime
) -> tuple[int, int] | None:  # fmt: skip
    """What the rules gave to both; None for a pair that was rewarded before."""
    pair, values = f"{inviter.id}:{friend.id}", {"club": club_code}
    both = (
        Event(f"{INVITED_FRIEND}:{pair}", INVITED_FRIEND, inviter.id, now, values),
        Event(f"{CAME_INVITED}:{pair}", CAME_INVITED, friend.id, now, values),
    )
    if len(new := events.keep(tx, both, source=SOURCE, now=now)) < len(both):
        return None
    earn(tx, new, now)  # together, so that accounts are locked in the one order of all earning
    given = sql.rows(
        tx,
        "SELECT event_id, sum(points)::bigint FROM earning_postings"
        " WHERE subscriber_id = ANY (%(owners)s) AND event_id = ANY (%(ids)s) GROUP BY event_id",
        {"owners": [inviter.id, friend.id], "ids": [each.id for each in both]},
    )
    got = {row[0]: int(row[1]) for row in given}
    return got.get(both[0].id, 0), got.get(both[1].id, 0)


def _end(
    tx: Tx, key: tuple[int, int], state: str, now: datetime, *, why: str | None = None,
    points: int = 0, friend_points: int = 0,
) -> None:  # fmt: skip
    sql.change(
        tx,
        "UPDATE invitations SET state = %(state)s, why = %(why)s, points = %(points)s,"
        " friend_points = %(friend_points)s, changed_at = %(now)s"
        " WHERE subscriber_id = %(owner)s AND id = %(id)s",
        {
            "owner": key[0], "id": key[1], "state": state, "why": why, "points": points,
            "friend_points": friend_points, "now": now,
        },
    )  # fmt: skip
