"""Preferences: which kinds of notices somebody wants on which way; what nobody said is wanted.

Each change is evidence (models/consents.py), written in the same transaction. 退订 stands above
all of them, and leaves them as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Boolean, CheckConstraint, Column, PrimaryKeyConstraint, String, Table

from models import consents, sql
from models.base import Tx, metadata, moment, subscriber_id

# What notices are about, and on which ways they come.
KINDS = ("points", "vouchers", "clubs", "activities", "gifts", "service", "marketing")
CHANNELS = ("sms", "wechat")
# What people call them.
IN_WORDS: Mapping[str, str] = {
    "points": "积分和等级", "vouchers": "券和奖品", "clubs": "俱乐部", "activities": "活动",
    "gifts": "转赠和礼物", "service": "服务和评价", "marketing": "优惠推荐",
}  # fmt: skip

preferences = Table(
    "notice_preferences",
    metadata,
    subscriber_id(),
    Column("kind", String(16), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("wanted", Boolean, nullable=False),
    moment("at"),
    PrimaryKeyConstraint("subscriber_id", "kind", "channel"),
    CheckConstraint(
        "kind IN ('points', 'vouchers', 'clubs', 'activities', 'gifts', 'service', 'marketing')",
        name="kind",
    ),
    CheckConstraint("channel IN ('sms', 'wechat')", name="channel"),
)

Wishes = Mapping[tuple[str, str], bool]  # (kind, channel) -> wanted


def of(tx: Tx, subscriber_id: int) -> dict[tuple[str, str], bool]:
    """What somebody wants: of each kind, on each way."""
    said = sql.rows(
        tx, "SELECT kind, channel, wanted FROM notice_preferences WHERE subscriber_id = %(id)s",
        {"id": subscriber_id},
    )  # fmt: skip
    everything = {(kind, channel): True for kind in KINDS for channel in CHANNELS}
    return everything | {(kind, channel): wanted for kind, channel, wanted in said}


def change(
    tx: Tx, subscriber_id: int, wishes: Wishes, *, question: str, answer: str, origin: str,
    now: datetime,
) -> int:  # fmt: skip
    """Keep what somebody wants from now on, with the evidence; returns how much is new.

    `question`, `answer`: in words; `origin`: the message or page that said so. The caller holds
    the person. Raises ValueError for a kind or channel that is none.
    """
    if not all(kind in KINDS and channel in CHANNELS for kind, channel in wishes):
        raise ValueError("no such kind or channel")
    before = of(tx, subscriber_id)
    new = {one: wanted for one, wanted in wishes.items() if before[one] != wanted}
    for (kind, channel), wanted in new.items():
        values = {
            "id": subscriber_id, "kind": kind, "channel": channel, "wanted": wanted, "now": now,
        }  # fmt: skip
        sql.change(tx, _SET, values)
        consents.keep(
            tx, subscriber_id=subscriber_id, subject=f"messages:{kind}:{channel}", granted=wanted,
            question=question, answer=answer, message_key=origin, asked_at=None, now=now,
        )  # fmt: skip
    return len(new)


_SET = (
    "INSERT INTO notice_preferences (subscriber_id, kind, channel, wanted, at)"
    " VALUES (%(id)s, %(kind)s, %(channel)s, %(wanted)s, %(now)s)"
    " ON CONFLICT (subscriber_id, kind, channel)"
    " DO UPDATE SET wanted = excluded.wanted, at = excluded.at"
)


def merge(tx: Tx, *, source: int, target: int) -> None:
    """What either of two who turn out to be one did not want, is not wanted."""
    sql.change(
        tx,
        "INSERT INTO notice_preferences AS p (subscriber_id, kind, channel, wanted, at)"
        " SELECT %(target)s, kind, channel, wanted, at FROM notice_preferences"
        " WHERE subscriber_id = %(source)s ON CONFLICT (subscriber_id, kind, channel)"
        " DO UPDATE SET wanted = p.wanted AND excluded.wanted, at = greatest(p.at, excluded.at)",
        {"source": source, "target": target},
    )
    sql.change(
        tx, "DELETE FROM notice_preferences WHERE subscriber_id = %(source)s", {"source": source}
    )
