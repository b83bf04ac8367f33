"""Follow and unfollow: a word of welcome, and what the platform wants forgotten."""

from __future__ import annotations

from dialogs.dialog import Dialog, Move, Talk
from models import page_links, subscribers


class Follow(Dialog):
    """Somebody follows the official account."""

    by_menu = False

    def opened(self, talk: Talk) -> Move:
        return talk.end("follow.welcome" if talk.subscriber.msisdn is None else "follow.back")


class Unfollow(Dialog):
    """Somebody unfollows: what came from WeChat goes, the account stays by number."""

    by_menu = False

    def opened(self, talk: Talk) -> Move:
        subscribers.forget_wechat(talk.tx, talk.subscriber)
        page_links.close_sessions_of(talk.tx, talk.subscriber.id)
        return talk.end()
