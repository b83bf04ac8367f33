"""The rules of the tiers: what operators published, version by version, and what follows from it.

rules/tiers.yaml ──check, publish──▶ tier_rules (version, content) ──▶ Rules
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from models import sql
from models.base import Tx
from models.rule_versions import RuleVersions

EARNED, SPENT, BOTH = WHAT_COUNTS = ("earned", "spent", "both")

_VERSIONS = RuleVersions("tier_rules")
tier_rules = _VERSIONS.table


class TierInUse(Exception):
    """New rules leave out a tier that people hold; `codes` says which."""

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__(f"people hold tiers that are not in these rules: {', '.join(codes)}")
        self.codes = tuple(codes)


@dataclass(frozen=True, slots=True)
class Tier:
    """One level: its Chinese name, the points that it takes, what it gives."""

    code: str
    name: str
    threshold: int
    benefits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counting:
    """Which legs count. Account names are LIKE patterns; `key` names this way of counting."""

    earned_from: tuple[str, ...]
    earned_kinds: tuple[str, ...]
    spent_into: tuple[str, ...]
    except_reasons: tuple[str, ...]
    key: str


@dataclass(frozen=True, slots=True)
class Rules:
    """One published version."""

    version: int
    counts: str
    period_months: int
    review_months: int
    grace_months: int
    counting: Counting
    tiers: tuple[Tier, ...]

    @property
    def lowest(self) -> Tier:
        return self.tiers[0]

    def rank(self, code: str) -> int:
        """Where a tier stands, from 0. Raises LookupError."""
        for rank, tier in enumerate(self.tiers):
            if tier.code == code:
                return rank
        raise LookupError(f"the rules have no tier {code}")

    def tier(self, code: str) -> Tier:
        """The tier of this code. Raises LookupError."""
        return self.tiers[self.rank(code)]

    def reached(self, counted: int) -> Tier:
        """The tier that so many points are enough for."""
        return self.tiers[bisect_right([tier.threshold for tier in self.tiers], counted) - 1]

    def after(self, tier: Tier) -> Tier | None:
        """The next higher tier, or None."""
        return next(iter(self.tiers[self.rank(tier.code) + 1 :]), None)

    def weigh(self, earned: int, spent: int) -> int:
        """Points that count, of what was earned and spent."""
        return earned * (self.counts != SPENT) + spent * (self.counts != EARNED)

    def first_month(self, today: date) -> date:
        """The first month whose points count on this day."""
        return months_later(today, -self.period_months)

    def counted_until(self, month: date) -> date:
        """The last day on which the points of a month count."""
        return months_later(month, self.period_months + 1) - timedelta(days=1)

    def review_after(self, today: date) -> date | None:
        """When a tier that is reached or kept today is reviewed next: the first day of a month."""
        return months_later(today, self.review_months + 1)

    def grace_until(self, today: date) -> date:
        """The last day of a grace that is given today."""
        return months_later(today, self.grace_months + 1) - timedelta(days=1)


def months_later(day: date, months: int) -> date:
    """The first day of the month so many months after (before, if negative) that of `day`."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, 1)


def live(tx: Tx) -> Rules | None:
    """The rules that were published last, or None: then there are no tiers."""
    found = _VERSIONS.live(tx)
    return _read(*found) if found else None


def publish(tx: Tx, content: Mapping[str, Any], *, author: str, note: str, now: datetime) -> Rules:
    """Make these rules live: the checked content of rules/tiers.yaml. Raises TierInUse."""
    _VERSIONS.hold(tx)  # so that nobody gets a tier that is going
    held = sql.rows(
        tx,
        "SELECT DISTINCT tier FROM tier_standings WHERE tier <> ALL (%(codes)s)",
        {"codes": [tier["code"] for tier in content["tiers"]]},
    )
    if held:
        raise TierInUse(sorted(code for (code,) in held))
    return _read(*_VERSIONS.publish(tx, content, author=author, note=note, now=now))


def content_of(tx: Tx) -> Mapping[str, Any] | None:
    """The live rules as they were published, to compare a file with; or None."""
    return _VERSIONS.content_of(tx)


@lru_cache(maxsize=16)
def _read(version: int, written: str) -> Rules:
    content = json.loads(written)
    counting = {
        "earned_from": _patterns(content["earned"]["from"]),
        "earned_kinds": tuple(sorted(content["earned"]["kinds"])),
        "spent_into": _patterns(content["spent"]["into"]),
        "except_reasons": tuple(sorted(content["except_reasons"])),
    }
    key = hashlib.sha256(json.dumps(counting, sort_keys=True).encode()).hexdigest()[:12]
    return Rules(
        version=version,
        counts=content["counts"],
        period_months=content["period_months"],
        review_months=content["review_months"],
        grace_months=content["grace_months"],
        counting=Counting(**counting, key=key),
        tiers=tuple(
            Tier(one["code"], one["name"], one["threshold"], tuple(one["benefits"]))
            for one in content["tiers"]
        ),
    )


def _patterns(names: Sequence[str]) -> tuple[str, ...]:
    """Names of accounts for LIKE: "campaign:*" -> "campaign:%", and _ stands for itself."""
    return tuple(sorted(name.replace("_", "\\_").replace("*", "%") for name in names))
