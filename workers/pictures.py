"""Pictures: the poster of an invitation, drawn and sent; one of feedback, fetched and kept."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from dialogs import invite_codes
from dialogs import pictures as drawing
from dialogs.dialog import Answer
from dialogs.poster import draw
from integrations.errors import Final, TryLater, UseAnotherWay
from integrations.wechat_api import WeChatApi
from models import feedback_pictures, subscribers
from models.outbox import Owed
from workers.retries import Desk

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pictures:
    """Draws, sends and fetches; errors tell the desk what to do with the row."""

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

    def fetch(self, owed: Owed, *, feedback: int, no: int, media_id: str, most: int) -> Answer:
        """Fetch a picture of feedback, of at most `most` bytes, and keep it, drawn anew.

        What is none, or is not there any more, is noted as that.
        """
        jpeg = None
        try:
            found = self.wechat.fetch_media(media_id, most=most)
            jpeg = drawing.redrawn(found, most=feedback_pictures.BYTES_MAX)
        except drawing.Busy as busy:
            raise TryLater("too many pictures at once") from busy
        except (Final, drawing.BadPicture) as no_picture:
            log.info("no picture", owed=owed.id, why=type(no_picture).__name__)
        now = self.desk.now()
        self.desk.store.run(lambda tx: feedback_pictures.fetched(tx, feedback, no, jpeg, now))
        return Answer("done")
