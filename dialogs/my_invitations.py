"""My invitations (我的邀请): who came through me, and what I got for it."""

from __future__ import annotations

from dialogs import invitation_news, pages
from dialogs.dialog import Dialog, Move, Talk
from models.invitations import looking

SHOWN = 3  # the page has them all


class MyInvitations(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        summary = looking.summary(talk.tx, talk.subscriber.id)
        if not summary.joined + summary.waiting:
            return talk.end("invitations.none")
        friends = looking.mine(talk.tx, talk.subscriber.id, SHOWN)
        listed = "，".join(invitation_news.friend(each) for each in friends)
        return talk.end(
            "invitations.list", joined=summary.joined, points=summary.points,
            waiting=summary.waiting, friends=listed, page=pages.INVITATIONS,
        )  # fmt: skip
