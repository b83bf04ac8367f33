"""Give the link of a page: a club's, or one's own account."""

from __future__ import annotations

from dialogs import pages
from dialogs.dialog import Dialog, Move, Talk
from models import clubs


class ClubPage(Dialog):
    requires = frozenset({"club"})
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        club = clubs.find(talk.tx, talk.notes["club"])
        if club is None:
            return talk.end("club.unknown")
        return talk.end("club.page", club=club.name, page=pages.club(club.code))


class AccountPage(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        return talk.end("account.page", page=pages.ACCOUNT)
