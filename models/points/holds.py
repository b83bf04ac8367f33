"""Holds: points reserved while somebody else answers, then captured or given back.

    held ──capture──▶ captured   the whole or a part goes on; the rest goes back to its lots
      ├────release──▶ released   all goes back
      └──time limit─▶ expired    all goes back, by the clock

What is reserved lies in the person's own held accounts, lot by lot: the legs of the reserving
transfer say what came from where. Its serial number is the hold's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg
import structlog
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
    text,
)  # fmt: skip

from models import sql
from models.base import HOUSE, Tx, metadata, moment, subscriber_id
from models.points import lots
from models.points.accounts import KINDS, NEVER, POINTS, Account, day_of
from models.points.ledger import Cause, Leg, NotEnough, find, legs_of, move, post
from models.subscribers import Subscriber, family

log = structlog.get_logger()

OPEN, CAPTURED, RELEASED, LAPSED = "held", "captured", "released", "expired"
# A reservation that needs longer is an order that nobody watches.
LONGEST = timedelta(days=31)

holds = Table(
    "points_holds",
    metadata,
    subscriber_id(),
    Column("serial", BigInteger, nullable=False),  # of the transfer that reserved the points
    Column("unit", String(8), nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("state", String(16), nullable=False, server_default=OPEN),
    moment("held_at"),
    moment("expires_at"),  # from then on it cannot be captured, and the clock gives it back
    Column("captured", BigInteger, nullable=False, server_default="0"),
    moment("ended_at", nullable=True),
    Column("ended_by", String(64)),  # an operator of ours, or the channel
    Column("ended_why", String(40)),
    Column("end_serial", BigInteger),  # of the transfer that ended it
    PrimaryKeyConstraint("subscriber_id", "serial"),
    UniqueConstraint("subscriber_id", "end_serial"),
    CheckConstraint("state IN ('held', 'captured', 'released', 'expired')", name="state"),
    CheckConstraint("points > 0", name="positive"),
    CheckConstraint("captured >= 0 AND captured <= points", name="captured"),
    CheckConstraint("(state = 'captured') = (captured > 0)", name="captured_state"),
    CheckConstraint("expires_at > held_at", name="limit"),
    CheckConstraint(
        "(state = 'held') = (ended_at IS NULL) AND (state = 'held') = (ended_by IS NULL)"
        " AND (state = 'held') = (ended_why IS NULL) AND (state = 'held') = (end_serial IS NULL)",
        name="ended",
    ),
    Index(None, "expires_at", postgresql_where=text("state = 'held'")),
)


@dataclass(frozen=True, slots=True)
class Hold:
    """A reservation, in its unit; `captured` of it went on."""

    subscriber_id: int
    serial: int
    unit: str
    points: int
    reason: str
    state: str
    held_at: datetime
    expires_at: datetime
    captured: int
    ended_at: datetime | None
    end_serial: int | None


class NoSuchHold(Exception):
    """This person has no hold with this serial number."""


class HoldEnded(Exception):
    """The hold is over: captured, released or past its limit, as `hold` says; nothing moved."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(f"the hold {hold.serial} is over: {hold.state}")
        self.hold = hold


_COLUMNS = (
    "h.subscriber_id, h.serial, h.unit, h.points, h.reason, h.state, h.held_at, h.expires_at,"
    " h.captured, h.ended_at, h.end_serial"
)


def hold(
    tx: Tx, subscriber: Subscriber, *, points: int, lasts: timedelta, cause: Cause, now: datetime,
    unit: str = POINTS,
) -> Hold:  # fmt: skip
    """Reserve points, the soonest to expire first, until they are captured or released.

    Raises NotEnough, which leaves the key unused. The same key again returns the first hold.
    """
    if not timedelta() < lasts <= LONGEST:
        raise ValueError(f"a hold lasts {LONGEST.days} days at most")
    made = move(
        tx, payer=subscriber.id, payer_kinds=KINDS, payee=subscriber.id, payee_kind="held",
        payee_expires_on=None, points=points, unit=unit, cause=cause, now=now,
    )  # fmt: skip
    if made.fresh:
        sql.change(
            tx,
            "INSERT INTO points_holds"
            " (subscriber_id, serial, unit, points, reason, held_at, expires_at) VALUES"
            " (%(id)s, %(serial)s, %(unit)s, %(points)s, %(reason)s, %(now)s, %(expires_at)s)",
            {
                "id": subscriber.id, "serial": made.serial, "unit": unit, "points": points,
                "reason": cause.reason, "now": now, "expires_at": now + lasts,
            },
        )  # fmt: skip
    return get(tx, subscriber_id=subscriber.id, serial=made.serial)


def capture(
    tx: Tx, *, subscriber_id: int, serial: int, into: str, cause: Cause, now: datetime,
    grace_days: int, points: int | None = None,
) -> Hold:  # fmt: skip
    """Let reserved points go on into an account of the house, all or so many of them.

    What expires soonest goes on; the rest goes back to its lots. Raises NotEnough when the hold is
    smaller, HoldEnded when it was captured or released already or its time is over, and
    NoSuchHold. The same key again returns what the first did.
    """
    if points is not None and points <= 0:
        raise ValueError("a capture moves at least one point")
    return _end(
        tx, subscriber_id, serial, state=CAPTURED, into=into, wanted=points, cause=cause, now=now,
        grace_days=grace_days,
    )  # fmt: skip


def release(
    tx: Tx, *, subscriber_id: int, serial: int, cause: Cause, now: datetime, grace_days: int
) -> Hold:
    """Give reserved points back to their lots. Raises HoldEnded and NoSuchHold.

    A lot whose day has passed while it was reserved comes back on grace, once (points/lots.py).
    The same key again returns what the first did.
    """
    return _end(
        tx, subscriber_id, serial, state=RELEASED, into=None, wanted=0, cause=cause, now=now,
        grace_days=grace_days,
    )  # fmt: skip


def release_due(tx: Tx, now: datetime, limit: int, *, grace_days: int) -> int:
    """Give back what is past its time limit, of so many holds at most; returns of how many.

    People who are being served just now are left for the next time: nobody waits for the clock.
    """
    due = sql.rows(
        tx,
        f"SELECT {_COLUMNS}, s.merged_into FROM points_holds h"
        " JOIN subscribers s ON s.id = h.subscriber_id"
        " WHERE h.state = 'held' AND h.expires_at <= %(now)s"
        " ORDER BY h.expires_at LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED",
        {"now": now, "limit": limit},
    )
    lots.line_up(tx, [row[0] for row in due])
    return sum(
        _lapse(tx, Hold(*row[:-1]), row[-1], now, grace_days)
        for row in sorted(due, key=lambda row: row[:2])
    )


def get(tx: Tx, *, subscriber_id: int, serial: int, lock: bool = False) -> Hold:
    """A hold as it is now. Raises NoSuchHold."""
    row = sql.first(
        tx,
        f"SELECT {_COLUMNS} FROM points_holds h"
        " WHERE h.subscriber_id = %(id)s AND h.serial = %(serial)s"
        + (" FOR NO KEY UPDATE" if lock else ""),
        {"id": subscriber_id, "serial": serial},
    )
    if row is None:
        raise NoSuchHold(serial)
    return Hold(*row)


def open_holds(tx: Tx, subscriber: Subscriber) -> list[Hold]:
    """What a person has reserved, the oldest first; of those, too, whom the person took over."""
    found = sql.rows(
        tx,
        f"SELECT {_COLUMNS} FROM points_holds h WHERE h.subscriber_id = ANY (%(ids)s)"
        " AND h.state = 'held' ORDER BY h.serial",
        {"ids": family(tx, subscriber.id)},
    )
    return [Hold(*row) for row in found]


def _end(
    tx: Tx, subscriber_id: int, serial: int, *, state: str, into: str | None, wanted: int | None,
    cause: Cause, now: datetime, grace_days: int,
) -> Hold:  # fmt: skip
    # First the person, then the hold, then the lots: whoever else ends it waits here.
    owner = lots.owner(tx, subscriber_id)
    found = get(tx, subscriber_id=subscriber_id, serial=serial, lock=True)
    request = f"{state} {serial} {wanted} {into}"
    if found.state != OPEN:
        if find(tx, cause.key) != found.end_serial:
            raise HoldEnded(found)
        post(tx, [], request=request, cause=cause, now=now)  # refuses the key of something else
        return found
    if state == CAPTURED and now >= found.expires_at:  # does not wait for the clock to say so
        raise HoldEnded(replace(found, state=LAPSED))
    captured = found.points if wanted is None else wanted
    if captured > found.points:
        raise NotEnough(found.points)
    legs = _legs(tx, found, owner, captured, into, now, grace_days)
    return _settle(tx, found, legs, state, captured, request, cause, now)


def _settle(
    tx: Tx, found: Hold, legs: list[Leg], state: str, captured: int, request: str, cause: Cause,
    now: datetime,
) -> Hold:  # fmt: skip
    made = post(tx, legs, request=request, cause=cause, now=now)
    sql.change(
        tx,
        "UPDATE points_holds SET state = %(state)s, captured = %(captured)s, ended_at = %(now)s,"
        " ended_by = %(by)s, ended_why = %(why)s, end_serial = %(end)s"
        " WHERE subscriber_id = %(id)s AND serial = %(serial)s",
        {
            "state": state, "captured": captured, "now": now, "why": cause.reason,
            "by": cause.operator or cause.channel, "end": made.serial, "id": found.subscriber_id,
            "serial": found.serial,
        },
    )  # fmt: skip
    return replace(found, state=state, captured=captured, ended_at=now, end_serial=made.serial)


def _legs(
    tx: Tx, found: Hold, owner: int, onward: int, into: str | None, now: datetime, grace_days: int
) -> list[Leg]:
    """What goes on, the soonest to expire first, and what goes back."""
    legs = []
    for reserved in legs_of(tx, found.serial):
        held = replace(reserved.payee, owner=owner)
        part = min(reserved.points, onward)
        onward -= part
        if part and into is not None:
            legs.append(Leg(part, held, Account(HOUSE, into, NEVER), found.unit))
        if part < reserved.points:
            back = lots.back(
                reserved.payer, owner, taken_on=day_of(found.held_at), today=day_of(now),
                grace_days=grace_days,
            )  # fmt: skip
            legs.append(Leg(reserved.points - part, held, back, found.unit))
    return legs


def _lapse(tx: Tx, found: Hold, merged_into: int | None, now: datetime, grace_days: int) -> bool:
    """Give back a hold that is locked, as its person is; False if the books lack it."""
    serial = found.serial
    owner = found.subscriber_id if merged_into is None else lots.owner(tx, merged_into)
    cause = Cause(f"hold-expired:{serial}", "hold_expired", "clock", f"hold {serial}")
    legs = _legs(tx, found, owner, 0, None, now, grace_days)
    try:
        with tx.begin_nested():
            _settle(tx, found, legs, LAPSED, 0, f"{LAPSED} {serial}", cause, now)
    except psycopg.IntegrityError:  # `ledger verify` tells more
        log.exception("hold cannot be released", subscriber=owner, serial=serial)
        return False
    return True
