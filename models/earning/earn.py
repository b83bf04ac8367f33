"""Earning: the live rules, applied to events as they are recorded, a thousand at a time.

events, and the tasks that they do (following.py)
       ─▶ judge ─▶ caps (counters held) ─▶ points.credit (budgets held) ─▶ count, explain, chances
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from models import points, remembered, tiers
from models.base import Tx
from models.draws import people as draws
from models.earning import counters, following, misses, people, postings, rules
from models.earning.counters import Counter, Cut, caps_of
from models.earning.event import Event
from models.earning.judging import (
    BUDGET_SPENT,
    CAPPED,
    HAD_BEFORE,
    Missed,
    Person,
    RuleBook,
    Wanted,
    in_order,
    judge,
)  # fmt: skip
from models.points import Credit

BATCH = 1000
REASON, CHANNEL = "earned", "boss"


def earn(tx: Tx, events: Sequence[Event], now: datetime) -> int:
    """Apply the live rules to newly recorded events, in the transaction that recorded them.

    Returns the points given. The same event again gives nothing more: the ledger knows its keys.
    """
    book = rules.current(tx, now)
    # Before anything is earned: so two batches wait for each other in one order.
    ordered = in_order([*events, *following.follow(tx, events, now)])
    return sum(
        _earn(tx, book, ordered[start : start + BATCH], now)
        for start in range(0, len(ordered), BATCH)
    )


def key_of(event_id: str, code: str) -> str:
    """The idempotency key of what a rule gives for an event."""
    return f"earn:{event_id}:{code}"


@dataclass(slots=True)
class _Judged:
    """What a batch of events would get, and how many get nothing, and why."""

    wanted: list[Wanted] = field(default_factory=list)
    missed: dict[Missed, tuple[int, str]] = field(default_factory=dict)

    def miss(self, why: Missed, event_id: str) -> None:
        self.missed[why] = (self.missed.get(why, (0, ""))[0] + 1, event_id)


def _earn(tx: Tx, book: RuleBook, events: Sequence[Event], now: datetime) -> int:
    judged = _judge(tx, book, events, now)
    given = _give(tx, judged, now)
    misses.add(tx, judged.missed, now)
    return given


def _judge(tx: Tx, book: RuleBook, events: Sequence[Event], now: datetime) -> _Judged:
    concerned = {event.subscriber_id for event in events if event.type in book.by_type}
    known = people.find(tx, concerned, clubs=book.asks_about_clubs) if concerned else {}
    judged = _Judged()
    again = _had_before(tx, events, known)
    for event in events:
        wanted, missed = judge(book, event, known.get(event.subscriber_id), now)
        if event.id in again:
            for each in wanted:
                judged.miss((each.live.rule.code, HAD_BEFORE), event.id)
            wanted = []
        judged.wanted += wanted
        for why in missed:
            judged.miss(why, event.id)
    return judged


def _had_before(tx: Tx, events: Sequence[Event], known: Mapping[int, Person]) -> set[str]:
    """The ids of events that earn once in a life, and did for the same number: it was deleted."""
    once = {
        event.id: (known[event.subscriber_id].id, what)
        for event in events
        if event.subscriber_id in known
        and (what := remembered.once(event.type, event.id, event.values)) is not None
    }
    had = remembered.had(tx, set(once.values())) if once else set()
    return {event_id for event_id, each in once.items() if each in had}


def _give(tx: Tx, judged: _Judged, now: datetime) -> int:
    keys = [key_of(each.event.id, each.live.rule.code) for each in judged.wanted]
    known = points.credited(tx, keys) if keys else set()
    fresh = [each for each, key in zip(judged.wanted, keys, strict=True) if key not in known]
    limits = {counter: limit for each in fresh for _, counter, limit in caps_of(each)}
    room = counters.lock(tx, limits)
    taken: list[tuple[Wanted, int, list[Cut]]] = []
    for each in fresh:
        allowed, cuts = room.take(each)
        if allowed:
            taken.append((each, allowed, cuts))
        else:
            judged.miss((each.live.rule.code, CAPPED), each.event.id)
    credited = points.credit(
        tx, [_credit(each, allowed) for each, allowed, _ in taken],
        reason=REASON, channel=CHANNEL, now=now,
    )  # fmt: skip
    counted: dict[Counter, tuple[int, int]] = {}
    made: list[postings.Made] = []
    for (each, allowed, cuts), credit in zip(taken, credited, strict=True):
        if credit.serial is None:
            judged.miss((each.live.rule.code, BUDGET_SPENT), each.event.id)
            continue
        short = allowed - credit.points
        made.append(postings.Made(each, credit.serial, credit.points, tuple(cuts), short))
        for _, counter, limit in caps_of(each):
            counted[counter] = (counted.get(counter, (0, 0))[0] + credit.points, limit)
    counters.count(tx, counted)
    postings.add(tx, made, now)
    _give_chances(tx, made, now)
    tiers.earned(tx, [each.wanted.owner for each in made], now)
    return sum(each.points for each in made)


def _give_chances(tx: Tx, made: Sequence[postings.Made], now: datetime) -> None:
    """Chances in draws beside the points, once for each posting; the lower person first."""
    for each in sorted(made, key=lambda made: (made.wanted.owner, made.serial)):
        chances = each.wanted.live.rule.chances
        if chances is not None:
            draws.grant(
                tx, each.wanted.owner, chances.draw, chances=chances.count,
                key=f"earned:{each.serial}", now=now,
            )  # fmt: skip


def _credit(wanted: Wanted, allowed: int) -> Credit:
    rule = wanted.live.rule
    return Credit(
        key=key_of(wanted.event.id, rule.code), origin=wanted.event.id, rule=wanted.live.name,
        source=rule.source, owner=wanted.owner, kind=rule.kind,
        expires_on=wanted.expires_on, points=allowed,
    )  # fmt: skip
