"""A tree of agents for tests: a province, a city, a county, and 韩梅梅's shop."""

from __future__ import annotations

from datetime import datetime

from models.agents import budget, register
from models.agents.register import Agent, Limits
from models.audit import By
from models.store import Store

BY = By(None, "test", "operations", "", "")
SHOP = "+8613800000002"
BUDGET = 1_000
ABOVE = (
    ("hn", "湖南省代理", "province", None, "+8613800000301"),
    ("cs", "长沙市代理", "city", "hn", "+8613800000302"),
    ("cs-xian", "长沙县代理", "county", "cs", "+8613800000303"),
)


def tree(store: Store, now: datetime, *, number: str = SHOP, limits: Limits | None = None) -> Agent:
    """Register all four and fill the budget; returns the shop."""
    with store.begin() as tx:
        for code, name, level, parent, each in ABOVE:
            register.add(
                tx, code=code, name=name, level=level, parent=parent, number=each,
                limits=Limits(), by=BY, now=now,
            )  # fmt: skip
        budget.fund(tx, BUDGET, key="test", by=BY, reason="test", now=now)
        return register.add(
            tx, code="xingsha", name="星沙便利店", level="shop", parent="cs-xian", number=number,
            limits=limits or Limits(), by=BY, now=now,
        )  # fmt: skip
