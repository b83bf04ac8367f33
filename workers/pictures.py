"""Pictures for the chat: the poster of an invitation, drawn, lent to WeChat and sent."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from dialogs import invite_codes
from dialogs.dialog import Answer
from dialogs.poster import draw
from integrations.errors import UseAnotherWay
from integrations.wechat_api import WeChatApi
from models import subscribers
from models.outbox import Owed
from workers.retries import Desk

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pictures:
    """Draws and sends; errors tell the desk what to do with the row."""

    desk: Desk
    wechat: WeChatApi

    def poster(self, owed: Owed, *, openid: str, number: int) -> Answer:
        """Send somebody their own poster, while WeChat takes it.

        The link in the words that went before leads to the same: nothing is lost without it.
        """
        store, now = self.desk.store, self.desk.now()
        who = store.read(lambda tx: subscribers.find(tx, "wechat", openid))
        if who is None or who.id != owed.subscriber_id or who.status != "active":
            return Answer("gone")
        made = invite_codes.poster(store, self.wechat.create_temporary_qr, number, now)
        if made is None:
            return Answer("gone")
        try:
            self.wechat.send_picture(openid, self.wechat.upload_picture(draw(made)))
        except UseAnotherWay as closed:
            log.info("poster not sent", owed=owed.id, why=str(closed))
            return Answer("closed")
        log.info("poster sent", owed=owed.id)
        return Answer("done")
