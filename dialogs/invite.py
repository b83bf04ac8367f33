"""Invite a friend (邀请): a poster and a link to pass on, or a number that we ask by SMS.

YQ                 one's own code, for the club or for one of them
YQ 13800001234     the number is asked, once the member has said 是
YQ 123456789       a friend's code, sent by whoever got it: dialogs/invited.py
"""

from __future__ import annotations

from dialogs import pages
from dialogs.dialog import Dialog, Move, Talk
from models import clubs
from models.clubs import Club
from models.invitations import asking, codes, looking
from models.invitations import limits as limited
from models.invitations.asking import NotAsked
from models.invitations.codes import NotAMember
from models.invitations.tables import NUMBER_LEAST, NUMBER_MOST, ONESELF, POSTER_DAY, SMS_DAY
from sms.numbers import NotANumber, masked, msisdn
from sms.replies import Reply

# So many clubs fit into two SMS segments, or on a screen.
SHOWN = {"sms": 6, "wechat": 8}


class Invite(Dialog):
    takes = frozenset({"friend"})

    def opened(self, talk: Talk) -> Move:
        given = talk.notes.get("friend")
        if given is not None and NUMBER_LEAST <= int(given) <= NUMBER_MOST:
            return talk.end(then=("invited", {"number": given}))
        if talk.subscriber.msisdn is None:
            talk.say("invite.bind_first")
            return talk.end(then=("bind_phone", {"then": self.name(), **talk.notes}))
        if given is not None:
            try:
                talk.notes["friend"] = _number(talk, given)
            except NotANumber:
                return talk.end("invite.bad_number", ended_as="failed")
            if talk.notes["friend"] == talk.subscriber.msisdn:
                return talk.end("invite.oneself", ended_as="failed")
        return self._choose(talk)

    def chosen(self, talk: Talk, reply: Reply) -> Move:
        offered = talk.notes["clubs"]
        if reply.number is None:
            return talk.end("invite.declined", ended_as="declined")
        if not 1 <= reply.number <= len(offered):
            return self._choose(talk)
        return self._go(talk, clubs.named(talk.tx, offered[reply.number - 1]))

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        number = talk.notes.pop("friend")  # somebody else's: not kept with what has ended
        if not reply.is_yes:
            return talk.end("invite.declined", ended_as="declined")
        try:
            code = codes.of(talk.tx, talk.subscriber, talk.notes["club"], talk.now)
            asking.want(talk.tx, code, number, limits=talk.rules.inviting, now=talk.now)
        except NotAMember:
            return talk.end("invite.no_club", ended_as="failed")
        except NotAsked as no:
            if no.why == ONESELF:
                return talk.end("invite.oneself", ended_as="failed")
            if no.why == SMS_DAY:
                return talk.end("invite.sms_limit", most=no.most, ended_as="failed")
            return talk.end("invite.limit", most=no.most, ended_as="failed")
        return talk.end("invite.sent", phone=masked(number), club=code.club.name)

    def _choose(self, talk: Talk) -> Move:
        """To which club, where there is a choice."""
        mine = clubs.joined(talk.tx, talk.subscriber)[: SHOWN[talk.channel]]
        if not mine:
            return talk.end("invite.no_club", ended_as="failed")
        if len(mine) == 1:
            return self._go(talk, mine[0])
        talk.notes["clubs"] = [club.code for club in mine]
        listed = "；".join(f"{no} {club.name}" for no, club in enumerate(mine, start=1))
        return talk.ask(
            "invite.choose", expects="number", again="invite.choose_again", clubs=listed,
            then=self.chosen,
        )  # fmt: skip

    def _go(self, talk: Talk, club: Club) -> Move:
        return self._ask(talk, club) if "friend" in talk.notes else self._hand_out(talk, club)

    def _ask(self, talk: Talk, club: Club) -> Move:
        """An SMS cannot be called back: what it will say is shown before it goes."""
        talk.notes["club"] = club.code
        mine = talk.subscriber.msisdn or ""
        return talk.ask(
            "invite.agree", again="invite.agree_again", phone=masked(talk.notes["friend"]),
            club=club.name, me=masked(mine), then=self.agreed,
        )  # fmt: skip

    def _hand_out(self, talk: Talk, club: Club) -> Move:
        try:
            code = codes.of(talk.tx, talk.subscriber, club.code, talk.now)
        except NotAMember:  # left since the list was shown
            return talk.end("invite.no_club", ended_as="failed")
        share = f"{talk.rules.public_url}{pages.invitation(code.number)}"
        points, _ = looking.promised(talk.tx, talk.now)
        if talk.channel == "wechat":
            limits = talk.rules.inviting
            if not limited.take(talk.tx, talk.subscriber.id, POSTER_DAY, limits, talk.now):
                return talk.end("invite.code_again", club=club.name, share=share)
            talk.also("wechat.poster", openid=talk.subscriber.openid, number=code.number)
        if points:
            return talk.end("invite.code_points", club=club.name, share=share, points=points)
        return talk.end("invite.code", club=club.name, share=share)


def _number(talk: Talk, given: str) -> str:
    """E.164, of a country whose numbers we send SMS to. Raises NotANumber."""
    number = given if given.startswith("+") else msisdn(given)
    if not number.startswith(tuple(talk.rules.binding.countries)):
        raise NotANumber("not of our countries")
    return number
