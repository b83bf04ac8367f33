"""Notices: what somebody is told unasked, or later than they asked, each by one function.

talk.tell(other, "gift.got", kind="gifts", page=..., **values)             in a step (dialog.py)
notices.tell(tx, menus, who, "points.runs_out", kind="points", now=now,    in clocks and pages
             page=..., **values) -> id
notices.answer(...)   alike: news of what the person has done, wants or waits for, which neither
                      退订 nor the night keeps back: complaints, parcels, used vouchers
engine.ask_first(tx, who, route, kind="service", origin=..., now=now)      opens a dialog that asks

`who` (`other`) is a Subscriber or an id; nobody is locked, and nothing is looked up. `kind` is one
of models/preferences.py's KINDS. `page` is a path of ours, filled in for {link}. What a person's
own act brings about *at once* is no notice: say that with talk.say.

All of it is kept in the mailbox; which way it goes besides is decided when it leaves, by
models/sending_policy.py, and is nobody else's business. Quiet hours, opting out, preferences and
the weekly cap are looked at there, so whoever tells need not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dialogs.delivery import Delivery, worded
from dialogs.dialog import Saying, Telling
from menus.menus import Menus
from models import mailbox, outbox, sending_policy, sql
from models.base import Tx
from models.sending_policy import ANSWER
from models.subscribers import Subscriber


def tell(
    tx: Tx, menus: Menus, who: Subscriber | int, key: str, /, *, kind: str, now: datetime,
    page: str | None = None, **values: Any,
) -> int:  # fmt: skip
    """Owe somebody a notice, in the caller's transaction; returns its id.

    It leaves from the queue outbox.BULK. Raises ValueError for a kind that is none.
    """
    telling = Telling(who, Saying(key, values, page=page), kind)
    return _owe(tx, menus, telling, sending_policy.category_of(kind), now)


def answer(
    tx: Tx, menus: Menus, who: Subscriber | int, key: str, /, *, kind: str, now: datetime,
    page: str | None = None, **values: Any,
) -> int:  # fmt: skip
    """Owe somebody news of what they have asked for, as tell() does, from the queue outbox.REPLY.

    Neither opting out nor the night keeps it back; it goes where the person spoke last, if it can.
    """
    sending_policy.category_of(kind)
    return _owe(tx, menus, Telling(who, Saying(key, values, page=page), kind), ANSWER, now)


def add_to(out: Delivery, telling: Telling) -> None:
    """Owe what a step wants told, with what else is to be written."""
    category = sending_policy.category_of(telling.kind)
    out.writes += _writes(out.menus, telling, category, out.new_owed_id(), out.now)
    out.queues.add(outbox.BULK)


def _owe(tx: Tx, menus: Menus, telling: Telling, category: str, now: datetime) -> int:
    owed_id = outbox.next_id(tx)
    sql.together(tx, _writes(menus, telling, category, owed_id, now))
    return owed_id


def _writes(
    menus: Menus, telling: Telling, category: str, owed_id: int, now: datetime
) -> list[sql.Write]:
    """What keeps a notice, and what has it leave."""
    who = telling.who.id if isinstance(telling.who, Subscriber) else telling.who
    saying = telling.saying
    return [
        mailbox.keeping(
            subscriber_id=who, letter_id=owed_id, kind=telling.kind, category=category,
            page=saying.page, now=now, **worded(menus, saying),
        ),
        outbox.owing(
            owed_id=owed_id, subscriber_id=who, kind="notice", payload={}, category=category,
            queue=outbox.REPLY if category == ANSWER else outbox.BULK, now=now,
        ),
    ]  # fmt: skip
