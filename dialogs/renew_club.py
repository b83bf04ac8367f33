"""Renew: another term of a membership, or of premium, before it ends or within its grace."""

from __future__ import annotations

from dialogs import club_words
from dialogs.dialog import Dialog, Move, Talk
from models import memberships, points
from models.memberships import ORDINARY, PREMIUM, Membership, NotAllowed, Quote
from sms.replies import Reply

# Why nothing can be renewed, the most helpful reason last.
_REASONS = ("not_member", "no_premium", "not_for_sale", "no_end", "busy", "opening", "resting",
            "too_early")  # fmt: skip


class RenewClub(Dialog):
    takes = frozenset({"club", "picked"})

    def opened(self, talk: Talk) -> Move:
        mine = memberships.all_of(talk.tx, talk.subscriber)
        if "club" in talk.notes:
            mine = [one for one in mine if one.club.code == talk.notes["club"]]
        if not mine:
            return talk.end("clubs.none_yet")
        found = [
            (one, quote)
            for one in mine
            for level in (ORDINARY, PREMIUM)
            if (quote := _quoted(talk, one, level)) is not None
        ]
        if not found:
            return self._nothing(talk, mine)
        if len(found) == 1:
            return self._ask(talk, *found[0])
        lines = club_words.that_fit(_line(*each) for each in found)
        talk.notes["listed"] = [
            [one.club.code, quote.level] for one, quote in found[: len(lines)]
        ]  # fmt: skip
        return talk.ask(
            "renew.list", again="clubs.which_again", expects="number", then=self.picked,
            list="\n".join(lines), most=len(lines),
        )  # fmt: skip

    def picked(self, talk: Talk, reply: Reply) -> Move:
        listed = talk.notes["listed"]
        if reply.number is None or reply.number == 0:
            return talk.end("clubs.never_mind", ended_as="declined")
        if reply.number > len(listed):
            return self.opened(talk)
        code, level = listed[reply.number - 1]
        talk.notes["picked"] = reply.number
        return self._again(talk, code, level)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        code, agreed = talk.notes["code"], talk.notes["agreed"]
        if not reply.is_yes:
            return talk.end("renew.declined", ended_as="declined")
        if not club_words.is_clear(talk, reply):
            talk.notes.pop("picked")
            return self._again(talk, code, agreed.partition(":")[0])
        try:
            paid = memberships.pay(
                talk.tx, talk.subscriber, code, agreed=agreed, channel=talk.channel,
                origin=talk.origin, now=talk.now,
            )  # fmt: skip
        except NotAllowed as why:
            if why.why == "changed":
                return self._again(talk, code, agreed.partition(":")[0])
            return club_words.refusal(talk, code, why)
        club_words.keep_consent(talk, reply, code, "renew")
        one = memberships.find(talk.tx, talk.subscriber, code)
        return talk.end(
            "renew.done", club=one.club.name if one else "", level=_called(paid),
            until=club_words.day(paid.until), price=_price(paid),
        )  # fmt: skip

    def _again(self, talk: Talk, code: str, level: str) -> Move:
        """Ask for what was chosen, by how it stands now."""
        one = memberships.find(talk.tx, talk.subscriber, code)
        if one is None:
            return club_words.refusal(talk, code, NotAllowed("not_member"))
        try:
            quote = memberships.quote(talk.tx, talk.subscriber, code, level, talk.now)
        except NotAllowed as why:
            return club_words.refusal(talk, code, why)
        return self._ask(talk, one, quote)

    def _ask(self, talk: Talk, one: Membership, quote: Quote) -> Move:
        talk.notes |= {"code": one.club.code, "agreed": quote.agreed}
        club, level, until = one.club.name, _called(quote), club_words.day(quote.until)
        if not quote.price:
            return talk.ask(
                "renew.ask_free", again="renew.ask_free", then=self.agreed, club=club, level=level,
                until=until,
            )  # fmt: skip
        have = points.balance(talk.tx, talk.subscriber, now=talk.now, expiring_days=1).usable
        if have < quote.price:
            return club_words.refusal(
                talk, one.club.code, NotAllowed("points", have=have, price=quote.price)
            )
        return talk.ask(
            "renew.ask", again="renew.ask", then=self.agreed, club=club, level=level, until=until,
            price=quote.price, have=have,
        )  # fmt: skip

    def _nothing(self, talk: Talk, mine: list[Membership]) -> Move:
        """Say why, of the one for which there is most to say."""
        best: tuple[int, Membership, NotAllowed] | None = None
        for one in mine:
            for level in (ORDINARY, PREMIUM):
                try:
                    memberships.quote(talk.tx, talk.subscriber, one.club.code, level, talk.now)
                except NotAllowed as why:
                    rank = _REASONS.index(why.why)
                    if best is None or rank > best[0]:
                        best = (rank, one, why)
        if best is None:
            return talk.end("clubs.none_yet")
        return club_words.refusal(talk, best[1].club.code, best[2])


def _quoted(talk: Talk, one: Membership, level: str) -> Quote | None:
    if level == PREMIUM and not one.is_premium:
        return None  # that is becoming it: dialog premium
    try:
        return memberships.quote(talk.tx, talk.subscriber, one.club.code, level, talk.now)
    except NotAllowed:
        return None


def _called(quote: Quote) -> str:
    return "高级会员" if quote.level == PREMIUM else "会籍"


def _price(quote: Quote) -> str:
    return f"{quote.price}积分" if quote.price else "免费"


def _line(one: Membership, quote: Quote) -> str:
    return f"{one.club.name}{_called(quote)}，{_price(quote)}"
