"""What every door does with an Inbound: hear it once, apologise for a failure, nudge workers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from dialogs.delivery import Reply
from dialogs.engine import Engine
from dialogs.inbound import Channel, Inbound
from integrations.live_numbers import LiveNumbers
from models import outbox, ways
from models.store import Store, Unavailable

log = structlog.get_logger()

Nudge = Callable[[Iterable[str]], None]


@dataclass(frozen=True, slots=True)
class Answering:
    """Takes messages from the doors to the engine. `busy` in the reply means: not taken."""

    store: Store
    engine: Engine
    nudge: Nudge
    now: Callable[[], datetime]
    numbers: LiveNumbers

    def answer(self, inbound: Inbound) -> Reply:
        """What to answer at once. Raises Unavailable while the database cannot be reached."""
        now = self.now()
        if self.engine.changes_nothing(inbound):
            seen = self._glance(inbound, now)
            if seen is not None:
                return seen
        try:
            reply = self.store.run(lambda tx: self.engine.hear(tx, inbound, now))
        except Unavailable:
            raise
        except Exception as failed:  # our bug: the step is rolled back, the person is told
            reference = secrets.token_hex(4)
            self.numbers.count("error:step")
            log.exception(
                "step failed", reference=reference, key=inbound.key, kind=inbound.kind,
                error=type(failed).__name__,
            )  # fmt: skip
            reply = self.store.run(lambda tx: self.engine.apologise(tx, inbound, reference, now))
        self.nudge(reply.queues)
        return reply

    def receipt(self, inbound: Inbound) -> None:
        """Note what WeChat says became of a template message; one that failed goes by SMS."""
        number, _, status = inbound.value.partition(" ")
        gone = self.store.alone(
            lambda tx: ways.template_receipt(tx, number, success=status == "success", status=status)
        )
        log.info("template receipt", got=status[:64], known=gone)
        self.nudge((outbox.BULK,))

    def busy(self, channel: Channel) -> str:
        """What to say while the database cannot be reached."""
        self.numbers.count("error:busy")
        return self.engine.menus().text("common.busy", channel=channel)

    def _glance(self, inbound: Inbound, now: datetime) -> Reply | None:
        try:
            return self.store.read(lambda tx: self.engine.glance(tx, inbound, now))
        except Unavailable:
            raise
        except Exception as failed:  # the long way will apologise
            log.exception("glance failed", key=inbound.key, error=type(failed).__name__)
            return None
