"""What is not finished about a person, so that they cannot be deleted yet: orders, holds, calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import sql
from models.base import Tx


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that must end first: its kind, and what an operator needs to find it."""

    kind: str
    about: Mapping[str, Any]


Find = Callable[[Tx, Sequence[int], datetime], list[Obstacle]]


def obstacles(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Everything that stands in the way of deleting this person, given as all ids of theirs."""
    return [found for find in FINDERS for found in find(tx, ids, now)]


def lapsed_holds(tx: Tx, ids: Sequence[int], now: datetime) -> list[int]:
    """The serial numbers of reservations whose time is over, and which nobody has ended yet."""
    rows = sql.rows(
        tx,
        "SELECT serial FROM points_holds WHERE subscriber_id = ANY (%(ids)s)"
        " AND state = 'held' AND expires_at <= %(now)s ORDER BY serial",
        {"ids": list(ids), "now": now},
    )
    return [row[0] for row in rows]


def _holds(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Points that somebody outside may still take."""
    rows = sql.rows(
        tx,
        "SELECT serial, unit, points, reason, expires_at FROM points_holds"
        " WHERE subscriber_id = ANY (%(ids)s) AND state = 'held' AND expires_at > %(now)s"
        " ORDER BY serial",
        {"ids": list(ids), "now": now},
    )
    names = ("serial", "unit", "points", "reason", "until")
    return [Obstacle("hold", dict(zip(names, row, strict=True))) for row in rows]


def _openings(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Clubs that BOSS has been asked to open, to close, or to open again."""
    rows = sql.rows(
        tx,
        "SELECT c.code, c.name FROM memberships m JOIN clubs c ON c.code = m.club_code"
        " WHERE m.subscriber_id = ANY (%(ids)s) AND m.state IN"
        " ('opening', 'suspending', 'resuming', 'leaving') ORDER BY c.position",
        {"ids": list(ids)},
    )
    return [Obstacle("opening", {"club": code, "name": name}) for code, name in rows]


def _calls(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Orders at BOSS without an answer; a dead one waits for an operator."""
    rows = sql.rows(
        tx,
        "SELECT id, payload ->> 'service', state, created_at FROM outbox"
        " WHERE subscriber_id = ANY (%(ids)s) AND kind = 'call'"
        " AND state IN ('owed', 'taken', 'accepted', 'dead')"
        " AND payload ->> 'service' LIKE 'boss.%%' ORDER BY id",
        {"ids": list(ids)},
    )
    names = ("id", "service", "state", "since")
    return [Obstacle("call", dict(zip(names, row, strict=True))) for row in rows]


def _reversals(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Proposals that would move points of this person when they are approved."""
    rows = sql.rows(
        tx,
        "SELECT DISTINCT r.id, r.of_serial, r.proposed_at FROM points_reversals r"
        " JOIN points_legs l ON l.serial = r.of_serial"
        " WHERE r.state = 'proposed' AND (l.payer_id = ANY (%(ids)s) OR l.payee_id = ANY (%(ids)s))"
        " ORDER BY r.id",
        {"ids": list(ids)},
    )
    names = ("id", "serial", "since")
    return [Obstacle("reversal", dict(zip(names, row, strict=True))) for row in rows]


def _complaints(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Complaints that nobody has answered, but for one about privacy itself."""
    rows = sql.rows(
        tx,
        "SELECT number, category, deadline FROM complaints WHERE subscriber_id = ANY (%(ids)s)"
        " AND state IN ('received', 'with_merchant') AND category <> 'privacy' ORDER BY number",
        {"ids": list(ids)},
    )
    names = ("number", "category", "deadline")
    return [Obstacle("complaint", dict(zip(names, row, strict=True))) for row in rows]


def _vouchers(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Vouchers that can still be used or paid back: the person decides which, before it is over.

    What was a present goes back to the house when its time is over.
    """
    rows = sql.rows(
        tx,
        "SELECT id, title, valid_until FROM vouchers WHERE subscriber_id = ANY (%(ids)s)"
        " AND state = 'issued' AND paid_by IS NULL ORDER BY id",
        {"ids": list(ids)},
    )
    names = ("number", "title", "until")
    return [Obstacle("voucher", dict(zip(names, row, strict=True))) for row in rows]


def _parcels(tx: Tx, ids: Sequence[int], now: datetime) -> list[Obstacle]:
    """Prizes that are about to be sent."""
    rows = sql.rows(
        tx,
        "SELECT result_id, title FROM draw_deliveries WHERE subscriber_id = ANY (%(ids)s)"
        " AND state = 'to_send' ORDER BY result_id",
        {"ids": list(ids)},
    )
    return [Obstacle("parcel", {"number": row[0], "title": row[1]}) for row in rows]


# A new kind of order belongs here: whoever can still charge, deliver or pay back.
FINDERS: tuple[Find, ...] = (
    _holds, _openings, _calls, _reversals, _complaints, _vouchers, _parcels,
)  # fmt: skip
