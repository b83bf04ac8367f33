"""Notices: what somebody is told unasked, or later than they asked, each by one function.

talk.tell(other, "gift.got", kind="gifts", page=..., **values)             in a step (dialog.py)
notices.tell(tx, menus, who, "points.runs_out", kind="points", now=now,    in clocks and pages
             page=..., **values) -> id | None
notices.answer(...)   alike: news of what the person has done, wants or waits for, which 退订 does
                      not stop and which comes by night, too: complaints, parcels, used vouchers

`who` (`other`) is a Subscriber or an id; nobody is locked. `kind` is one of sending_policy.KINDS.
`page` is a path of ours, filled in for {link}. What a person's own act brings about *at once* is
no notice: say that with talk.say.

Which way it goes is nobody's business but this module's and models/sending_policy.py's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from dialogs.delivery import SITE_MARK, Delivery
from dialogs.dialog import Saying, Telling
from menus.menus import Menus
from models import outbox, sending_policy, subscribers
from models.base import Tx
from models.sending_policy import ANSWER, KINDS, MARKETING, NOTICE
from models.subscribers import Subscriber


def tell(
    tx: Tx, menus: Menus, who: Subscriber | int, key: str, /, *, kind: str, now: datetime,
    page: str | None = None, **values: Any,
) -> int | None:  # fmt: skip
    """Owe somebody a notice, in the caller's transaction; its id, or None: nobody may be told.

    It leaves from the queue outbox.BULK. Raises ValueError for a kind that is none.
    """
    telling = Telling(who, Saying(key, values, page=page), kind)
    return _owe(tx, menus, telling, _category(kind), now)


def answer(
    tx: Tx, menus: Menus, who: Subscriber | int, key: str, /, *, kind: str, now: datetime,
    page: str | None = None, **values: Any,
) -> int | None:  # fmt: skip
    """Owe somebody news of what they have asked for, as tell() does, from the queue outbox.REPLY.

    Neither opting out nor the night keeps it back.
    """
    return _owe(tx, menus, Telling(who, Saying(key, values, page=page), kind), ANSWER, now)


def told(tx: Tx, menus: Menus, tellings: Iterable[Telling], now: datetime) -> bool:
    """Owe what a step wants told to others; whether anything is owed."""
    owed = [_owe(tx, menus, one, _category(one.kind), now) for one in tellings]
    return any(one is not None for one in owed)


def _category(kind: str) -> str:
    return MARKETING if kind == "marketing" else NOTICE


def _owe(tx: Tx, menus: Menus, telling: Telling, category: str, now: datetime) -> int | None:
    if telling.kind not in KINDS:
        raise ValueError(f"{telling.kind}: no such kind; there are {', '.join(KINDS)}")
    who = telling.who
    if not isinstance(who, Subscriber):
        who = subscribers.by_now(tx, who)
    if sending_policy.silence(who, category):
        return None
    queue = outbox.REPLY if category == ANSWER else outbox.BULK
    out = Delivery(
        tx, menus, SITE_MARK, who, "wechat", now, passive=False, category=category, queue=queue
    )
    owed_id = out.say(telling.saying)
    out.flush()
    return owed_id
