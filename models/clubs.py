"""Clubs and memberships.

    (none) ──▶ opening ──▶ active ◀──▶ suspending ──▶ suspended ◀──▶ resuming ──▶ active
                  │          │ ▲                          └──▶ left, ended
                  ▼          ▼ │
               refused     leaving ──▶ left        active ──▶ ended, its term is over

`opening`, `suspending`, `resuming` and `leaving` mean that BOSS has been asked and has not answered
yet; a refusal leads back. What is left, ended or refused can be opened again. Terms and levels are
the business of models/memberships/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.points import day_of
from models.subscribers import Subscriber

OPENING, ACTIVE, REFUSED, LEFT, ENDED, MOVED = (
    "opening", "active", "refused", "left", "ended", "moved",
)  # fmt: skip
SUSPENDING, SUSPENDED, RESUMING, LEAVING = "suspending", "suspended", "resuming", "leaving"
# Whoever is in one of these is a member, though it may rest; only who is active has the services.
STANDING = (ACTIVE, SUSPENDING, SUSPENDED, RESUMING, LEAVING)
STATES = (OPENING, ACTIVE, REFUSED, SUSPENDING, SUSPENDED, RESUMING, LEAVING, LEFT, ENDED, MOVED)
# Out of these a membership is opened anew.
NO_MEMBER = (REFUSED, LEFT, ENDED, MOVED)

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
    Column("ends_on", Date),  # the last day of its term; NULL: no end
    Column("premium_until", Date),  # the last day of the level; NULL of a premium one: no end
    Column("suspended_on", Date),
    Column("look_on", Date),  # when the clock has something to do about it
    # Of who is no member any more: the last days of what they had, should they join again.
    Column("kept_until", Date),
    Column("kept_premium", Date),  # 9999-12-31: it has no end
    PrimaryKeyConstraint("subscriber_id", "club_code"),
    CheckConstraint("level IN ('ordinary', 'premium')", name="level"),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(f"since IS NOT NULL OR state NOT IN {STANDING}", name="since"),
    CheckConstraint(
        f"state IN {STANDING} OR (level = 'ordinary' AND ends_on IS NULL AND look_on IS NULL)",
        name="standing",
    ),
    CheckConstraint(
        f"kept_until IS NULL AND kept_premium IS NULL OR state NOT IN {STANDING}", name="kept"
    ),
    CheckConstraint("premium_until IS NULL OR level = 'premium'", name="premium"),
    CheckConstraint(
        "(suspended_on IS NOT NULL) = (state IN ('suspended', 'resuming'))", name="suspended"
    ),
    Index("memberships_due", "look_on", postgresql_where=text("look_on IS NOT NULL")),
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
    Column("why", String(16), nullable=False, server_default="state"),
    Column("ends_on", Date),
    Column("premium_until", Date),
    Column("serial", BigInteger),  # of the transfer that paid for it
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


def standing_in(tx: Tx, subscriber: Subscriber) -> list[Club]:
    """The clubs this person is a member of, resting memberships and half-closed ones, too."""
    rows = sql.rows(
        tx,
        f"SELECT {_CLUB} FROM clubs c JOIN memberships m ON m.club_code = c.code"
        " WHERE m.subscriber_id = %(id)s AND m.state = ANY (%(standing)s) ORDER BY c.position",
        {"id": subscriber.id, "standing": list(STANDING)},
    )
    return [Club(*row) for row in rows]


def start_opening(tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """Mark that BOSS is being asked. False if it already is, or the person is a member."""
    return change(tx, subscriber, code, OPENING, of=NO_MEMBER, origin=origin, now=now)


def join(
    tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime,
    terms: Mapping[str, object] | None = None, serial: int | None = None,
) -> bool:  # fmt: skip
    """Make the person a member. False if they were one already.

    `terms`: its `ends_on` and `look_on`; without them the clock begins its term. `serial`: of the
    transfer that paid for it.
    """
    sets = terms if terms is not None else {"look_on": day_of(now)}
    of = (OPENING, *NO_MEMBER)
    return change(
        tx, subscriber, code, ACTIVE, of=of, origin=origin, now=now, sets=sets, serial=serial
    )


def refuse(tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """The opening was refused. False if none was under way."""
    return change(tx, subscriber, code, REFUSED, of=(OPENING,), origin=origin, now=now)


def leave(tx: Tx, subscriber: Subscriber, code: str, *, origin: str, now: datetime) -> bool:
    """End a membership; what BOSS has opened for it is the caller's to close. False: none was."""
    return change(tx, subscriber, code, LEFT, of=STANDING, origin=origin, now=now)


def look_again(tx: Tx, subscriber_id: int, club_code: str, now: datetime) -> None:
    """Have the clock look at an ordinary member who has done something towards premium."""
    sql.change(
        tx,
        "UPDATE memberships SET look_on = least(look_on, %(today)s)"
        " WHERE subscriber_id = %(id)s AND club_code = %(club)s AND state = 'active'"
        " AND level = 'ordinary'",
        {"id": subscriber_id, "club": club_code, "today": day_of(now)},
    )


_START = """
    INSERT INTO memberships AS m
        (subscriber_id, club_code, state, since, changes, ends_on, look_on)
    VALUES (%(id)s, %(code)s, %(state)s, %(since)s, 1, %(ends_on)s, %(look_on)s)
    ON CONFLICT (subscriber_id, club_code) DO UPDATE SET state = excluded.state,
        since = coalesce(excluded.since, m.since), ends_on = excluded.ends_on,
        look_on = excluded.look_on, changes = m.changes + 1,
        kept_until = CASE excluded.state WHEN 'active' THEN NULL ELSE m.kept_until END,
        kept_premium = CASE excluded.state WHEN 'active' THEN NULL ELSE m.kept_premium END
    WHERE m.state = ANY (%(of)s) RETURNING changes, level, ends_on, premium_until
"""
_NOTE = """
    INSERT INTO membership_changes (subscriber_id, club_code, change_no, state, level, ends_on,
        premium_until, origin, at, why, serial)
    VALUES (%(id)s, %(code)s, %(no)s, %(state)s, %(level)s, %(ends_on)s, %(premium_until)s,
        %(origin)s, %(now)s, %(why)s, %(serial)s)
"""
# Who leaves keeps the days they had, and those for which it rested.
_RESTED = "coalesce(%(today)s::date - suspended_on, 0)"
_KEEPS = (
    f", kept_until = ends_on + {_RESTED}, kept_premium = CASE level WHEN 'premium'"
    f" THEN coalesce(premium_until + {_RESTED}, date '9999-12-31') END"
)
# What a membership has besides its state, as change() sets it; and none of it, once it is over.
NOTHING: Mapping[str, object] = {
    "level": "ordinary", "ends_on": None, "premium_until": None, "suspended_on": None,
    "look_on": None,
}  # fmt: skip


def change(
    tx: Tx, who: Subscriber, code: str, state: str, *, of: tuple[str, ...], origin: str,
    now: datetime, why: str = "state", sets: Mapping[str, object] | None = None,
    serial: int | None = None,
) -> bool:  # fmt: skip
    """Bring a membership that is in one of the states `of` into another; False: it was in none.

    `sets`: what else becomes of it, as NOTHING names it. Every change is noted.
    """
    values: dict[str, object] = {"id": who.id, "code": code, "state": state, "of": list(of)}
    sets = {**(sets or {}), **(NOTHING if state in NO_MEMBER else {})}
    if set(of) & set(NO_MEMBER):
        since = now if state == ACTIVE else None
        start = {"since": since, "ends_on": sets.get("ends_on"), "look_on": sets.get("look_on")}
        row = sql.first(tx, _START, values | start)
    else:
        also = "".join(f", {name} = %({name})s" for name in sets)
        if state in (LEFT, ENDED):
            also, values["today"] = also + _KEEPS, day_of(now)
        row = sql.first(
            tx,
            f"UPDATE memberships SET state = %(state)s, changes = changes + 1{also}"
            " WHERE subscriber_id = %(id)s AND club_code = %(code)s AND state = ANY (%(of)s)"
            " RETURNING changes, level, ends_on, premium_until",
            values | sets,
        )
    if row is None:
        return False
    no, level, ends_on, premium_until = row
    noted = {
        "no": no, "level": level, "ends_on": ends_on, "premium_until": premium_until,
        "origin": origin, "now": now, "why": why, "serial": serial,
    }  # fmt: skip
    sql.change(tx, _NOTE, values | noted)
    return True
