"""Clubs and memberships.

    (none) ──▶ opening ──▶ active ──▶ left ──▶ opening ...
                  └──▶ refused ──▶ opening ...

`opening` means that BOSS has been asked to open the service and has not answered yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.subscribers import Subscriber

clubs = Table(
    "clubs",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("name", String(40), nullable=False),
    Column("intro", Text, nullable=False),
    Column("price_fen", Integer, nullable=False),  # a month, by phone bill
    Column("boss_service", String(40), nullable=False),
    Column("position", Integer, nullable=False),
    Column("is_open", Boolean, nullable=False),
    CheckConstraint("price_fen >= 0", name="price"),
)

memberships = Table(
    "memberships",
    metadata,
    subscriber_id(),
    Column("club_code", String(32), ForeignKey("clubs.code"), nullable=False),
    Column("level", String(16), nullable=False, server_default="ordinary"),
    Column("state", String(16), nullable=False),
    moment("since", nullable=True),  # member since
    Column("changes", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("subscriber_id", "club_code"),
    CheckConstraint("level IN ('ordinary', 'premium')", name="level"),
    CheckConstraint("state IN ('opening', 'active', 'refused', 'left', 'moved')", name="state"),
    CheckConstraint("state <> 'active' OR since IS NOT NULL", name="since"),
)

# Never updated, never deleted: a trigger refuses it (migrations/).
changes = Table(
    "membership_changes",
    metadata,
    Column("subscriber_id", BigInteger, nullable=False),
    Column("club_code", String(32), nullable=False),
    Column("change_no", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("level", String(16), nullable=False),
    Column("origin", String(200), nullable=False),  # the message, order or operator behind it
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "club_code", "change_no"),
    ForeignKeyConstraint(
        ["subscriber_id", "club_code"], ["memberships.subscriber_id", "memberships.club_code"]
    ),
    Index(None, "at", postgresql_using="brin"),
)


@dataclass(frozen=True, slots=True)
class Club:
    code: str
    name: str
    intro: str
    price_fen: int
    boss_service: str


_CLUB = "code, name, intro, price_fen, boss_service"


def find(tx: Tx, code: str) -> Club | None:
    """The club with this code if it takes members, or None."""
    row = sql.first(
        tx, f"SELECT {_CLUB} FROM clubs WHERE code = %(code)s AND is_open", {"code": code}
    )
    return Club(*row) if row else None


def look(tx: Tx, subscriber: Subscriber, code: str) -> tuple[Club, str | None] | None:
    """A club that takes members, and how this person stands there; None if there is none."""
    row = sql.first(
        tx,
        f"SELECT {_CLUB}, m.state FROM clubs c LEFT JOIN memberships m"
        " ON m.club_code = c.code AND m.subscriber_id = %(id)s"
        " WHERE c.code = %(code)s AND c.is_open",
        {"id": subscriber.id, "code": code},
    )
    return (Club(*row[:-1]), row[-1]) if row else None


def named(tx: Tx, code: str) -> Club:
    """The club with this code, which must exist, whether it takes members or not."""
    row = sql.one(tx, f"SELECT {_CLUB} FROM clubs WHERE code = %(code)s", {"code": code})
    return Club(*row)


def codes(tx: Tx) -> list[str]:
    """The code of every club, whether it takes members or not."""
    return [row[0] for row in sql.rows(tx, "SELECT code FROM clubs ORDER BY position")]


def all_open(tx: Tx) -> list[Club]:
    """The clubs that take members, in the operator's order."""
    rows = sql.rows(tx, f"SELECT {_CLUB} FROM clubs WHERE is_open ORDER BY position")
    return [Club(*row) for row in rows]


def joined(tx: Tx, subscriber: Subscriber) -> list[Club]:
    """The clubs this person is a member of."""
    rows = sql.rows(
        tx,
        f"SELECT {_CLUB} FROM clubs c JOIN memberships m ON m.club_code = c.code"
        " WHERE m.subscriber_id = %(id)s AND m.state = 'active' ORDER BY c.position",
        {"id": subscriber.id},
    )
    return [Club(*row) for row in rows]


def standing(tx: Tx, subscriber: Subscriber, code: str) -> str | None:
    """The state of this person's membership in a club, or None if there never was one."""
    state: str | None = sql.maybe_value(
        tx,
        "SELECT state FROM memberships WHERE subscriber_id = %(id)s AND club_code = %(code)s",
        {"id": subscriber.id, "code": code},
    )
    return state


def start_opening(tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """Mark that BOSS is being asked. False if it already is, or the person is a member."""
    return _change(tx, subscriber, code, "opening", ("refused", "left", "moved"), origin, now)


def join(tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """Make the person a member. False if they were one already."""
    return _change(
        tx, subscriber, code, "active", ("opening", "refused", "left", "moved"), origin, now
    )


def refuse(tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """The opening was refused. False if none was under way."""
    return _change(tx, subscriber, code, "refused", ("opening",), origin, now)


def leave(tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """End a membership; what BOSS has opened for it is the caller's to close. False: none was."""
    return _change(tx, subscriber, code, "left", ("active",), origin, now)


def merge(tx: Tx, *, source: Subscriber, target: Subscriber, now: datetime) -> None:
    """Give `target` each membership of `source` that it does not have; `source` keeps none."""
    rows = sql.rows(
        tx,
        "SELECT club_code FROM memberships WHERE subscriber_id = %(id)s AND state = 'active'",
        {"id": source.id},
    )
    for (code,) in rows:
        _change(tx, source, code, "moved", ("active",), f"merge:{target.id}", now)
        join(tx, target, code, origin=f"merge:{source.id}", now=now)


_START = (
    "INSERT INTO memberships AS m (subscriber_id, club_code, state, since, changes)"
    " VALUES (%(id)s, %(code)s, %(state)s, %(since)s, 1)"
    " ON CONFLICT (subscriber_id, club_code) DO UPDATE SET state = excluded.state,"
    " since = coalesce(excluded.since, m.since), changes = m.changes + 1"
    " WHERE m.state = ANY (%(of)s) RETURNING changes, level"
)
_STOP = (
    "UPDATE memberships SET state = %(state)s, changes = changes + 1"
    " WHERE subscriber_id = %(id)s AND club_code = %(code)s AND state = ANY (%(of)s)"
    " RETURNING changes, level"
)


def _change(
    tx: Tx, who: Subscriber, code: str, state: str, of: tuple[str, ...], origin: str, now: datetime
) -> bool:
    values = {"id": who.id, "code": code, "state": state, "of": list(of), "origin": origin}
    values |= {"since": now if state == "active" else None, "now": now}
    statement = _START if state in ("opening", "active") else _STOP
    row = sql.first(tx, statement, values)
    if row is None:
        return False
    sql.change(
        tx,
        "INSERT INTO membership_changes"
        " (subscriber_id, club_code, change_no, state, level, origin, at)"
        " VALUES (%(id)s, %(code)s, %(no)s, %(state)s, %(level)s, %(origin)s, %(now)s)",
        {**values, "no": row[0], "level": row[1]},
    )
    return True
