"""Publishing: new versions of rules and the budgets they need, or none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from models.base import Tx
from models.earning import budgets, rules
from models.earning.definition import Rule
from models.earning.rules import LIVE, STOPPED, Version


@dataclass(frozen=True, slots=True)
class Change:
    """A rule that would change: `before` is None for one that is not live now."""

    rule: Rule
    before: Version | None

    @property
    def fields(self) -> list[tuple[str, object, object]]:
        """(name, before, after) of what differs, in the order in which it is written."""
        old = rules.written(self.before.rule) if self.before else {}
        new = rules.written(self.rule)
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return [(name, old.get(name), new.get(name)) for name in names]


def changes(tx: Tx, drafts: Sequence[Rule]) -> list[Change]:
    """What publishing the drafts would change, by code."""
    live = rules.live(tx)
    found = [Change(rule, live.get(rule.code)) for rule in drafts]
    different = [each for each in found if each.before is None or each.before.rule != each.rule]
    return sorted(different, key=lambda each: each.rule.code)


def publish(
    tx: Tx, drafts: Sequence[Rule], *, by: str, note: str, now: datetime
) -> list[tuple[Rule, int]]:
    """Make the drafts live that differ from what is; returns them with their new versions.

    The caller has checked them. Raises budgets.TooLittle.
    """
    rules.lock(tx)
    changed = changes(tx, drafts)
    before = _campaigns(rules.live(tx))
    done = [
        (each.rule, rules.add(tx, each.rule, state=LIVE, by=by, note=note, now=now))
        for each in changed
    ]
    _settle(tx, before, by, now)
    return done


def stop(tx: Tx, code: str, *, by: str, note: str, now: datetime) -> int | None:
    """Stop a live rule; what is left of its campaign's budget goes back with its last rule.

    Returns the version that says so, None if the rule is not live.
    """
    rules.lock(tx)
    live = rules.live(tx)
    if code not in live:
        return None
    version = rules.add(tx, live[code].rule, state=STOPPED, by=by, note=note, now=now)
    _settle(tx, _campaigns(live), by, now)
    return version


def _campaigns(live: dict[str, Version]) -> dict[str, int]:
    """The budget of each campaign that has one."""
    return {
        each.rule.budget_of: each.rule.budget
        for each in live.values()
        if each.rule.budget is not None
    }


def _settle(tx: Tx, before: dict[str, int], by: str, now: datetime) -> None:
    after = _campaigns(rules.live(tx))
    for campaign in sorted({*before, *after}):
        if before.get(campaign) != after.get(campaign):
            budgets.settle(tx, campaign, after.get(campaign), operator=by, now=now)
