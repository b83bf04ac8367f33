"""Results: what was drawn, with everything that it came from; what a person won."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from models import sql
from models.base import Tx
from models.draws import fairness
from models.subscribers import Subscriber, family


@dataclass(frozen=True, slots=True)
class Result:
    """One result as it is kept. `id` is the serial number that people are told."""

    subscriber_id: int
    id: int
    draw_code: str
    key: str
    channel: str
    day: date
    at: datetime
    player: str
    nonce: int
    version: int
    blanks: int
    number: int
    wanted: str
    by: str
    prize: str
    slot: int | None
    seen: list[list[Any]]
    chance: str
    points: int
    serial: int | None
    seal: bytes

    def sealed(self, seed: str) -> bytes:
        """The seal that these facts have with this seed; it counts all of them but the id."""
        return fairness.seal(
            seed,
            [
                self.subscriber_id, self.draw_code, self.key, self.channel, self.day.isoformat(),
                int(self.at.timestamp() * 1_000_000), self.player, self.nonce, self.version,
                self.blanks, self.number, self.wanted, self.by, self.prize, self.slot, self.seen,
                self.chance, self.points, self.serial,
            ],
        )  # fmt: skip


FIELDS = tuple(Result.__dataclass_fields__)
COLUMNS = ", ".join(f"r.{name}" for name in FIELDS)


@dataclass(frozen=True, slots=True)
class Won:
    """A prize and what has become of it; of a parcel, where it goes."""

    subscriber_id: int
    result_id: int
    draw_code: str
    prize_code: str
    title: str
    kind: str
    state: str
    serial: int | None
    voucher_id: int | None
    owed_id: int | None
    or_points: int | None
    address_by: datetime | None
    reminded_at: datetime | None
    name: str | None
    phone: str | None
    address: str | None
    carrier: str | None
    tracking: str | None
    won_at: datetime
    changed_at: datetime


WON = ", ".join(f"w.{name}" for name in Won.__dataclass_fields__)


def keyed(tx: Tx, who: Subscriber, key: str) -> Result | None:
    """The result of a message or form that was drawn with before."""
    row = sql.first(
        tx,
        f"SELECT {COLUMNS} FROM draw_results r WHERE r.subscriber_id = %(id)s AND r.key = %(key)s",
        {"id": who.id, "key": key},
    )
    return Result(*row) if row else None


def of(
    tx: Tx, who: Subscriber, *, draw_code: str | None = None, limit: int, before: int | None = None
) -> list[Result]:
    """A person's, the newest first, those of people whom the person took over included."""
    rows = sql.rows(
        tx,
        f"SELECT {COLUMNS} FROM draw_results r WHERE r.subscriber_id = ANY (%(ids)s)"
        " AND (%(code)s::text IS NULL OR r.draw_code = %(code)s) AND r.id < %(before)s"
        " ORDER BY r.id DESC LIMIT %(limit)s",
        {
            "ids": family(tx, who.id), "code": draw_code, "before": before or 2**62,
            "limit": limit,
        },
    )  # fmt: skip
    return [Result(*row) for row in rows]


def won_by(tx: Tx, who: Subscriber, *, limit: int, before: int | None = None) -> list[Won]:
    """A person's prizes, the newest first, those of people whom the person took over included."""
    rows = sql.rows(
        tx,
        f"SELECT {WON} FROM draw_deliveries w WHERE w.subscriber_id = ANY (%(ids)s)"
        " AND w.result_id < %(before)s ORDER BY w.result_id DESC LIMIT %(limit)s",
        {"ids": family(tx, who.id), "before": before or 2**62, "limit": limit},
    )
    return [Won(*row) for row in rows]


def won(tx: Tx, who: Subscriber, result_id: int, *, lock: bool = False) -> Won | None:
    """One prize of a person, or None."""
    row = sql.first(
        tx,
        f"SELECT {WON} FROM draw_deliveries w WHERE w.subscriber_id = ANY (%(ids)s)"
        " AND w.result_id = %(result)s" + (" FOR NO KEY UPDATE" if lock else ""),
        {"ids": family(tx, who.id), "result": result_id},
    )
    return Won(*row) if row else None
