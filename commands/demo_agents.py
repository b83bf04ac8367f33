"""Sample agents: a province, a city, a county and a shop, with a budget for their commission."""

from __future__ import annotations

from datetime import datetime

from models.agents import budget, register
from models.agents.register import Limits
from models.audit import By
from models.base import Tx

BUDGET = 10_000
AGENTS = (
    ("hunan", "湖南省代理", "province", None, "+8613800000301"),
    ("changsha", "长沙市代理", "city", "hunan", "+8613800000302"),
    ("changsha-xian", "长沙县代理", "county", "changsha", "+8613800000303"),
    ("xingsha", "星沙便利店", "shop", "changsha-xian", "+8613800000304"),
)
BY = By(None, "seed", "command", "", "")


def seed(tx: Tx, now: datetime) -> None:
    """Insert them once."""
    if register.of_code(tx, AGENTS[0][0]) is not None:
        return
    for code, name, level, parent, number in AGENTS:
        register.add(
            tx, code=code, name=name, level=level, parent=parent, number=number, limits=Limits(),
            by=BY, now=now,
        )  # fmt: skip
    budget.fund(tx, BUDGET, key="seed", by=BY, reason="sample", now=now)
