"""Pictures that somebody sends to a person of ours, kept as the pictures of feedback are.

wanted ──a worker fetches it, draws it anew without what the camera wrote──▶ kept, with the talk
  └──▶ failed: WeChat has it no more, or it is no picture
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
)  # fmt: skip

from models import sql
from models.base import Tx, metadata, moment, subscriber_id
from models.handovers import Handover

WANTED, KEPT, FAILED = STATES = ("wanted", "kept", "failed")
MOST = 10  # of one talk
BYTES_MAX = 1_500_000  # of one, drawn anew

pictures = Table(
    "handover_pictures",
    metadata,
    subscriber_id(),
    Column("handover_id", BigInteger, nullable=False),
    Column("no", Integer, nullable=False),  # of the words that it stands for
    Column("state", String(8), nullable=False),
    Column("jpeg", LargeBinary),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "handover_id", "no"),
    ForeignKeyConstraint(
        ["subscriber_id", "handover_id", "no"],
        ["handover_messages.subscriber_id", "handover_messages.handover_id",
         "handover_messages.no"],
        ondelete="CASCADE",
    ),
    CheckConstraint(f"state IN {STATES}", name="state"),
    CheckConstraint(
        f"(state = 'kept') = (jpeg IS NOT NULL) AND octet_length(jpeg) <= {BYTES_MAX}",
        name="jpeg",
    ),
)  # fmt: skip


def want(tx: Tx, found: Handover, no: int, now: datetime) -> bool:
    """Note that what was said with this number is a picture; False: there are enough in this talk.

    The caller holds the person, so that no two come at once.
    """
    noted = sql.change(
        tx,
        "INSERT INTO handover_pictures (subscriber_id, handover_id, no, state, at)"
        " SELECT %(subscriber)s, %(id)s, %(no)s, 'wanted', %(now)s FROM handover_pictures"
        " WHERE subscriber_id = %(subscriber)s AND handover_id = %(id)s"
        " HAVING count(*) < %(most)s",
        {
            "subscriber": found.subscriber_id, "id": found.id, "no": no, "now": now, "most": MOST,
        },
    )  # fmt: skip
    return noted == 1


def fetched(
    tx: Tx, person: int, handover: int, no: int, jpeg: bytes | None, now: datetime
) -> bool:  # fmt: skip
    """Keep what was fetched, None where there is nothing; False: it is known, or forgotten."""
    changed = sql.change(
        tx,
        "UPDATE handover_pictures SET state = %(state)s, jpeg = %(jpeg)s, at = %(now)s"
        " WHERE subscriber_id = %(person)s AND handover_id = %(id)s AND no = %(no)s"
        " AND state = 'wanted'",
        {
            "state": FAILED if jpeg is None else KEPT, "jpeg": jpeg, "now": now, "person": person,
            "id": handover, "no": no,
        },
    )  # fmt: skip
    return changed == 1


def states(tx: Tx, found: Handover, numbers: Collection[int]) -> dict[int, str]:
    """How far the picture is of each of these numbers that has one."""
    rows = sql.rows(
        tx,
        "SELECT no, state FROM handover_pictures WHERE subscriber_id = %(subscriber)s"
        " AND handover_id = %(id)s AND no = ANY (%(numbers)s)",
        {"subscriber": found.subscriber_id, "id": found.id, "numbers": list(numbers)},
    )
    return {row[0]: row[1] for row in rows}


def jpeg_of(tx: Tx, found: Handover, no: int) -> bytes | None:
    """What is on a picture, or None."""
    jpeg = sql.maybe_value(
        tx,
        "SELECT jpeg FROM handover_pictures WHERE subscriber_id = %(subscriber)s"
        " AND handover_id = %(id)s AND no = %(no)s",
        {"subscriber": found.subscriber_id, "id": found.id, "no": no},
    )
    return bytes(jpeg) if jpeg is not None else None
