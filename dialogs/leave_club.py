"""Leave a club: what is lost is said, agreed to, closed by BOSS, and told.

leave_club ──是──▶ leave_now ──BOSS closes──▶ left, its tag taken away
                                └─ refuses ──▶ a member as before: nobody pays for nothing
"""

from __future__ import annotations

from dialogs import club_words, naming
from dialogs.dialog import Answer, Dialog, Move, Talk
from models import clubs, memberships
from models.clubs import SUSPENDED
from models.memberships import NotAllowed
from models.memberships.terms import active
from sms.replies import Reply


class LeaveClub(Dialog):
    takes = frozenset({"club", "picked"})

    def opened(self, talk: Talk) -> Move:
        found = memberships.all_of(talk.tx, talk.subscriber)
        return club_words.which(talk, found, doing="退会", then=self.picked, go=self._ask)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        return club_words.picked(talk, reply, then=self.picked, go=self._ask)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        code = talk.notes["club"]
        if reply.is_yes and not club_words.is_clear(talk, reply):
            talk.notes.pop("picked")
            return self._ask(talk, code)
        club_words.keep_consent(talk, reply, code, "leave")
        if not reply.is_yes:
            club = clubs.named(talk.tx, code)
            return talk.end("leave.declined", club=club.name, ended_as="declined")
        return talk.end(then=("leave_now", {"club": code}))

    def _ask(self, talk: Talk, code: str) -> Move:
        one = memberships.find(talk.tx, talk.subscriber, code)
        if one is None or one.state != SUSPENDED:
            try:
                one = active(talk.tx, talk.subscriber, code)
            except NotAllowed as why:
                return club_words.refusal(talk, code, why)
        if one.is_premium and one.premium_until is not None:
            return talk.ask(
                "leave.ask_premium", again="leave.ask_premium", then=self.agreed,
                club=one.club.name, until=club_words.day(one.premium_until),
            )  # fmt: skip
        return talk.ask("leave.ask", again="leave.ask", then=self.agreed, club=one.club.name)


class LeaveNow(Dialog):
    requires = frozenset({"club"})
    takes = frozenset({"quiet"})
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        code = talk.notes["club"]
        club = clubs.named(talk.tx, code)
        try:
            must_close = memberships.start_leaving(
                talk.tx, talk.subscriber, code, origin=talk.origin, now=talk.now
            )
        except NotAllowed as why:
            return club_words.refusal(talk, code, why)
        if not must_close:  # it rested, so BOSS has closed it, and its tag is gone
            return talk.end("leave.done", club=club.name)
        if talk.subscriber.msisdn is None:  # without a number BOSS has opened nothing
            return self.boss_closed(talk, Answer("closed"))
        if "quiet" not in talk.notes:
            talk.say("leave.started", club=club.name)
        return talk.call(
            "boss.close_service", msisdn=talk.subscriber.msisdn, service=club.boss_service,
            then=self.boss_closed,
        )  # fmt: skip

    def boss_closed(self, talk: Talk, answer: Answer) -> Move:
        code = talk.notes["club"]
        club, who = clubs.named(talk.tx, code), talk.subscriber
        if answer.state == "closed":
            if not memberships.left(talk.tx, who, code, origin=talk.origin, now=talk.now):
                return talk.end()
            if talk.subscriber.openid is not None:
                talk.also("wechat.untag", tag=code, openid=talk.subscriber.openid)
            return talk.end("leave.done", club=club.name)
        if answer.state == "refused":
            memberships.stayed(talk.tx, who, code, origin=talk.origin, now=talk.now)
            return talk.end("leave.refused", club=club.name, reason=naming.why(answer.reason))
        return talk.end("clubs.late", club=club.name, ended_as="late")
