"""What becomes of a prize later, told to whoever won it: by the clock, or as a parcel leaves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dialogs import draw_words, notices
from dialogs.engine import Engine
from models.base import Tx
from models.draws import tables
from models.draws.results import Won

_KIND = "vouchers"  # 券和奖品


def package(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """What BOSS has answered: the person waits for it."""
    facts: dict[str, Any] = {"prize": won.title, "serial": draw_words.serial(won.result_id)}
    key = "draw.data_refused"
    if won.state == tables.GIVEN:
        key = "draw.data_given"
    elif won.or_points:
        key, facts["points"] = "draw.data_instead", won.or_points
    notices.answer(tx, engine.menus(), won.subscriber_id, key, kind=_KIND, now=now, **facts)


def reminder(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """Until when a parcel waits for an address."""
    if won.address_by is not None:
        notices.tell(
            tx, engine.menus(), won.subscriber_id, "draw.parcel_reminder", kind=_KIND, now=now,
            page=draw_words.prize_page(won.result_id), prize=won.title,
            until=draw_words.day(won.address_by),
        )  # fmt: skip


def sent(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """A parcel has left."""
    notices.answer(
        tx, engine.menus(), won.subscriber_id, "draw.parcel_sent", kind=_KIND, now=now,
        prize=won.title, carrier=won.carrier, tracking=won.tracking,
    )  # fmt: skip


def forfeited(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """Nobody said where to."""
    notices.tell(
        tx, engine.menus(), won.subscriber_id, "draw.parcel_forfeited", kind=_KIND, now=now,
        prize=won.title, serial=draw_words.serial(won.result_id),
    )  # fmt: skip
