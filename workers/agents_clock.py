"""Agents by the clock: customers are asked, what nobody answers is given up, commission is moved.

Each holds one customer, or one commission, at a time. All progress stands in the database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialogs import agent_words
from dialogs.engine import NOT_YET, Engine
from menus.menus import Route
from models import subscribers
from models.agents import commission, ordering
from models.agents.ordering import ANSWER_WITHIN
from models.agents.tables import ASKED, LAPSED
from models.base import Tx
from models.store import Store
from workers.parts import Parts

log = structlog.get_logger()

AT_ONCE = 100
# A customer at the counter who is being asked something else.
ASK_AGAIN = timedelta(seconds=20)
# While the budget is empty, it is looked at so often.
PAY_AGAIN = timedelta(minutes=10)


@dataclass(slots=True)
class AgentsClock:
    """Asks customers, and moves what their redemptions earn."""

    store: Store
    engine: Engine
    # What failed: our bug, not looked at again by this process.
    broken: set[tuple[int, int]] = field(default_factory=set)
    pay_after: datetime | None = None
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = Parts("agents", {"ask": self._ask, "pay": self._pay})

    def tick(self, now: datetime) -> None:
        """Do a part of what is due now. Raises nothing: the clock has other things to do."""
        self.parts.tick(now)

    def _ask(self, now: datetime) -> bool:
        most = AT_ONCE + len(self.broken)
        due = self.store.read(lambda tx: ordering.due(tx, now, most))
        for one in due:
            if one in self.broken:
                continue
            try:
                became = self.store.run(partial(self._look_at, one=one, now=now))
            except LookupError as bug:
                log.exception("customer not asked", order=one[1], error=type(bug).__name__)
                self.broken.add(one)
            else:
                log.info("order of an agent looked at", order=one[1], became=became)
        return len(due) >= most

    def _look_at(self, tx: Tx, one: tuple[int, int], now: datetime) -> str | None:
        customer = subscribers.lock_id(tx, one[0])
        order = ordering.hold(tx, one)
        if order is None or order.due_at is None or order.due_at > now:
            return None
        if order.state == ASKED or now - order.began_at > ANSWER_WITHIN:
            ordering.end(tx, order, LAPSED, now)
            agent_words.told(
                tx, self.engine.menus(), order, "agent.lapsed", phone=customer.msisdn, now=now
            )
            return LAPSED
        notes = {"owner": str(one[0]), "order": str(one[1])}
        became = self.engine.ask_first(
            tx, customer, Route("agent_asks", notes), kind=agent_words.KIND,
            origin=f"agent_order:{one[1]}", now=now,
        )  # fmt: skip
        if became == NOT_YET:
            ordering.postpone(tx, order, now + ASK_AGAIN, now)
        else:  # who wants no messages is not asked, and the agent does not learn it
            ordering.asked(tx, order, now)
        return became

    def _pay(self, now: datetime) -> bool:
        if self.pay_after is not None and now < self.pay_after:
            return False
        self.pay_after = None
        due = self.store.read(lambda tx: commission.due(tx, now, AT_ONCE))
        for agent_id, serial in due:
            became = self.store.run(
                partial(commission.settle, agent_id=agent_id, serial=serial, now=now)
            )
            if became == commission.NO_BUDGET:
                log.warning("the budget of agents is empty")
                self.pay_after = now + PAY_AGAIN
                return False
        return len(due) >= AT_ONCE
