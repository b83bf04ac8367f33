"""Invitations by the clock: friends are asked by SMS, by day; whoever has joined is rewarded.

Each holds one friend at a time. All progress stands in the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialogs import invitation_news
from dialogs.engine import ASKED, NOT_YET, UNWELCOME, Engine
from menus.menus import Route
from models import subscribers
from models.base import Tx
from models.invitations import asking, coming
from models.invitations.tables import LAPSED
from models.store import Store
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

AT_ONCE = 100
# Whoever is being asked something else is asked about this a little later.
ASK_AGAIN = timedelta(minutes=10)


@dataclass(slots=True)
class InvitationsClock:
    """Asks friends, and settles what BOSS' answer has not settled already."""

    store: Store
    engine: Engine
    # What failed: our bug, not looked at again by this process.
    broken: set[tuple[int, int]] = field(default_factory=set)
    stuck: set[int] = field(default_factory=set)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("invitations", {"ask": self._ask, "settle": self._settle})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _ask(self, now: datetime) -> bool:
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        most = AT_ONCE + len(self.broken)
        due = self.store.read(lambda tx: asking.to_ask(tx, now, most))
        for one in due:
            if one in self.broken:
                continue
            try:
                asked = self.store.run(partial(self._ask_one, one=one, now=now))
            except LookupError as bug:
                log.exception("friend not asked", invitation=one[1], error=type(bug).__name__)
                self.broken.add(one)
            else:
                log.info("friend asked", invitation=one[1], asked=asked)
        return len(due) >= most

    def _ask_one(self, tx: Tx, one: tuple[int, int], now: datetime) -> bool:
        friend = subscribers.lock_id(tx, one[0])
        wanted = asking.take_wanted(tx, one, friend, now)
        if wanted is None:
            return False
        notes = {"number": str(wanted.code.number), "owner": str(one[0]), "invitation": str(one[1])}
        origin = f"invitation:{one[1]}"
        asked = self.engine.ask_first(
            tx, friend, Route("invited", notes), kind="marketing", origin=origin, now=now
        )
        if asked == UNWELCOME:
            asking.end(tx, one, LAPSED, now)
        elif asked == NOT_YET:
            asking.postpone(tx, one, now + ASK_AGAIN, now)
        else:
            asking.asked(tx, one, now)
        return asked == ASKED

    def _settle(self, now: datetime) -> bool:
        most = AT_ONCE + len(self.stuck)
        due = self.store.read(lambda tx: coming.due(tx, now, most))
        for friend in due:
            if friend in self.stuck:
                continue
            try:
                self.store.run(partial(self._settle_one, friend_id=friend, now=now))
            except LookupError as bug:
                log.exception("friend not rewarded", friend=friend, error=type(bug).__name__)
                self.stuck.add(friend)
        return len(due) >= most

    def _settle_one(self, tx: Tx, friend_id: int, now: datetime) -> None:
        friend = subscribers.lock_id(tx, friend_id)
        settled = coming.settle(tx, friend, limits=self.engine.rules.inviting, now=now)
        if settled is None:
            return
        log.info("friend joined", friend=friend.id, inviter=settled.inviter.id, why=settled.why)
        invitation_news.told(tx, self.engine.menus(), settled, now)
