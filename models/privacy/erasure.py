"""A person's wish to be deleted: what stands in its way, doing it, and what is left to do after.

    obstacles? ──none──▶ erase ──▶ the number is nobody's        privacy_deletions (once a person)
                           │
                           └─▶ owed: a last message, BOSS and WeChat told ──▶ finish (the clock)

The person is locked first, even against rows that only refer to them: whoever was giving them
something has committed, whoever comes later finds nobody. A message that comes later makes
somebody new. What stays (the books, the audit, evidence) stays under a number without a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from models import clubs, outbox, remembered, sql, subscribers
from models.base import HOUSE, Tx, metadata, moment, subscriber_id
from models.points import holds, ledger, lots
from models.points.accounts import FORFEITED, KINDS, NEVER, POINTS, UNITS, Account
from models.points.ledger import Cause, Leg
from models.privacy.declared import DECLARED
from models.privacy.obstacles import Obstacle, lapsed_holds, obstacles
from models.subscribers import Subscriber, family

# What is caught between two transactions has shown up by then.
SETTLES = timedelta(hours=1)
REASON = "forfeited"

deletions = Table(
    "privacy_deletions",
    metadata,
    subscriber_id(),
    Column("proposal_id", BigInteger),  # who asked and who agreed: the audit knows
    Column("told", String(8), nullable=False),  # how the person was told
    Column("clubs", Integer, nullable=False),  # memberships that were ended
    Column("points", BigInteger, nullable=False),
    Column("coins", BigInteger, nullable=False),
    Column("serial", BigInteger),  # of the transfer that forfeited them
    moment("at"),
    moment("purged_at", nullable=True),  # the number is gone from what was still owed, too
    PrimaryKeyConstraint("subscriber_id"),
    CheckConstraint(f"subscriber_id > {HOUSE}", name="person"),
    CheckConstraint("told IN ('sms', 'wechat', 'nobody')", name="told"),
    CheckConstraint("clubs >= 0 AND points >= 0 AND coins >= 0", name="counts"),
    CheckConstraint("(serial IS NULL) = (points = 0 AND coins = 0)", name="serial"),
    CheckConstraint("purged_at >= at", name="order"),
    Index("privacy_deletions_open", "at", postgresql_where=text("purged_at IS NULL")),
)  # fmt: skip


class NotDeletable(Exception):
    """This is no person who could be deleted: the house, merged into another, or deleted before."""


class InTheWay(Exception):
    """Something is not finished; `obstacles` says what. Nothing has changed."""

    def __init__(self, found: Sequence[Obstacle]) -> None:
        super().__init__(", ".join(each.kind for each in found))
        self.obstacles = tuple(found)


@dataclass(frozen=True, slots=True)
class Erased:
    """What a deletion has done, and where the person can be told, for the last time."""

    subscriber_id: int
    msisdn: str | None
    openid: str | None
    clubs: tuple[str, ...]  # codes of the memberships that ended
    points: int
    coins: int
    serial: int | None
    telling: Subscriber  # as the person was, for whoever tells them


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deletion that was carried out."""

    subscriber_id: int
    proposal_id: int | None
    told: str
    clubs: int
    points: int
    coins: int
    serial: int | None
    at: datetime
    purged_at: datetime | None


def deletable(tx: Tx, person: int) -> None:
    """Raises NotDeletable, or LookupError where there is nobody with this number."""
    _check(subscribers.get(tx, person))


def _check(who: Subscriber) -> None:
    if who.id == HOUSE or who.status not in ("active", "blocked"):
        raise NotDeletable(who.status)


def erase(
    tx: Tx, person: int, *, cause: Cause, grace_days: int, proposal_id: int | None, now: datetime
) -> Erased:
    """Delete a person. Raises NotDeletable and InTheWay, which change nothing, and LookupError.

    The caller tells `telling` in the same transaction: afterwards nobody can.
    """
    who = subscribers.lock_wholly(tx, person)
    _check(who)
    ids = family(tx, who.id)
    found = obstacles(tx, ids, now)
    if found:
        raise InTheWay(found)
    for hold in lapsed_holds(tx, ids, now):  # over, and the clock has not come round to it
        back = Cause(f"privacy-hold:{hold}", "hold_expired", "console", cause.origin)
        holds.release(
            tx, subscriber_id=_holder(tx, hold), serial=hold, cause=back, now=now,
            grace_days=grace_days,
        )  # fmt: skip
    points, coins, serial = _forfeit(tx, ids, cause, now)
    left = _leave_clubs(tx, who, cause.origin, now)
    remembered.keep(tx, ids, who.msisdn or who.openid, now)
    _remove(tx, ids, [who.msisdn] if who.msisdn else [])
    _owe_endings(tx, who, left, now)
    told = "sms" if who.msisdn else "wechat" if who.wechat_is_open(now) else "nobody"
    sql.change(
        tx,
        "INSERT INTO privacy_deletions"
        " (subscriber_id, proposal_id, told, clubs, points, coins, serial, at) VALUES"
        " (%(id)s, %(proposal)s, %(told)s, %(clubs)s, %(points)s, %(coins)s, %(serial)s, %(now)s)",
        {
            "id": who.id, "proposal": proposal_id, "told": told, "clubs": len(left),
            "points": points, "coins": coins, "serial": serial, "now": now,
        },
    )  # fmt: skip
    codes = tuple(club.code for club in left)
    return Erased(who.id, who.msisdn, who.openid, codes, points, coins, serial, who)


def unfinished(tx: Tx, limit: int) -> list[int]:
    """Deleted people of whom something is still owed, the oldest first."""
    rows = sql.rows(
        tx,
        "SELECT subscriber_id FROM privacy_deletions WHERE purged_at IS NULL"
        " ORDER BY at LIMIT %(limit)s",
        {"limit": limit},
    )
    return [row[0] for row in rows]


def finish(tx: Tx, person: int, *, patience: timedelta, now: datetime) -> bool:
    """Remove the number from what has been said and done by now; whether nothing is left.

    A message that has not left after `patience` is not sent any more. A call waits until it is
    answered: somebody whose service stays open would go on paying for it.
    """
    subscribers.lock_wholly(tx, person)
    deleted = get(tx, person)
    if deleted is None or deleted.purged_at is not None:
        return True
    ids = family(tx, person)
    sql.change(tx, _SETTLED, {"ids": ids, "before": now - patience})
    # What was on its way as the person was deleted: nobody saw it then.
    cause = Cause(f"privacy-late:{person}:{now:%Y%m%d%H%M%S%f}", REASON, "clock", f"late {person}")
    _forfeit(tx, ids, cause, now)
    _remove(tx, ids, [], again=True)
    waits = sql.value(tx, _WAITS, {"ids": ids})
    if waits or now < deleted.at + SETTLES:
        return False
    sql.change(
        tx,
        "UPDATE privacy_deletions SET purged_at = %(now)s WHERE subscriber_id = %(id)s",
        {"id": person, "now": now},
    )
    return True


# Calls that nobody answers stay: `python app.py outbox` shows the dead ones.
_SETTLED = """
    DELETE FROM outbox
    WHERE (kind = 'call' AND subscriber_id = ANY (%(ids)s) AND state IN ('answered', 'dropped'))
       OR (kind <> 'call' AND subscriber_id = ANY (%(ids)s)
           AND (state IN ('delivered', 'failed', 'dead', 'dropped')
                OR (kind = 'wechat' AND state = 'sent') OR created_at < %(before)s))
"""
_WAITS = """
    SELECT EXISTS (SELECT 1 FROM outbox WHERE kind = 'call' AND subscriber_id = ANY (%(ids)s))
        OR EXISTS (SELECT 1 FROM outbox WHERE kind <> 'call' AND subscriber_id = ANY (%(ids)s))
"""
_COLUMNS = "subscriber_id, proposal_id, told, clubs, points, coins, serial, at, purged_at"


def get(tx: Tx, person: int) -> Deleted | None:
    """The deletion of this person, or None."""
    row = sql.first(
        tx, f"SELECT {_COLUMNS} FROM privacy_deletions WHERE subscriber_id = %(id)s", {"id": person}
    )
    return Deleted(*row) if row else None


def listed(
    tx: Tx, *, before: tuple[datetime, int] | None, limit: int, person: int | None = None
) -> list[Deleted]:
    """Deletions, the newest first, from `before` a (moment, person) or all; or a person's alone."""
    moment, number = before or (datetime.max.replace(tzinfo=UTC), 0)
    rows = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM privacy_deletions"
        " WHERE (at, subscriber_id) < (%(moment)s, %(number)s)"
        " AND subscriber_id = coalesce(%(person)s, subscriber_id)"
        " ORDER BY at DESC, subscriber_id DESC LIMIT %(limit)s",
        {"moment": moment, "number": number, "person": person, "limit": limit},
    )
    return [Deleted(*row) for row in rows]


def _holder(tx: Tx, serial: int) -> int:
    return int(
        sql.value(
            tx, "SELECT subscriber_id FROM points_holds WHERE serial = %(serial)s",
            {"serial": serial},
        )
    )  # fmt: skip


def _forfeit(tx: Tx, ids: list[int], cause: Cause, now: datetime) -> tuple[int, int, int | None]:
    """All that is left goes to the house: how many points, coins, and by which transfer."""
    has = lots.lock(tx, ids, KINDS, UNITS)
    if not has:
        return 0, 0, None
    into = Account(HOUSE, FORFEITED, NEVER)
    legs = [Leg(lot.balance, lot.account, into, lot.unit) for lot in has]
    made = ledger.post(tx, legs, request=f"forfeit {ids[0]}", cause=cause, now=now)
    points = sum(lot.balance for lot in has if lot.unit == POINTS)
    return points, sum(lot.balance for lot in has) - points, made.serial


def _leave_clubs(tx: Tx, who: Subscriber, origin: str, now: datetime) -> list[clubs.Club]:
    joined = clubs.standing_in(tx, who)  # what rests, too
    for club in joined:
        clubs.leave(tx, who, club.code, origin=origin, now=now)
    return joined


def _remove(tx: Tx, ids: list[int], numbers: list[str], *, again: bool = False) -> None:
    """Do to each table what its declaration says."""
    for kept in DECLARED:
        if kept.deletion.statement and not (again and kept.table == outbox.outbox.name):
            sql.change(tx, kept.deletion.statement, {"ids": ids, "numbers": numbers})


def _owe_endings(tx: Tx, who: Subscriber, left: list[clubs.Club], now: datetime) -> None:
    """Have BOSS close what it has opened for the clubs, and WeChat take its tags away."""
    for club in left:
        if who.msisdn is not None:
            _owe(tx, who, "boss.close_service", now, msisdn=who.msisdn, service=club.boss_service)
        if who.openid is not None:
            _owe(tx, who, "wechat.untag", now, tag=club.code, openid=who.openid)


def _owe(tx: Tx, who: Subscriber, what: str, now: datetime, /, **arguments: str) -> None:
    payload = {"service": what, "arguments": arguments}
    outbox.owe(tx, subscriber_id=who.id, kind="call", queue=outbox.CALL, payload=payload, now=now)
