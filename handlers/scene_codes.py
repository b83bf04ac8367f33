"""Having WeChat make the code of a scene, and keeping it."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from handlers.asking import Asker, Facts, ask
from integrations.wechat_api import Qr, WeChatApi
from models import scenes
from models.base import Tx

DAYS_LONGEST = 30  # WeChat: a temporary code


class _Parts(Protocol):
    @property
    def wechat(self) -> WeChatApi: ...


class Maker(Asker, Protocol):
    """Whoever has a code made."""

    @property
    def parts(self) -> _Parts: ...


def make(visit: Maker, scene: str, *, days: int = 0) -> Qr:
    """A new code that works for `days`, or for ever. Raises CallFailed, and has kept nothing."""

    def call() -> Qr:
        if not days:
            return visit.parts.wechat.create_permanent_qr(scene)
        lasts = timedelta(days=days)
        return visit.parts.wechat.create_temporary_qr(scene, int(lasts.total_seconds()))

    def keep(tx: Tx, made: Qr) -> Facts:
        number = scenes.keep(
            tx, scene, url=made.url, ticket=made.ticket, made_by=visit.by.login,
            expires_at=made.expires_at, now=visit.now,
        )  # fmt: skip
        return {"code": number}

    return ask(
        visit, call, noun="scenes", subject=f"scene:{scene}", facts={"days": days or None},
        keep=keep,
    )  # fmt: skip
