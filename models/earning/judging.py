"""Judging: what the rules say of one event, before caps and budgets; it reads and moves nothing.

each rule of the event's type: window, audience, when, amount × multiplier
then of each group the one with the highest priority; groups add up
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from models.earning import expressions
from models.earning.definition import Rule
from models.earning.event import Event
from models.earning.expressions import POINTS_MOST, Expression, Failed
from models.points import day_of

if TYPE_CHECKING:
    import cel

# Why a rule gave nothing for an event; also what expressions.Failed says.
NO_RULE = "no rule for this type"
NOT_IN_WINDOW = "outside the window"
NOT_IN_AUDIENCE = "not in the audience"
CONDITION_FALSE = "condition not met"
NOTHING = "amounts to nothing"
TOO_MANY = "more points than a rule may give"
NOT_A_NUMBER = "the amount is no whole number"
NOT_A_TRUTH = "the condition is neither true nor false"
OUTRANKED = "another rule of its group"
OVER = "points that have expired already"
BLOCKED = "the subscriber is blocked"
UNKNOWN = "no such subscriber"
CAPPED = "cap reached"
BUDGET_SPENT = "budget spent"
HAD_BEFORE = "had before the account was deleted"


@dataclass(frozen=True, slots=True)
class Person:
    """What audiences look at; `id` is where points go, should the event's person be merged."""

    id: int
    status: str = "active"
    opted_out: bool = False
    msisdn: str | None = None
    levels: Mapping[str, str] | None = None  # club -> level, where active


@dataclass(frozen=True, slots=True)
class LiveRule:
    """A version of a rule, with its expressions compiled."""

    rule: Rule
    version: int
    condition: Expression | None
    amount: Expression | int

    @property
    def name(self) -> str:
        return f"{self.rule.code}@{self.version}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rule would give for an event, unless a cap or a budget is in the way."""

    live: LiveRule
    event: Event
    owner: int
    base: int
    points: int
    expires_on: date
    beaten: tuple[str, ...]  # rules of its group that would have given something, too


Missed = tuple[str, str]  # the rule's code, and why


class RuleBook:
    """Rules that are applied together, by the type of event, the highest priority first."""

    def __init__(self, rules: Iterable[LiveRule]) -> None:
        self.rules = sorted(rules, key=lambda live: (-live.rule.priority, live.rule.code))
        self.by_type: dict[str, list[LiveRule]] = {}
        for live in self.rules:
            self.by_type.setdefault(live.rule.event, []).append(live)
        self.asks_about_clubs = any(
            live.rule.audience.clubs or live.rule.audience.level for live in self.rules
        )


def compiled(rule: Rule, version: int) -> LiveRule:
    """The rule, ready to judge. Raises expressions.Refused."""
    return LiveRule(
        rule,
        version,
        expressions.read(rule.when) if rule.when is not None else None,
        rule.amount if isinstance(rule.amount, int) else expressions.read(rule.amount),
    )


def judge(
    book: RuleBook, event: Event, person: Person | None, now: datetime
) -> tuple[list[Wanted], list[Missed]]:
    """What each group gives, and why the other rules of this type give nothing."""
    rules = book.by_type.get(event.type)
    if not rules:
        return [], [("", NO_RULE)]
    if person is None or person.status == "blocked":
        return [], [("", UNKNOWN if person is None else BLOCKED)]
    first: dict[str, Wanted] = {}
    beaten: dict[str, list[str]] = {}
    missed: list[Missed] = []
    context: cel.Context | None = None
    for live in rules:
        try:
            _apply_plain_tests(live.rule, event, person)
            if context is None:
                context = expressions.context_of(event.values)
            wanted = _wanted(live, event, person, context, now)
        except Failed as why:
            missed.append((live.rule.code, why.reason))
            continue
        stack = live.rule.stack
        if stack in first:
            missed.append((live.rule.code, OUTRANKED))
            beaten.setdefault(stack, []).append(live.name)
        else:
            first[stack] = wanted
    return _with_beaten(first, beaten), missed


def _with_beaten(first: dict[str, Wanted], beaten: dict[str, list[str]]) -> list[Wanted]:
    return [
        Wanted(
            won.live, won.event, won.owner, won.base, won.points, won.expires_on,
            tuple(beaten[stack]),
        )
        if stack in beaten else won
        for stack, won in first.items()
    ]  # fmt: skip


def _apply_plain_tests(rule: Rule, event: Event, person: Person) -> None:
    if not rule.window.contains(event.occurred_at):
        raise Failed(NOT_IN_WINDOW)
    if rule.audience.asks and not _belongs(rule, person):
        raise Failed(NOT_IN_AUDIENCE)


def _belongs(rule: Rule, person: Person) -> bool:
    audience, levels = rule.audience, person.levels or {}
    if audience.opted_in is not None and audience.opted_in == person.opted_out:
        return False
    if audience.numbers and not (person.msisdn or "").startswith(audience.prefixes):
        return False
    if audience.clubs or audience.level:
        found = {levels[club] for club in (audience.clubs or levels) if club in levels}
        return bool(found if audience.level is None else audience.level in found)
    return True


def _wanted(
    live: LiveRule, event: Event, person: Person, context: cel.Context, now: datetime
) -> Wanted:
    if live.condition is not None:
        met = live.condition.evaluate(context)
        if not isinstance(met, bool):
            raise Failed(NOT_A_TRUTH)
        if not met:
            raise Failed(CONDITION_FALSE)
    base: Any = live.amount if isinstance(live.amount, int) else live.amount.evaluate(context)
    if not isinstance(base, int) or isinstance(base, bool):
        raise Failed(NOT_A_NUMBER)
    points = base * live.rule.times_hundredths // 100
    if points <= 0:
        raise Failed(NOTHING)
    if points > POINTS_MOST:
        raise Failed(TOO_MANY)
    today = day_of(now)
    expires_on = live.rule.valid.expires_on(today)
    if expires_on < today:
        raise Failed(OVER)
    return Wanted(live, event, person.id, base, points, expires_on, ())


def in_order(events: Sequence[Event]) -> list[Event]:
    """First come, first served: by the moment at which it was done, then by id."""
    return sorted(events, key=lambda event: (event.occurred_at, event.id))
