"""Pictures: the poster of an invitation, drawn and sent; those that people send, fetched, kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from dialogs import invite_codes
from dialogs import pictures as drawing
from dialogs.dialog import Answer
from dialogs.poster import Poster, draw
from integrations.errors import Final, TryLater, UseAnotherWay
from integrations.wechat_api import WeChatApi
from models import feedback_pictures, handover_pictures, sending_policy, subscribers
from models.invitations import codes
from models.outbox import Owed
from workers.retries import Desk

log = structlog.get_logger()

# WeChat keeps what was uploaded for three days (docs: 新增临时素材); an hour for clocks and queues.
MEDIA_KEPT_FOR = timedelta(days=3) - timedelta(hours=1)


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
        window = store.read(lambda tx: sending_policy.in_wechat(tx, openid))
        # This very call counts already, as it is under way.
        if window is None or not replace(window, left=window.left + 1).takes_one(now):
            log.info("poster not sent", owed=owed.id, why="the window is closed, or used up")
            return Answer("closed")
        made = invite_codes.poster(store, self.wechat.create_temporary_qr, number, now)
        if made is None:
            return Answer("gone")
        try:
            self.wechat.send_picture(openid, self._media(made, number, now))
        except UseAnotherWay as closed:
            log.info("poster not sent", owed=owed.id, why=str(closed))
            return Answer("closed")
        log.info("poster sent", owed=owed.id)
        return Answer("done")

    def _media(self, made: Poster, number: int, now: datetime) -> str:
        """What WeChat calls the poster: as long as it keeps it, it is not drawn again."""
        store, shows = self.desk.store, hashlib.sha256(repr(made).encode()).hexdigest()
        known = store.read(lambda tx: codes.poster_media(tx, number, shows, now))
        if known is not None:
            return known
        media, until = self.wechat.upload_picture(draw(made)), now + MEDIA_KEPT_FOR
        store.run(lambda tx: codes.keep_poster(tx, number, shows, media, until=until))
        return media

    def fetch(self, owed: Owed, *, feedback: int, no: int, media_id: str, most: int) -> Answer:
        """Fetch a picture of feedback, of at most `most` bytes, and keep it, drawn anew.

        What is none, or is not there any more, is noted as that.
        """
        jpeg, now = self._redrawn(owed, media_id, most), self.desk.now()
        self.desk.store.run(lambda tx: feedback_pictures.fetched(tx, feedback, no, jpeg, now))
        return Answer("done")

    def fetch_said(
        self, owed: Owed, *, person: int, handover: int, no: int, media_id: str, most: int
    ) -> Answer:
        """The same of what somebody has sent to a person of ours, while the talk is kept."""
        jpeg, now = self._redrawn(owed, media_id, most), self.desk.now()
        kept = self.desk.store.run(
            lambda tx: handover_pictures.fetched(tx, person, handover, no, jpeg, now)
        )
        return Answer("done" if kept else "gone")

    def _redrawn(self, owed: Owed, media_id: str, most: int) -> bytes | None:
        """A picture that WeChat has, drawn anew; None: it is none, or not there any more."""
        try:
            found = self.wechat.fetch_media(media_id, most=most)
            return drawing.redrawn(found, most=feedback_pictures.BYTES_MAX)
        except drawing.Busy as busy:
            raise TryLater("too many pictures at once") from busy
        except (Final, drawing.BadPicture) as no_picture:
            log.info("no picture", owed=owed.id, why=type(no_picture).__name__)
            return None
