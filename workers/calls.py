"""Make the calls that dialogs owe, and take the answers back to them.

Every service here takes the row's id as its idempotency key, or can be repeated harmlessly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from dialogs.dialog import Answer
from dialogs.engine import Engine
from integrations.boss import Boss, Order
from integrations.errors import Final
from integrations.wechat_api import WeChatApi
from models import outbox
from models.outbox import Owed
from workers.pictures import Pictures
from workers.retries import Desk

log = structlog.get_logger()

# The answer, or None: it was accepted and the answer comes later.
Service = Callable[[Owed, Mapping[str, Any]], Answer | None]


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls the service that a row names. Errors tell the desk what to do with the row."""

    desk: Desk
    engine: Engine
    boss: Boss
    wechat: WeChatApi
    picture_bytes: int = 10_240 * 1024
    services: Mapping[str, Service] = field(init=False)

    def __post_init__(self) -> None:
        services = {
            "boss.open_service": self._open_service,
            "boss.close_service": self._close_service,
            "wechat.tag": self._tag,
            "wechat.untag": self._untag,
            "wechat.poster": self._poster,
            "wechat.picture": self._picture,
            "wechat.picture_said": self._picture_said,
        }
        object.__setattr__(self, "services", services)

    def call(self, owed: Owed) -> None:
        """Make the call; store its answer, or when to ask again."""
        store, now = self.desk.store, self.desk.now()
        service = self.services[owed.payload["service"]]
        breaker = self.desk.breaker(outbox.way(owed))
        breaker.ask()
        if not self.desk.submitting(owed):
            return
        with breaker.watch():
            answer = service(owed, owed.payload["arguments"])
        self.desk.count("call")
        if answer is None:
            # Asked about less and less often, while the answer may still come by itself.
            age = now - owed.created_at
            again = now + max(self.desk.patience.ask_again, age / 4)
            store.alone(lambda tx: outbox.accepted(tx, owed, ask_again_at=again, now=now))
            return
        store.run(lambda tx: self.engine.resume(tx, owed.id, answer, now))
        self.desk.nudges((outbox.REPLY, outbox.CALL))

    def _open_service(self, owed: Owed, given: Mapping[str, Any]) -> Answer | None:
        request_id = str(owed.id)
        order = Order(request_id, "unknown")
        if owed.submitted_at is not None:  # it may have arrived already: ask before asking again
            order = self.boss.query_order(request_id)
        if order.state == "unknown":
            order = self.boss.open_service(
                request_id=request_id, msisdn=given["msisdn"], service=given["service"]
            )
        log.info("boss called", owed=owed.id, state=order.state)
        if order.state in ("opened", "refused"):
            return Answer(order.state, order.reason)
        return None

    def _close_service(self, owed: Owed, given: Mapping[str, Any]) -> Answer | None:
        request_id = str(owed.id)
        order = Order(request_id, "unknown")
        if owed.submitted_at is not None:
            order = self.boss.query_order(request_id)
        if order.state == "unknown":
            order = self.boss.close_service(
                request_id=request_id, msisdn=given["msisdn"], service=given["service"]
            )
        log.info("boss called", owed=owed.id, state=order.state)
        if order.state == "refused" and owed.conversation_id is not None:
            return Answer(order.state, order.reason)  # the person hears it, and stays a member
        if order.state == "refused":  # somebody would go on paying: an operator must see it
            raise Final(f"BOSS refuses to close the service: {order.reason}")
        return Answer(order.state) if order.state == "closed" else None

    def _tag(self, owed: Owed, given: Mapping[str, Any]) -> Answer:
        self.wechat.tag(self._tag_id(given["tag"]), [given["openid"]])
        return Answer("done")

    def _untag(self, owed: Owed, given: Mapping[str, Any]) -> Answer:
        self.wechat.untag(self._tag_id(given["tag"]), [given["openid"]])
        return Answer("done")

    def _poster(self, owed: Owed, given: Mapping[str, Any]) -> Answer:
        pictures = Pictures(self.desk, self.wechat)
        return pictures.poster(owed, openid=given["openid"], number=given["number"])

    def _picture(self, owed: Owed, given: Mapping[str, Any]) -> Answer:
        pictures = Pictures(self.desk, self.wechat)
        return pictures.fetch(
            owed, feedback=int(given["feedback"]), no=int(given["no"]), media_id=given["media_id"],
            most=self.picture_bytes,
        )  # fmt: skip

    def _picture_said(self, owed: Owed, given: Mapping[str, Any]) -> Answer:
        pictures = Pictures(self.desk, self.wechat)
        return pictures.fetch_said(
            owed, person=int(given["person"]), handover=int(given["handover"]),
            no=int(given["no"]), media_id=given["media_id"], most=self.picture_bytes,
        )  # fmt: skip

    def _tag_id(self, name: str) -> int:
        known = self.wechat.tags()
        return known[name] if name in known else self.wechat.create_tag(name)
