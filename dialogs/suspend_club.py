"""Let a membership rest, and take it up again: asked, agreed to, done by BOSS, told.

suspend_club ──是──▶ suspend_now ──BOSS closes──▶ told         resume_club ──是──▶ resume_now ...

What pages have asked themselves begins at suspend_now and resume_now (dialogs/club_acts.py).
"""

from __future__ import annotations

from dialogs import club_words, naming, pages
from dialogs.dialog import Answer, Dialog, Move, Talk
from models import clubs, memberships
from models.clubs import ACTIVE, SUSPENDED
from models.memberships import NotAllowed
from models.memberships.pausing import check_suspending
from sms.replies import Reply


class SuspendClub(Dialog):
    takes = frozenset({"club", "picked"})

    def opened(self, talk: Talk) -> Move:
        mine = memberships.all_of(talk.tx, talk.subscriber)
        found = [one for one in mine if one.state == ACTIVE] or mine
        return club_words.which(talk, found, doing="暂停会员", then=self.picked, go=self._ask)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        return club_words.picked(talk, reply, then=self.picked, go=self._ask)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        code = talk.notes["club"]
        if reply.is_yes and not club_words.is_clear(talk, reply):
            talk.notes.pop("picked")
            return self._ask(talk, code)
        club_words.keep_consent(talk, reply, code, "suspend")
        if not reply.is_yes:
            return talk.end("suspend.declined", ended_as="declined")
        return talk.end(then=("suspend_now", {"club": code}))

    def _ask(self, talk: Talk, code: str) -> Move:
        try:
            one = check_suspending(talk.tx, talk.subscriber, code, talk.now)
        except NotAllowed as why:
            return club_words.refusal(talk, code, why)
        return talk.ask(
            "suspend.ask", again="suspend.ask", then=self.agreed, club=one.club.name,
            months=memberships.live(talk.tx).suspend_months,
        )  # fmt: skip


class SuspendNow(Dialog):
    requires = frozenset({"club"})
    takes = frozenset({"quiet"})
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        code = talk.notes["club"]
        club = clubs.named(talk.tx, code)
        if talk.subscriber.msisdn is None:
            talk.say("club.bind_first", club=club.name)
            return talk.end(then=("bind_phone", {"then": "suspend_club", "club": code}))
        try:
            memberships.start_suspending(
                talk.tx, talk.subscriber, code, origin=talk.origin, now=talk.now
            )
        except NotAllowed as why:
            return club_words.refusal(talk, code, why)
        if "quiet" not in talk.notes:
            talk.say("suspend.started", club=club.name)
        return talk.call(
            "boss.close_service", msisdn=talk.subscriber.msisdn, service=club.boss_service,
            then=self.boss_closed,
        )  # fmt: skip

    def boss_closed(self, talk: Talk, answer: Answer) -> Move:
        code = talk.notes["club"]
        club, who = clubs.named(talk.tx, code), talk.subscriber
        if answer.state == "closed":
            last = memberships.suspended(talk.tx, who, code, origin=talk.origin, now=talk.now)
            if last is None:
                return talk.end()
            if talk.subscriber.openid is not None:  # the club's menu would promise what rests
                talk.also("wechat.untag", tag=code, openid=talk.subscriber.openid)
            return talk.end("suspend.done", club=club.name, until=club_words.day(last))
        if answer.state == "refused":
            memberships.not_suspended(talk.tx, who, code, origin=talk.origin, now=talk.now)
            return talk.end("suspend.refused", club=club.name, reason=naming.why(answer.reason))
        return talk.end("clubs.late", club=club.name, ended_as="late")


class ResumeClub(Dialog):
    takes = frozenset({"club", "picked"})

    def opened(self, talk: Talk) -> Move:
        mine = memberships.all_of(talk.tx, talk.subscriber)
        found = [one for one in mine if one.state == SUSPENDED] or mine
        return club_words.which(talk, found, doing="恢复会员", then=self.picked, go=self._ask)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        return club_words.picked(talk, reply, then=self.picked, go=self._ask)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        code = talk.notes["club"]
        club = clubs.named(talk.tx, code)
        clear = club_words.is_clear(talk, reply) and talk.notes.get("fen") == club.price_fen
        if reply.is_yes and not clear:  # another fee than was asked for, or the digit before it
            talk.notes.pop("picked", None)
            return self._ask(talk, code)
        club_words.keep_consent(talk, reply, code, "resume")
        if not reply.is_yes:
            return talk.end("resume.declined", club=club.name, ended_as="declined")
        return talk.end(then=("resume_now", {"club": code}))

    def _ask(self, talk: Talk, code: str) -> Move:
        one = memberships.find(talk.tx, talk.subscriber, code)
        if one is None or one.state != SUSPENDED:
            why = "not_resting" if one is not None and one.state == ACTIVE else "not_member"
            if one is not None and one.state in clubs.STANDING and one.state != ACTIVE:
                why = "busy"
            return club_words.refusal(talk, code, NotAllowed(why))
        talk.notes["fen"] = one.club.price_fen
        return talk.ask(
            "resume.ask", again="resume.ask", then=self.agreed, club=one.club.name,
            price=club_words.price_words(one.club.price_fen),
        )  # fmt: skip


class ResumeNow(Dialog):
    requires = frozenset({"club"})
    takes = frozenset({"quiet"})
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        code = talk.notes["club"]
        club = clubs.named(talk.tx, code)
        if talk.subscriber.msisdn is None:
            talk.say("club.bind_first", club=club.name)
            return talk.end(then=("bind_phone", {"then": "resume_club", "club": code}))
        try:
            memberships.start_resuming(
                talk.tx, talk.subscriber, code, origin=talk.origin, now=talk.now
            )
        except NotAllowed as why:
            return club_words.refusal(talk, code, why)
        if "quiet" not in talk.notes:
            talk.say("resume.started", club=club.name)
        return talk.call(
            "boss.open_service", msisdn=talk.subscriber.msisdn, service=club.boss_service,
            then=self.boss_opened,
        )  # fmt: skip

    def boss_opened(self, talk: Talk, answer: Answer) -> Move:
        code = talk.notes["club"]
        club, who = clubs.named(talk.tx, code), talk.subscriber
        if answer.state == "opened":
            one = memberships.resumed(talk.tx, who, code, origin=talk.origin, now=talk.now)
            if one is None:
                return talk.end()
            if talk.subscriber.openid is not None:
                talk.also("wechat.tag", tag=code, openid=talk.subscriber.openid)
            return talk.end(
                "resume.done", club=club.name, standing=club_words.standing(one),
                page=pages.club(code),
            )  # fmt: skip
        if answer.state == "refused":
            memberships.not_resumed(talk.tx, who, code, origin=talk.origin, now=talk.now)
            return talk.end("resume.refused", club=club.name, reason=naming.why(answer.reason))
        return talk.end("clubs.late", club=club.name, ended_as="late")
