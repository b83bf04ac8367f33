"""What agents earn and how fast they may ask: rules/agents.yaml as it was published last.

rules/agents.yaml ──check, publish──▶ agent_rules (version, content) ──▶ Rules
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from models.agents.tables import CITY, COUNTY, LEVELS, PROVINCE, SHOP
from models.base import Tx
from models.rule_versions import RuleVersions

_VERSIONS = RuleVersions("agent_rules")
agent_rules = _VERSIONS.table


@dataclass(frozen=True, slots=True)
class Rate:
    """Of the points a customer pays, in thousandths: for who sells, for who stands above."""

    sells: int
    above: int


@dataclass(frozen=True, slots=True)
class Rules:
    """One version; 0 is what holds before any was published."""

    version: int
    rates: Mapping[str, Rate]  # by level
    payout_least: int  # points; less is carried over to the next month
    fen_per_point: int
    fund_alone_most: int  # points a day that one person may put into the budget
    asks_a_day: int  # questions to customers, by one agent
    asked_a_day: int  # questions to one customer, by all agents
    declined_a_day: int  # after so many 否 an agent asks nobody until tomorrow
    bound_days: int  # for so long an agent asks nobody whose number they have bound themselves
    dormant_days: int  # after so long without an order an agent must be let in again


def live(tx: Tx) -> Rules:
    """The rules that were published last, or as they are delivered."""
    found = _VERSIONS.live(tx)
    return _read(*found) if found else DEFAULT


def content_of(tx: Tx) -> Mapping[str, Any] | None:
    """The live rules as they were published, to compare a file with; or None."""
    return _VERSIONS.content_of(tx)


def publish(tx: Tx, content: Mapping[str, Any], *, author: str, note: str, now: datetime) -> Rules:
    """Make the checked content of rules/agents.yaml live; what is owed already stays as it is."""
    return _read(*_VERSIONS.publish(tx, content, author=author, note=note, now=now))


@lru_cache(maxsize=8)
def _read(version: int, content: str) -> Rules:
    found = json.loads(content)
    rates = {
        level: Rate(found["commission"][level]["sells"], found["commission"][level]["above"])
        for level in LEVELS
    }
    payout, asking = found["payout"], found["asking"]
    return Rules(
        version, rates, payout["least_points"], payout["fen_per_point"],
        found["budget"]["alone_most"], asking["asks_a_day"], asking["asked_a_day"],
        asking["declined_a_day"], asking["bound_days"], asking["dormant_days"],
    )  # fmt: skip


# The same as rules/agents.yaml: a test compares them.
DEFAULT = Rules(
    version=0,
    rates={SHOP: Rate(20, 0), COUNTY: Rate(20, 5), CITY: Rate(20, 3), PROVINCE: Rate(20, 2)},
    payout_least=100,
    fen_per_point=3,
    fund_alone_most=10_000,
    asks_a_day=100,
    asked_a_day=5,
    declined_a_day=8,
    bound_days=2,
    dormant_days=90,
)
