"""Looking at invitations: who came through me, what is promised, and what operators see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import sql, subscribers
from models.base import Tx
from models.earning import rules
from models.invitations.coming import CAME_INVITED, INVITED_FRIEND


@dataclass(frozen=True, slots=True)
class Friend:
    """Somebody whom I have invited; `msisdn` is whole here: mask it before it is shown."""

    msisdn: str | None
    club: str
    state: str
    at: datetime
    points: int

    @property
    def has_joined(self) -> bool:
        return self.state == "joined"


@dataclass(frozen=True, slots=True)
class Summary:
    """How many have joined through me, what I got for them, and how many might still."""

    joined: int
    points: int
    waiting: int


# What was refused silently looks as if nobody had answered; what was refused when somebody came is
# not told at all. Who was asked and came is one friend.
_MINE = """
    inviter_id = ANY (%(ids)s) AND (state IN ('joined', 'accepted', 'wanted', 'asked', 'declined')
    OR state = 'refused' AND way = 'sms'
    OR state = 'lapsed' AND NOT EXISTS (SELECT 1 FROM invitations later
        WHERE later.subscriber_id = i.subscriber_id AND later.inviter_id = i.inviter_id
        AND later.id > i.id))
"""


def mine(tx: Tx, subscriber_id: int, limit: int) -> list[Friend]:
    """Whom this person has invited, those who joined first, then the newest first."""
    rows = sql.rows(
        tx,
        "SELECT n.address, c.name, i.state, i.changed_at, i.points FROM invitations i"
        " JOIN clubs c ON c.code = i.club_code"
        " JOIN subscribers s ON s.id = i.subscriber_id"
        " LEFT JOIN subscriber_addresses n ON n.channel = 'sms'"
        " AND n.subscriber_id = coalesce(s.merged_into, s.id)"
        f" WHERE {_MINE} ORDER BY i.state = 'joined' DESC, i.changed_at DESC, i.id LIMIT %(limit)s",
        {"ids": subscribers.family(tx, subscriber_id), "limit": limit},
    )
    return [Friend(*row) for row in rows]


def summary(tx: Tx, subscriber_id: int) -> Summary:
    """The same in numbers."""
    row = sql.one(
        tx,
        "SELECT count(*) FILTER (WHERE state = 'joined'), coalesce(sum(points), 0)::bigint,"
        f" count(*) FILTER (WHERE state <> 'joined') FROM invitations i WHERE {_MINE}",
        {"ids": subscribers.family(tx, subscriber_id)},
    )
    return Summary(*row)


def promised(tx: Tx, now: datetime) -> tuple[int, int]:
    """What the live rules give to who invites, and to who comes, where that is a plain number.

    0 where there is no such rule: then nothing is promised.
    """
    return _plain(tx, INVITED_FRIEND, now), _plain(tx, CAME_INVITED, now)


def _plain(tx: Tx, event: str, now: datetime) -> int:
    groups: dict[str, int] = {}
    for live in rules.current(tx, now).by_type.get(event, []):
        rule = live.rule
        # What has conditions may not be met: it is a surprise, no promise.
        if rule.when is not None or rule.audience.asks or not isinstance(live.amount, int):
            continue
        if rule.window.contains(now) and rule.stack not in groups:
            groups[rule.stack] = live.amount * rule.times_hundredths // 100
    return sum(groups.values())


@dataclass(frozen=True, slots=True)
class Line:
    """An invitation as operators see it; numbers are whole here: mask them.

    `owner_id` and `id` are its key; people are who they are by now.
    """

    owner_id: int
    id: int
    friend_id: int
    friend: str | None
    inviter_id: int
    inviter: str | None
    club: str
    way: str
    state: str
    why: str | None
    times: int
    began_at: datetime
    changed_at: datetime
    points: int
    friend_points: int


def lines(
    tx: Tx, *, state: str = "", why: str = "", person: int = 0,
    after: tuple[datetime, int, int] | None = None, limit: int,
) -> list[Line]:  # fmt: skip
    """Invitations, what changed last first; `after` is the last row's place."""
    where, values = ["true"], dict[str, Any](limit=limit)
    for condition, name, value in (
        ("i.state = %(state)s", "state", state),
        ("i.why = %(why)s", "why", why),
        (
            "(i.inviter_id = ANY (%(person)s) OR i.subscriber_id = ANY (%(person)s))",
            "person",
            subscribers.family(tx, person) if person else [],
        ),
    ):
        if value:
            where.append(condition)
            values[name] = value
    if after is not None:
        where.append("(i.changed_at, i.subscriber_id, i.id) < (%(at)s, %(owner)s, %(id)s)")
        values |= {"at": after[0], "owner": after[1], "id": after[2]}
    rows = sql.rows(
        tx,
        "SELECT i.subscriber_id, i.id, coalesce(s.merged_into, s.id), f.address,"
        " coalesce(b.merged_into, b.id), n.address, c.name, i.way, i.state, i.why, i.times,"
        " i.began_at, i.changed_at, i.points, i.friend_points FROM invitations i"
        " JOIN clubs c ON c.code = i.club_code"
        " JOIN subscribers s ON s.id = i.subscriber_id JOIN subscribers b ON b.id = i.inviter_id"
        " LEFT JOIN subscriber_addresses f ON f.channel = 'sms'"
        " AND f.subscriber_id = coalesce(s.merged_into, s.id)"
        " LEFT JOIN subscriber_addresses n ON n.channel = 'sms'"
        " AND n.subscriber_id = coalesce(b.merged_into, b.id)"
        f" WHERE {' AND '.join(where)}"
        " ORDER BY i.changed_at DESC, i.subscriber_id DESC, i.id DESC LIMIT %(limit)s",
        values,
    )
    return [Line(*row) for row in rows]
