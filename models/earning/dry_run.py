"""A dry run: what rules would have given for events of the past; it moves nothing.

    recorded events, person by person ─▶ judge ─▶ the same caps and budgets, counted in memory

Caps and budgets begin untouched. Of a person's caps everything is exact. What a campaign gives in a
day or in all is exact as a sum; which events come too late for it is not, since people come one
after the other here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models.base import HOUSE
from models.earning import people, recorded
from models.earning.counters import Room
from models.earning.event import Event
from models.earning.judging import (
    BUDGET_SPENT,
    CAPPED,
    Missed,
    Person,
    RuleBook,
    Wanted,
    judge,
)  # fmt: skip
from models.store import Store


@dataclass(slots=True)
class Outcome:
    """What one rule would have done; `refused` counts events by reason."""

    matched: int = 0
    points: int = 0
    people: int = 0
    capped_events: int = 0
    capped_points: int = 0
    over_budget_events: int = 0
    over_budget_points: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    last_person: int = HOUSE


@dataclass(slots=True)
class Report:
    """How many events were looked at, and what each rule would have done with them."""

    events: int = 0
    points: int = 0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)  # by no rule in particular


def dry_run(
    store: Store, book: RuleBook, *, since: datetime, until: datetime, now: datetime,
    tell: Callable[[int], None] = lambda _: None,
) -> Report:  # fmt: skip
    """Run rules over the events that happened from `since` to before `until`.

    Memory does not grow with their number; `tell` hears how many are done.
    """
    report = Report(outcomes={live.rule.code: Outcome() for live in book.rules})
    trial = _Trial(report)
    for page in recorded.by_person(store, since, until):
        known = _people(store, book, page)
        for event in page:
            wanted, missed = judge(book, event, known.get(event.subscriber_id), now)
            trial.add(event, wanted, missed)
        report.events += len(page)
        tell(report.events)
    return report


def _people(store: Store, book: RuleBook, page: Sequence[Event]) -> dict[int, Person]:
    ids = {event.subscriber_id for event in page if event.type in book.by_type}
    return store.read(lambda tx: people.find(tx, ids, clubs=book.asks_about_clubs))


@dataclass(slots=True)
class _Trial:
    """Room left under caps and budgets; of one person at a time, so that memory stays flat."""

    report: Report
    room: Room = field(default_factory=Room)
    budgets: dict[str, int] = field(default_factory=dict)  # what is left of each
    person: int = HOUSE

    def add(self, event: Event, wanted: list[Wanted], missed: list[Missed]) -> None:
        if event.subscriber_id != self.person:
            self.person = event.subscriber_id
            self.room.used = {
                counter: used for counter, used in self.room.used.items() if counter.owner == HOUSE
            }
        for code, reason in missed:
            refused = self.report.outcomes[code].refused if code else self.report.refused
            refused[reason] = refused.get(reason, 0) + 1
        for each in wanted:
            self._give(each)

    def _give(self, wanted: Wanted) -> None:
        rule = wanted.live.rule
        outcome = self.report.outcomes[rule.code]
        outcome.matched += 1
        allowed, _ = self.room.take(wanted)
        if allowed < wanted.points:
            outcome.capped_events += 1
            outcome.capped_points += wanted.points - allowed
        given = allowed
        if rule.budget is not None and allowed:
            left = self.budgets.get(rule.budget_of, rule.budget)
            given = min(allowed, left)
            self.budgets[rule.budget_of] = left - given
            self.room.add(wanted, given - allowed)
            if given < allowed:
                outcome.over_budget_events += 1
                outcome.over_budget_points += allowed - given
        if not given:
            why = CAPPED if not allowed else BUDGET_SPENT
            outcome.refused[why] = outcome.refused.get(why, 0) + 1
            return
        outcome.points += given
        self.report.points += given
        if outcome.last_person != wanted.owner:
            outcome.people += 1
            outcome.last_person = wanted.owner
