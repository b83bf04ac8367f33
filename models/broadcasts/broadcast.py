"""One broadcast, as everybody reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models import sql
from models.base import Tx
from models.broadcasts.tables import DRAFT

# The audit's subject, and the kind and subject of a proposal.
KIND = "broadcast"


class NoSuchBroadcast(LookupError):
    """There is none with this number."""


class WrongState(Exception):
    """What was asked is not possible in its state; `state` says which that is."""

    def __init__(self, state: str) -> None:
        super().__init__(f"it is {state}")
        self.state = state


@dataclass(frozen=True, slots=True)
class Broadcast:
    """`parts`: SMS that one text makes; counts are of targets by state."""

    id: int
    name: str
    text: str
    signature: str
    parts: int
    fen_per_1000: int
    pace_s: int
    segment: Mapping[str, Any] | None
    source: str
    state: str
    proposal_id: int | None
    targets: int
    queued: int
    sent: int
    delivered: int
    failed: int
    skipped: int
    reasons: Mapping[str, int]
    rejected: int
    repeated: int
    after_no: int
    paced_until: datetime | None
    rate_s: float
    rated_at: datetime | None
    rated_from: int
    created_by: str
    created_at: datetime
    changed_at: datetime
    loaded_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def words(self) -> str:
        """What a phone shows."""
        return self.signature + self.text

    @property
    def handled(self) -> int:
        """How many were sent or will not be."""
        return self.sent + self.delivered + self.failed + self.skipped

    @property
    def left(self) -> int:
        """How many have not been looked at yet."""
        return self.targets - self.queued - self.handled

    @property
    def cost_fen(self) -> int:
        """What it costs at most, when everybody gets it."""
        return self.cost_of(self.targets)

    @property
    def is_loaded(self) -> bool:
        return self.loaded_at is not None and self.targets > 0

    @property
    def is_draft(self) -> bool:
        return self.state == DRAFT

    def cost_of(self, people: int) -> int:
        """What so many people cost, in fen, rounded up."""
        return -(-people * self.parts * self.fen_per_1000 // 1000)


COLUMNS = ", ".join(Broadcast.__dataclass_fields__)


def get(tx: Tx, number: int) -> Broadcast:
    """Raises NoSuchBroadcast."""
    return _one(
        sql.first(tx, f"SELECT {COLUMNS} FROM broadcasts WHERE id = %(id)s", {"id": number})
    )


def hold(tx: Tx, number: int) -> Broadcast:
    """The same, locked: whoever queues or follows it waits, or has ended. Raises
    NoSuchBroadcast."""
    row = sql.first(
        tx, f"SELECT {COLUMNS} FROM broadcasts WHERE id = %(id)s FOR UPDATE", {"id": number}
    )
    return _one(row)


def hold_if_free(tx: Tx, number: int, states: tuple[str, ...]) -> Broadcast | None:
    """The same in one of these states; None where it is in another, or somebody is at it."""
    row = sql.first(
        tx,
        f"SELECT {COLUMNS} FROM broadcasts WHERE id = %(id)s AND state = ANY (%(states)s)"
        " FOR UPDATE SKIP LOCKED",
        {"id": number, "states": list(states)},
    )
    return Broadcast(*row) if row else None


def subject(number: int) -> str:
    """How the audit and a proposal name it."""
    return f"{KIND}:{number}"


def _one(row: sql.Row | None) -> Broadcast:
    if row is None:
        raise NoSuchBroadcast
    return Broadcast(*row)
