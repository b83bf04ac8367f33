"""Inviting by number: a member names a number, and we ask whoever has it, by SMS, once in a while.

wanted ──the clock, by day──▶ asked ──是──▶ accepted (coming.py)
                                └──否──▶ declined, no answer ──▶ lapsed

Who invites hears the same whatever we know of the number: nobody learns who is with us, who has
said no, or who wants no messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from models import sql, subscribers
from models.base import Tx
from models.invitations import codes, coming
from models.invitations import limits as limited
from models.invitations.codes import Code
from models.invitations.judging import why_not
from models.invitations.limits import Limits
from models.invitations.tables import (
    ASKED,
    ASKED_LATELY,
    BLOCKED,
    DECLINED,
    LAPSED,
    ONESELF,
    OPTED_OUT,
    SMS,
    SMS_DAY,
    WAITING,
)
from models.subscribers import Subscriber

# Who could not be asked for so long (another question, a closed gateway) is not asked any more.
GIVE_UP = timedelta(days=3)


class NotAsked(Exception):
    """Nobody is asked, and who invites is told `why`: ONESELF, SMS_DAY, DAY, MONTH."""

    def __init__(self, why: str, most: int = 0) -> None:
        super().__init__(why)
        self.why, self.most = why, most


@dataclass(frozen=True, slots=True)
class Wanted:
    """A question that is to be put to a friend, or was."""

    friend_id: int
    id: int
    code: Code
    state: str
    began_at: datetime


def want(tx: Tx, code: Code, number: str, *, limits: Limits, now: datetime) -> None:
    """Have the person with this number asked; the caller holds who invites. Raises NotAsked.

    What is known of the friend is kept as a reason and not told.
    """
    inviter = code.inviter
    if number == inviter.msisdn:
        raise NotAsked(ONESELF)
    if (what := limited.full(tx, inviter.id, limits, now)) is not None:
        raise NotAsked(what, limits.most(what))
    if not limited.take(tx, inviter.id, SMS_DAY, limits, now):
        raise NotAsked(SMS_DAY, limits.sms_a_day)
    friend = subscribers.by_now(tx, subscribers.numbered(tx, {number}, now)[number])
    why = _why_not_asked(tx, code, friend, limits, now)
    if why is None and not _want(tx, code, friend, now):
        why = ASKED_LATELY  # somebody else has just named the same number
    if why is not None:
        coming.refuse(tx, code, friend, way=SMS, why=why, now=now)


def _why_not_asked(
    tx: Tx, code: Code, friend: Subscriber, limits: Limits, now: datetime
) -> str | None:  # fmt: skip
    if friend.status != "active":
        return BLOCKED
    if friend.opted_out:
        return OPTED_OUT
    ids = subscribers.family(tx, friend.id)
    found = sql.rows(
        tx,
        "SELECT state FROM invitations WHERE subscriber_id = ANY (%(ids)s)"
        " AND (asked_at > %(since)s OR state = 'wanted' OR state = 'accepted'"
        " AND expires_at > %(now)s) ORDER BY state LIMIT 1",
        {"ids": ids, "since": now - limits.rest, "now": now},
    )
    if found:
        return WAITING if found[0][0] == "accepted" else ASKED_LATELY
    return why_not(tx, code.inviter, friend, before=now)


def _want(tx: Tx, code: Code, friend: Subscriber, now: datetime) -> bool:
    # A question of long ago that nobody has ever answered is over.
    sql.change(
        tx,
        "UPDATE invitations SET state = 'lapsed', changed_at = %(now)s"
        " WHERE subscriber_id = %(friend)s AND state = 'asked'",
        {"friend": friend.id, "now": now},
    )
    return (
        sql.first(
            tx,
            "INSERT INTO invitations (subscriber_id, inviter_id, club_code, way, state, began_at,"
            " due_at, changed_at) VALUES (%(friend)s, %(inviter)s, %(club)s, 'sms', 'wanted',"
            " %(now)s, %(now)s, %(now)s) ON CONFLICT DO NOTHING RETURNING 1",
            {
                "friend": friend.id, "inviter": code.inviter.id, "club": code.club.code,
                "now": now,
            },
        )
        is not None
    )  # fmt: skip


def to_ask(tx: Tx, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(friend's id, number of the invitation) of those to be asked now, the oldest first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id, id FROM invitations WHERE state = 'wanted' AND due_at <= %(now)s"
        " ORDER BY due_at LIMIT %(limit)s",
        {"now": now, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def take_wanted(tx: Tx, one: tuple[int, int], friend: Subscriber, now: datetime) -> Wanted | None:
    """What this friend (held) is to be asked; None, and noted, where nobody is to be asked now."""
    row = sql.first(
        tx,
        "SELECT i.state, i.began_at, c.number, i.inviter_id FROM invitations i"
        " JOIN invitation_codes c ON c.subscriber_id = i.inviter_id AND c.club_code = i.club_code"
        " WHERE i.subscriber_id = %(owner)s AND i.id = %(id)s AND i.state = 'wanted'"
        " FOR NO KEY UPDATE OF i",
        {"owner": one[0], "id": one[1]},
    )
    if row is None:
        return None
    state, began_at, number, _ = row
    code = codes.find(tx, int(number))
    over = now - began_at > GIVE_UP or friend.status != "active" or friend.opted_out
    if code is None or over or why_not(tx, code.inviter, friend, before=now):
        end(tx, one, LAPSED, now)
        return None
    return Wanted(one[0], one[1], code, state, began_at)


def asked(tx: Tx, one: tuple[int, int], now: datetime) -> None:
    """Note that the friend is being asked."""
    _change(tx, one, "state = 'asked', due_at = NULL, asked_at = %(now)s", ("wanted",), now)


def postpone(tx: Tx, one: tuple[int, int], until: datetime, now: datetime) -> None:
    """Ask later: something else is being asked just now."""
    _change(tx, one, "due_at = %(until)s", ("wanted",), now, until=until)


def end(tx: Tx, one: tuple[int, int], state: str, now: datetime) -> bool:
    """The friend has said no, or nothing; False where it was over already."""
    if state not in (DECLINED, LAPSED):
        raise ValueError(state)
    return _change(tx, one, "state = %(state)s, due_at = NULL", ("wanted", ASKED), now, state=state)


def agreed(
    tx: Tx, one: tuple[int, int], code: Code, friend: Subscriber, *, limits: Limits, now: datetime
) -> str | None:  # fmt: skip
    """The friend (held) has said yes; why it will not count, or None, as coming.accept()."""
    end(tx, one, LAPSED, now)  # what follows is another row, with its own end
    return coming.accept(tx, code, friend, way=SMS, limits=limits, now=now)


def _change(
    tx: Tx, one: tuple[int, int], what: str, of: tuple[str, ...], now: datetime, **values: object
) -> bool:
    return (
        sql.change(
            tx,
            f"UPDATE invitations SET {what}, changed_at = %(now)s"
            " WHERE subscriber_id = %(owner)s AND id = %(id)s AND state = ANY (%(of)s)",
            {"owner": one[0], "id": one[1], "of": list(of), "now": now, **values},
        )
        == 1
    )
