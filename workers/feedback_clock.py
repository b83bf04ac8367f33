"""What people are asked by the clock: how an activity was, and whether they would answer a survey.

Both hold one person at a time. All progress stands in the database: a clock that dies is followed
by one that goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialogs import notices as telling
from dialogs.engine import ASKED, NOT_YET, UNWELCOME, Engine
from menus.menus import Route
from models import activity_ratings, sending_policy, subscribers
from models.base import Tx
from models.points import day_of
from models.store import Store
from models.surveys import audience, definition
from models.surveys.audience import Round
from models.surveys.definition import Survey
from workers import notices
from workers.complaints_clock import ASK_AGAIN
from workers.parts import Parts

log = structlog.get_logger()

ASKED_AT_ONCE = 100
INVITED_AT_ONCE = 100
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class FeedbackClock:
    """Asks and invites: nobody to two surveys within `every`, and `a_minute` at most."""

    store: Store
    engine: Engine
    every: timedelta
    a_minute: int
    # What failed: our bug, not looked at again by this process.
    broken: set[tuple[int, int]] = field(default_factory=set)
    minute: datetime | None = None
    invited_in_minute: int = 0
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("feedback", {"ask": self._ask, "invite": self._invite})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    # -- how an activity was -----------------------------------------------------------------------

    def _ask(self, now: datetime) -> bool:
        """Ask some people how it was; whether there may be more."""
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        most = ASKED_AT_ONCE + len(self.broken)
        due = self.store.read(lambda tx: activity_ratings.due(tx, now, most))
        due = [one for one in due if one not in self.broken]
        for one in due:
            try:
                self.store.run(partial(self._ask_one, one=one, now=now))
            except LookupError as bug:
                log.exception("activity rating not asked", error=type(bug).__name__)
                self.broken.add(one)
        return len(due) >= ASKED_AT_ONCE

    def _ask_one(self, tx: Tx, one: tuple[int, int], now: datetime) -> bool:
        who = subscribers.by_now(tx, subscribers.lock_id(tx, one[0]).id)
        rating = activity_ratings.take_owed(tx, subscriber_id=one[0], activity=one[1], now=now)
        if rating is None:
            return False
        route = Route("rate_activity", {"owner": str(one[0]), "activity": str(one[1])})
        origin = f"activity_rating:{one[1]}"
        asked = self.engine.ask_first(tx, who, route, kind="service", origin=origin, now=now)
        if asked == UNWELCOME:
            activity_ratings.drop(tx, rating)
        elif asked == NOT_YET:
            activity_ratings.postpone(tx, rating, until=now + ASK_AGAIN)
        else:
            activity_ratings.asked(tx, rating, now=now)
        return asked == ASKED

    # -- surveys -----------------------------------------------------------------------------------

    def _invite(self, now: datetime) -> bool:
        """Invite some people to a survey; whether there may be more."""
        if not notices.may_owe(self.store, self.engine.rules.sending, now):
            return False
        day = day_of(now)
        for survey in self.store.read(definition.live).values():
            if survey.is_open(day) and survey.invite_most:
                at = self.store.run(partial(audience.round_of, survey=survey, day=day))
                if not at.finished:
                    return self._go_on(survey, at, now)
        return False

    def _go_on(self, survey: Survey, at: Round, now: datetime) -> bool:
        room = min(INVITED_AT_ONCE, self._left_this_minute(now))
        if room <= 0:
            return False
        left = survey.invite_most - at.invited
        people = self.store.read(
            lambda tx: audience.to_invite(
                tx, survey, after=at.after, every=self.every, now=now, limit=min(room, left)
            )
        ) if left > 0 else []  # fmt: skip
        for person in people:
            invited = self.store.run(
                partial(self._invite_one, survey=survey, person=person, now=now)
            )
            self.invited_in_minute += invited
        if not people:
            self.store.run(lambda tx: audience.went_on(tx, survey, finished=True))
            return True
        log.info("invited to a survey", survey=survey.code, people=len(people))
        return True

    def _invite_one(self, tx: Tx, survey: Survey, person: int, now: datetime) -> bool:
        """Invite one, and note in the same transaction how far the round is."""
        who = subscribers.lock_id(tx, person)
        invited = (
            who.status == "active"
            and not sending_policy.silence(who, sending_policy.MARKETING)
            and (who.msisdn is not None or who.wechat_is_open(now))
            and audience.invite(tx, person, survey, every=self.every, now=now)
        )
        if invited:
            telling.tell(
                tx, self.engine.menus(), who, "survey.invite", kind="service", now=now,
                title=survey.title, intro=survey.intro,
            )  # fmt: skip
        audience.went_on(tx, survey, after=person, invited=int(invited))
        return invited

    def _left_this_minute(self, now: datetime) -> int:
        if self.minute is None or now - self.minute >= MINUTE:
            self.minute, self.invited_in_minute = now, 0
        return self.a_minute - self.invited_in_minute
