"""The far ends, in memory: what a gateway, WeChat and BOSS would do, at once and without a wire.

For tests of thousands of messages; the emulators speak the real protocols.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from random import Random
from typing import Any

from PIL import Image

from app import Circle
from integrations.boss import Order
from integrations.wechat_api import Qr
from sms.gateways import Outgoing, Sent
from sms.segments import count


@dataclass
class MemoryGateway:
    """Takes every SMS; `arrived` has the texts of each number."""

    name: str = "twilio"
    arrived: dict[str, list[str]] = field(default_factory=dict)
    taken: int = 0

    def send(self, message: Outgoing) -> Sent:
        self.taken += 1
        self.arrived.setdefault(message.to, []).append(message.text)
        return Sent(f"SM{self.taken:032x}", "delivered", count(message.text))

    def find(
        self, message: Outgoing, since: datetime, *, taken: Collection[str] = ()
    ) -> Sent | None:
        return None


@dataclass
class MemoryWeChat:
    """Takes every message, picture and tag that workers send; what they do not call, it has not."""

    arrived: dict[str, list[str]] = field(default_factory=dict)
    known_tags: dict[str, int] = field(default_factory=dict)

    def send_text(self, openid: str, text: str, *more: Any) -> None:
        self.arrived.setdefault(openid, []).append(text)

    def tags(self) -> dict[str, int]:
        return self.known_tags

    def create_tag(self, name: str) -> int:
        return self.known_tags.setdefault(name, 100 + len(self.known_tags))

    def tag(self, tag_id: int, openids: Sequence[str]) -> None:
        """Nothing to remember."""

    def untag(self, tag_id: int, openids: Sequence[str]) -> None:
        """Nothing to remember."""

    def send_menu_question(
        self, openid: str, head: str, options: Sequence[tuple[str, str]], tail: str
    ) -> None:
        self.send_text(openid, "\n".join([head, *(words for _, words in options), tail]))

    def send_template(self, openid: str, *more: Any) -> str:
        self.send_text(openid, "template")
        return f"template-{len(self.arrived)}"

    def create_temporary_qr(self, scene: str, expires_in_s: int) -> Qr:
        return Qr(f"ticket-{scene}", f"http://weixin.qq.com/q/{scene}")

    def upload_picture(self, picture: bytes) -> str:
        return f"media-{len(picture)}"

    def send_picture(self, openid: str, media_id: str) -> None:
        self.send_text(openid, media_id)

    def fetch_media(self, media_id: str, *, most: int) -> bytes:
        file = BytesIO()
        Image.new("RGB", (8, 8), "white").save(file, "PNG")
        return file.getvalue()


@dataclass
class MemoryBoss:
    """Opens, refuses, or takes its time, as the dice fall; `waiting` says what it owes us."""

    dice: Random
    orders: dict[str, str] = field(default_factory=dict)

    def open_service(self, *, request_id: str, msisdn: str, service: str) -> Order:
        state = self.dice.choices(("accepted", "opened", "refused"), (5, 4, 1))[0]
        return self._order(request_id, self.orders.setdefault(request_id, state))

    def close_service(self, *, request_id: str, msisdn: str, service: str) -> Order:
        return self._order(request_id, self.orders.setdefault(request_id, "closed"))

    def query_order(self, request_id: str) -> Order:
        return self._order(request_id, self.orders.get(request_id, "unknown"))

    def waiting(self) -> list[str]:
        return [number for number, state in self.orders.items() if state == "accepted"]

    def _order(self, request_id: str, state: str) -> Order:
        return Order(request_id, state, "余额不足" if state == "refused" else "")


@dataclass(frozen=True)
class FarEnds:
    gateway: MemoryGateway
    wechat: MemoryWeChat
    boss: MemoryBoss


def put_in_place(circle: Circle, dice: Random) -> FarEnds:
    """Let the parts of the circle, before any is built, talk to these."""
    made = FarEnds(MemoryGateway(), MemoryWeChat(), MemoryBoss(dice))
    circle.__dict__.update(gateway=made.gateway, wechat=made.wechat, boss=made.boss)
    return made
