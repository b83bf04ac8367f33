"""What becomes of a prize later, told to whoever won it: by the clock, or as a parcel leaves."""

from __future__ import annotations

from datetime import datetime

from dialogs import draw_words
from dialogs.delivery import Delivery
from dialogs.dialog import Saying
from dialogs.engine import Engine
from models import outbox, sending_policy, subscribers
from models.base import Tx
from models.draws import tables
from models.draws.results import Won


def package(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """What BOSS has answered: the person waits for it."""
    facts = {"prize": won.title, "serial": draw_words.serial(won.result_id)}
    if won.state == tables.GIVEN:
        saying = Saying("draw.data_given", facts)
    elif won.or_points:
        saying = Saying("draw.data_instead", facts | {"points": won.or_points})
    else:
        saying = Saying("draw.data_refused", facts)
    _tell(tx, engine, won, saying, now, category=sending_policy.ANSWER)


def reminder(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """Until when a parcel waits for an address."""
    if won.address_by is not None:
        facts = {"prize": won.title, "until": draw_words.day(won.address_by)}
        page = draw_words.prize_page(won.result_id)
        _tell(tx, engine, won, Saying("draw.parcel_reminder", facts, page=page), now)


def sent(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """A parcel has left."""
    facts = {"prize": won.title, "carrier": won.carrier, "tracking": won.tracking}
    _tell(tx, engine, won, Saying("draw.parcel_sent", facts), now, category=sending_policy.ANSWER)


def forfeited(tx: Tx, engine: Engine, won: Won, now: datetime) -> None:
    """Nobody said where to."""
    facts = {"prize": won.title, "serial": draw_words.serial(won.result_id)}
    _tell(tx, engine, won, Saying("draw.parcel_forfeited", facts), now)


def _tell(
    tx: Tx, engine: Engine, won: Won, saying: Saying, now: datetime, *,
    category: str = sending_policy.NOTICE,
) -> None:  # fmt: skip
    """Owe the words: what somebody waits for at once, the rest behind what others wait for."""
    who = subscribers.lock_id(tx, won.subscriber_id)
    if sending_policy.silence(who, category):
        return
    out = Delivery(
        tx, engine.menus(), engine.public_url, who, "wechat", now, passive=False,
        category=category,
        queue=outbox.REPLY if category == sending_policy.ANSWER else outbox.BULK,
    )  # fmt: skip
    out.say(saying)
    out.flush()
