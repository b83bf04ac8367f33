"""Messages and calls that are owed to somebody, without a dialog that owes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from models import outbox
from tests.conftest import World

WANG = "+8613800000003"  # known by number alone
LI = "+8613800000001"  # has WeChat too, openid o_lilei


@dataclass
class Owing:
    """Owes rows, and says what became of them."""

    world: World

    def who(self, msisdn: str) -> int:
        ((found,),) = self.world.rows(
            "SELECT subscriber_id FROM subscriber_addresses WHERE address = %s", msisdn
        )
        return int(found)

    def sms(self, text: str = "您好", to: str = WANG, **more: Any) -> int:
        """An SMS to somebody who is known."""
        payload = {"to": to, "text": text, **more.pop("payload", {})}
        return self.row(self.who(more.pop("owner", to)), "sms", payload, **more)

    def wechat(self, text: str = "您好", *, by_sms: bool = True, openid: str = "o_lilei") -> int:
        """A customer-service message to 李雷, which may go by SMS instead."""
        payload: dict[str, Any] = {"openid": openid, "text": text}
        if by_sms:
            payload["sms"] = {"to": LI, "text": text, "page": None}
        return self.row(self.who(LI), "wechat", payload)

    def call(self, service: str, /, **arguments: str) -> int:
        payload = {"service": service, "arguments": arguments}
        return self.row(self.who(LI), "call", payload, queue="call")

    def row(self, who: int, kind: str, payload: dict[str, Any], **more: Any) -> int:
        now = self.world.clock()
        return self.world.circle.store.run(
            lambda tx: outbox.owe(
                tx, subscriber_id=who, kind=kind, payload=payload, now=now, **more
            )
        )

    def get(self, owed_id: int) -> outbox.Owed:
        found = self.world.circle.store.read(lambda tx: outbox.get(tx, owed_id))
        assert found is not None
        return found

    def due_in_s(self, owed_id: int) -> float:
        """How long a row still waits."""
        ((due_at,),) = self.world.rows("SELECT due_at FROM outbox WHERE id = %s", owed_id)
        return float((due_at - self.world.clock()).total_seconds())

    def wire(self, what: str) -> list[dict[str, Any]]:
        """The requests of this kind that reached the outside."""
        return [one for one in self.world.control("GET", "/wire") if what in one["what"]]


@pytest.fixture
def owing(world: World) -> Owing:
    return Owing(world)
