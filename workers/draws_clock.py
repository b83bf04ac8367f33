"""Draws by the clock: seeds are promised ahead and revealed afterwards, prizes go their way.

promise · reveal · end          each minute
settle                          what BOSS has answered about packages, told at once
remind · forfeit                parcels without an address, told by day
forget                          where parcels went, long after they were sent
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialogs import draw_words
from dialogs.delivery import Delivery
from dialogs.dialog import Saying
from dialogs.engine import Engine
from models import outbox, sending_policy, subscribers
from models.base import Tx
from models.draws import giving, parcels, publishing, seeds, tables
from models.draws.results import Won
from models.store import Store
from workers import notices
from workers.parts import Parts

log = structlog.get_logger()

EVERY = timedelta(minutes=1)
AT_ONCE = 50


@dataclass(slots=True)
class DrawsClock:
    """Looks once a minute, but at BOSS's answers each time."""

    store: Store
    engine: Engine
    looked_at: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        works = {
            "days": self._days, "settle": self._settle, "remind": self._remind,
            "forfeit": self._forfeit,
        }  # fmt: skip
        self.parts = Parts("draws", works)

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _days(self, now: datetime) -> bool:
        """End draws that are over; promise the seeds of days to come; reveal those of days over."""
        if self.looked_at is not None and timedelta() <= now - self.looked_at < EVERY:
            return False
        keep = self.engine.rules.seeds
        ended = self.store.run(lambda tx: publishing.end_due(tx, now))
        promised = self.store.run(lambda tx: seeds.promise_ahead(tx, keep, now))
        revealed = self.store.run(lambda tx: seeds.reveal_due(tx, keep, now, AT_ONCE))
        self.store.run(lambda tx: parcels.forget(tx, now))
        if ended or promised or revealed:
            log.info("draws looked after", ended=ended, promised=promised, revealed=len(revealed))
        if len(revealed) < AT_ONCE:
            self.looked_at = now
        return len(revealed) == AT_ONCE

    def _settle(self, now: datetime) -> bool:
        due = self.store.read(lambda tx: giving.answered(tx, AT_ONCE))
        for subscriber_id, result_id in due:
            self.store.run(
                partial(self.settle, subscriber_id=subscriber_id, result_id=result_id, now=now)
            )
        return len(due) == AT_ONCE

    def settle(self, tx: Tx, *, subscriber_id: int, result_id: int, now: datetime) -> None:
        """Note one answer of BOSS, and tell the person."""
        won = giving.settle(tx, subscriber_id=subscriber_id, result_id=result_id, now=now)
        if won is None:
            return
        facts = {"prize": won.title, "serial": draw_words.serial(won.result_id)}
        if won.state == tables.GIVEN:
            saying = Saying("draw.data_given", facts)
        elif won.or_points:
            saying = Saying("draw.data_instead", facts | {"points": won.or_points})
        else:
            saying = Saying("draw.data_refused", facts)
        self._say(tx, won, saying, now, category=sending_policy.ANSWER)

    def _remind(self, now: datetime) -> bool:
        if not notices.may_tell(now) or notices.too_many_wait(self.store):
            return False
        due = self.store.read(lambda tx: parcels.to_remind(tx, now, AT_ONCE))
        for won in due:
            self.store.run(partial(self.remind, won=won, now=now))
        return len(due) == AT_ONCE

    def remind(self, tx: Tx, *, won: Won, now: datetime) -> None:
        """Tell one person, once, until when their parcel waits for an address."""
        subscribers.lock_id(tx, won.subscriber_id)
        if won.address_by is not None and parcels.reminded(tx, won, now):
            facts = {"prize": won.title, "until": draw_words.day(won.address_by)}
            page = draw_words.prize_page(won.result_id)
            self._say(tx, won, Saying("draw.parcel_reminder", facts, page=page), now)

    def _forfeit(self, now: datetime) -> bool:
        if not notices.may_tell(now):
            return False
        due = self.store.read(lambda tx: parcels.overdue(tx, now, AT_ONCE))
        for won in due:
            self.store.run(partial(self.forfeit, won=won, now=now))
        return len(due) == AT_ONCE

    def forfeit(self, tx: Tx, *, won: Won, now: datetime) -> None:
        """Put one prize back, and tell who had won it."""
        if parcels.forfeit(tx, won, now) is not None:
            facts = {"prize": won.title, "serial": draw_words.serial(won.result_id)}
            self._say(tx, won, Saying("draw.parcel_forfeited", facts), now)

    def _say(
        self, tx: Tx, won: Won, saying: Saying, now: datetime, *,
        category: str = sending_policy.NOTICE,
    ) -> None:  # fmt: skip
        """Owe the words: what somebody waits for at once, the rest behind what others wait for."""
        who = subscribers.lock_id(tx, won.subscriber_id)
        if sending_policy.silence(who, category):
            return
        out = Delivery(
            tx, self.engine.menus(), self.engine.public_url, who, "wechat", now, passive=False,
            category=category,
            queue=outbox.REPLY if category == sending_policy.ANSWER else outbox.BULK,
        )  # fmt: skip
        out.say(saying)
        out.flush()
