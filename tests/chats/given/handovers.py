"""What operators do in the console's inbox while somebody is with them."""

from __future__ import annotations

from datetime import timedelta

from dialogs import attended
from models import audit, desk, handover_desk, handovers, subscribers
from tests.conftest import World

XIAOWU = audit.By(None, "xiaowu", "service", "chat", "127.0.0.1")


def answers(world: World, words: str, *more: str) -> None:
    """`meanwhile handovers.answers 您好`: to whoever has waited longest."""
    now, said = world.clock(), " ".join((words, *more))
    lasts = timedelta(hours=world.circle.settings.handover.hours)
    with world.circle.store.begin() as tx:
        (found, _), *_ = handover_desk.listed(tx, limit=1, after=None)
        who = subscribers.by_now(tx, found.subscriber_id)
        signature = world.circle.live().text("signature", channel="sms")
        desk.message(tx, who.id, words=said, signature=signature, by=XIAOWU, now=now)
        handovers.answer(tx, found.id, words=said, operator_id=7, lasts=lasts, now=now)


def ends(world: World) -> None:
    """`meanwhile handovers.ends`: the talk of whoever has waited longest."""
    now = world.clock()
    with world.circle.store.begin() as tx:
        (found, _), *_ = handover_desk.listed(tx, limit=1, after=None)
        handovers.close(tx, found, by=handovers.BY_OPERATOR, now=now)
        menus = world.circle.live()
        attended.ended(tx, menus, found, by=handovers.BY_OPERATOR, now=now)
