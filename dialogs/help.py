"""Help: what can be said here, and where the person stands."""

from __future__ import annotations

from dialogs.dialog import Dialog, Move, Talk
from models import clubs


class Help(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        joined = clubs.joined(talk.tx, talk.subscriber)
        if joined:
            talk.say("help.member", clubs="、".join(club.name for club in joined))
        return talk.end("help.general")
