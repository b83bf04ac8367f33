"""How many friends count, and how often somebody can be asked; counted where it cannot be raced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from models import sql
from models.base import Tx
from models.invitations.tables import DAY, MONTH, POSTER_DAY, SMS_DAY
from models.points import day_of


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows (config.yaml, invitations)."""

    a_day: int  # friends who joined, for whom one inviter is rewarded
    a_month: int
    sms_a_day: int  # numbers that one person may have asked
    posters_a_day: int = field(default=5, kw_only=True)  # that one person is sent in the chat
    lasts: timedelta  # from coming by a code to joining
    rest: timedelta  # in which a number is asked once at most, whoever invites

    def most(self, what: str) -> int:
        """The limit of a count."""
        return {
            DAY: self.a_day, MONTH: self.a_month, SMS_DAY: self.sms_a_day,
            POSTER_DAY: self.posters_a_day,
        }[what]  # fmt: skip


def since(what: str, now: datetime) -> date:
    """The day in China with which a count begins."""
    today = day_of(now)
    return today.replace(day=1) if what == MONTH else today


def take(tx: Tx, inviter_id: int, what: str, limits: Limits, now: datetime) -> bool:
    """Count one more; False, and nothing counted, where the limit is reached."""
    most = limits.most(what)
    return most > 0 and (
        sql.first(
            tx,
            "INSERT INTO invitation_counts AS c (subscriber_id, what, since, number, at_most)"
            " VALUES (%(id)s, %(what)s, %(since)s, 1, %(most)s)"
            " ON CONFLICT (subscriber_id, what, since) DO UPDATE"
            " SET number = c.number + 1, at_most = %(most)s WHERE c.number < %(most)s RETURNING 1",
            {"id": inviter_id, "what": what, "since": since(what, now), "most": most},
        )
        is not None
    )


def counted(tx: Tx, inviter_id: int, what: str, now: datetime) -> int:
    """How many there were so far."""
    found = sql.maybe_value(
        tx,
        "SELECT number FROM invitation_counts"
        " WHERE subscriber_id = %(id)s AND what = %(what)s AND since = %(since)s",
        {"id": inviter_id, "what": what, "since": since(what, now)},
    )
    return int(found or 0)


def full(tx: Tx, inviter_id: int, limits: Limits, now: datetime) -> str | None:
    """Which limit of rewarded friends is reached: DAY, MONTH or None; it counts nothing."""
    for what in (DAY, MONTH):
        if counted(tx, inviter_id, what, now) >= limits.most(what):
            return what
    return None


def merge(tx: Tx, *, source: int, target: int) -> None:
    """Let what counted for `source` count for `target`, though it be more than anybody may."""
    sql.change(
        tx,
        "INSERT INTO invitation_counts AS c (subscriber_id, what, since, number, at_most)"
        " SELECT %(target)s, what, since, number, at_most FROM invitation_counts"
        " WHERE subscriber_id = %(source)s"
        " ON CONFLICT (subscriber_id, what, since) DO UPDATE"
        " SET number = c.number + excluded.number,"
        " at_most = greatest(c.at_most, c.number + excluded.number)",
        {"source": source, "target": target},
    )
    sql.change(tx, "DELETE FROM invitation_counts WHERE subscriber_id = %(id)s", {"id": source})
