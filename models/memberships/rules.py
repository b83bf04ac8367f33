"""The rules of memberships: what operators published, version by version.

rules/memberships.yaml ──check, publish──▶ membership_rules (version, content) ──▶ Rules
"""

from __future__ import annotations

import json
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from models import points
from models.base import Tx
from models.rule_versions import RuleVersions

ORDINARY, PREMIUM = "ordinary", "premium"

_VERSIONS = RuleVersions("membership_rules")
membership_rules = _VERSIONS.table


@dataclass(frozen=True, slots=True)
class Level:
    """How long a term of a level is, in months (0: no end), and how long after it one may renew."""

    term_months: int = 0
    grace_days: int = 0
    price_points: int | None = 0  # of another term; None: it cannot be paid for

    def first_term(self, today: date) -> date | None:
        """The last day of a term that begins today; None: it has no end."""
        if not self.term_months:
            return None
        return months_after(today, self.term_months) - timedelta(days=1)

    def next_term(self, last: date) -> date:
        """The last day of the term that follows one which ends on this day."""
        return months_after(last, self.term_months)


@dataclass(frozen=True, slots=True)
class Needs:
    """What makes a premium member, any one of them; None: this does not."""

    tasks: int | None
    points_spent: int | None
    within_months: int | None


@dataclass(frozen=True, slots=True)
class Service:
    """What a club does for members of a level: an offer by its code, or words how to get it."""

    title: str
    level: str
    offer: str | None
    how: str | None


@dataclass(frozen=True, slots=True)
class ClubRules:
    """What memberships of one club are."""

    ordinary: Level = Level()
    premium: Level | None = None
    needs: Needs = Needs(None, None, None)
    benefits: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """One published version; version 0: none was ever published, so no membership ends."""

    version: int = 0
    remind_days: tuple[int, ...] = ()
    renew_days: int = 30
    suspend_months: int = 6
    suspend_a_year: int = 2
    clubs: Mapping[str, ClubRules] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, club_code: str) -> ClubRules:
        """The rules of one club; of a club that has none, that nothing ends."""
        return self.clubs.get(club_code, _NO_RULES)

    def rests_until(self, since: date) -> date:
        """The last day for which a membership that was suspended on this day may rest."""
        return months_after(since, self.suspend_months)


_NO_RULES = ClubRules()
_NONE = Rules()


def months_after(day: date, months: int) -> date:
    """The same day so many months on (before, if negative), or the month's last."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))


def account(club_code: str) -> str:
    """The house's account of what members have paid to a club in points."""
    return f"club:{club_code}"


def live(tx: Tx) -> Rules:
    """The rules that were published last."""
    found = _VERSIONS.live(tx)
    return _read(*found) if found else _NONE


def publish(tx: Tx, content: Mapping[str, Any], *, author: str, note: str, now: datetime) -> Rules:
    """Make these rules live: the checked content of rules/memberships.yaml.

    Terms that run keep their last day; who has joined before there were terms begins one when the
    clock next looks at them.
    """
    for code in content["clubs"]:
        points.open_house_account(tx, account(code))
    return _read(*_VERSIONS.publish(tx, content, author=author, note=note, now=now))


def content_of(tx: Tx) -> Mapping[str, Any] | None:
    """The live rules as they were published, to compare a file with; or None."""
    return _VERSIONS.content_of(tx)


@lru_cache(maxsize=16)
def _read(version: int, written: str) -> Rules:
    content = json.loads(written)
    return Rules(
        version=version,
        remind_days=tuple(content["remind_days"]),
        renew_days=content["renew_days"],
        suspend_months=content["suspending"]["most_months"],
        suspend_a_year=content["suspending"]["a_year"],
        clubs=MappingProxyType({code: _club(one) for code, one in content["clubs"].items()}),
    )


def _club(written: Mapping[str, Any]) -> ClubRules:
    ordinary, premium = written["ordinary"], written["premium"]
    services = tuple(
        Service(one["title"], one["level"], one["offer"], one["how"]) for one in written["services"]
    )
    level = Level(ordinary["term_months"], ordinary["grace_days"], ordinary["price_points"])
    if premium is None:
        return ClubRules(ordinary=level, services=services)
    needs = premium["needs"]
    return ClubRules(
        ordinary=level,
        premium=Level(premium["term_months"], premium["grace_days"], needs["pay_points"]),
        needs=Needs(needs["tasks"], needs["points_spent"], needs["within_months"]),
        benefits=tuple(premium["benefits"]),
        services=services,
    )
