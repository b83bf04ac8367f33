"""Clubs: the list, what one of them is, and joining it; and one's own clubs with what can be done.

list ──number──▶ about ──1──▶ join_club           my clubs ──number──▶ one ──number──▶ services ...
"""

from __future__ import annotations

from dialogs import club_words
from dialogs.dialog import Dialog, Move, Talk
from models import clubs, memberships
from models.clubs import ACTIVE, SUSPENDED
from models.memberships import Membership, NotAllowed
from sms.replies import Reply

JOIN, OTHERS = 1, 2  # the answers to what a club is


class Clubs(Dialog):
    takes = frozenset({"club"})

    def opened(self, talk: Talk) -> Move:
        if "club" in talk.notes:
            return self._about(talk, talk.notes["club"])
        found = clubs.all_open(talk.tx)
        if not found:
            return talk.end("club.unknown")
        mine = {each.club.code for each in memberships.all_of(talk.tx, talk.subscriber)}
        lines = club_words.that_fit(
            f"{each.name}{'（已加入）' if each.code in mine else ''}" for each in found
        )
        talk.notes["listed"] = [each.code for each in found[: len(lines)]]
        return talk.ask(
            "clubs.list", again="clubs.which_again", expects="number", then=self.picked,
            list="\n".join(lines), most=len(lines),
        )  # fmt: skip

    def picked(self, talk: Talk, reply: Reply) -> Move:
        return club_words.picked(talk, reply, then=self.picked, go=self._about)

    def chosen(self, talk: Talk, reply: Reply) -> Move:
        code = talk.notes.get("club", "")
        if reply.number == OTHERS:
            return talk.end(then=(self.name(), {}))
        if reply.number == JOIN or (reply.is_yes and reply.number is None):
            picked = {"picked": reply.number} if reply.number is not None else {}
            return talk.end(then=("join_club", {"club": code, **picked}))
        if reply.is_no:
            return talk.end("clubs.never_mind", ended_as="declined")
        return self._about(talk, code)

    def _about(self, talk: Talk, code: str) -> Move:
        looked = clubs.look(talk.tx, talk.subscriber, code)
        if looked is None:
            return talk.end("club.unknown")
        club, state = looked
        if state == clubs.OPENING or state in clubs.STANDING:
            return talk.end(then=("my_clubs", {"club": code}))
        premium = memberships.live(talk.tx).of(code).premium is not None
        talk.notes["club"] = code
        return talk.ask(
            "clubs.about_premium" if premium else "clubs.about", again="clubs.about_again",
            expects="number", then=self.chosen, club=club.name,
            intro=club_words.clipped(club.intro), price=club_words.price_words(club.price_fen),
        )  # fmt: skip


class MyClubs(Dialog):
    takes = frozenset({"club"})

    def opened(self, talk: Talk) -> Move:
        found = memberships.all_of(talk.tx, talk.subscriber)
        return club_words.which(talk, found, doing="我的俱乐部", then=self.picked, go=self._about)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        return club_words.picked(talk, reply, then=self.picked, go=self._about)

    def chosen(self, talk: Talk, reply: Reply) -> Move:
        offered = talk.notes["offered"]
        if reply.number is None or reply.number == 0:
            return talk.end("clubs.never_mind", ended_as="declined")
        if reply.number > len(offered):
            return self._about(talk, talk.notes["club"])
        then = {"club": talk.notes["club"], "picked": reply.number}
        return talk.end(then=(offered[reply.number - 1], then))

    def _about(self, talk: Talk, code: str) -> Move:
        one = memberships.find(talk.tx, talk.subscriber, code)
        if one is None or one.state in clubs.NO_MEMBER:
            return club_words.refusal(talk, code, NotAllowed("not_member"))
        acts = _acts(talk, one)
        standing = club_words.standing(one)
        if not acts:
            return talk.end("my_clubs.waits", club=one.club.name, standing=standing)
        talk.notes |= {"club": code, "offered": [dialog for dialog, _ in acts]}
        lines = [f"{no} {words}" for no, (_, words) in enumerate(acts, start=1)]
        return talk.ask(
            "my_clubs.one", again="my_clubs.one_again", expects="number", then=self.chosen,
            club=one.club.name, standing=standing, acts="\n".join(lines), most=len(acts),
        )  # fmt: skip


def _acts(talk: Talk, one: Membership) -> list[tuple[str, str]]:
    """The dialogs that make sense now, each with its line of the list."""
    if one.state == SUSPENDED:
        return [("resume_club", "恢复会员"), ("leave_club", "退会")]
    if one.state != ACTIVE:
        return []
    rule = memberships.live(talk.tx).of(one.club.code)
    acts = [("club_services", "会员服务")]
    if rule.premium is not None and not one.is_premium:
        acts.append(("premium", "升级高级会员"))
    if one.ends_on is not None or one.premium_until is not None:
        acts.append(("renew_club", "续费"))
    return [*acts, ("suspend_club", "暂停会员"), ("leave_club", "退会")]
