"""What somebody has agreed to on a page, begun as if they had said so: BOSS is asked.

page: lock, look, keep the consent ──▶ begin ──▶ open_now, suspend_now ... wait for BOSS's answer
"""

from __future__ import annotations

from datetime import datetime

from dialogs import steps
from dialogs.delivery import Delivery
from dialogs.engine import Engine
from menus.menus import Route
from models import subscribers
from models.base import Tx
from models.subscribers import Subscriber


def begin(
    tx: Tx, engine: Engine, who: Subscriber, dialog: str, *, club: str, origin: str, now: datetime
) -> frozenset[str]:
    """Open a dialog that acts at once, with somebody held; the queues in which something is owed.

    An open question stays open: this is no answer to it. What BOSS says is told where the person
    spoke last.
    """
    channel = subscribers.spoke_last(tx, who.id)
    out = Delivery(tx, engine.menus(), engine.public_url, who, channel, now, passive=False)
    # The page itself says that it has begun.
    route = Route(dialog, {"club": club, "quiet": "yes"})
    steps.open_dialog(out, engine.rules, route, None, origin)
    out.flush()
    return frozenset(out.queues)
