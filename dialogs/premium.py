"""Premium: how far somebody is, reached by what they did, or paid for in points."""

from __future__ import annotations

from dialogs import club_words, pages
from dialogs.dialog import Dialog, Move, Talk
from models import memberships, points
from models.memberships import PREMIUM, Membership, NotAllowed, Quote
from models.memberships.terms import active
from sms.replies import Reply


class Premium(Dialog):
    takes = frozenset({"club", "picked"})

    def opened(self, talk: Talk) -> Move:
        rules = memberships.live(talk.tx)
        found = [
            one
            for one in memberships.all_of(talk.tx, talk.subscriber)
            if rules.of(one.club.code).premium is not None
        ]
        return club_words.which(talk, found, doing="高级会员", then=self.picked, go=self._show)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        return club_words.picked(talk, reply, then=self.picked, go=self._show)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        code = talk.notes["club"]
        if not reply.is_yes:
            return talk.end("premium.declined", ended_as="declined")
        if not club_words.is_clear(talk, reply):
            talk.notes.pop("picked")
            return self._show(talk, code)
        try:
            paid = memberships.pay(
                talk.tx, talk.subscriber, code, agreed=talk.notes["agreed"], channel=talk.channel,
                origin=talk.origin, now=talk.now,
            )  # fmt: skip
        except NotAllowed as why:
            if why.why == "changed":
                return self._show(talk, code)
            return club_words.refusal(talk, code, why)
        club_words.keep_consent(talk, reply, code, "premium")
        one = active(talk.tx, talk.subscriber, code)
        return talk.end(
            "premium.done", club=one.club.name, until=club_words.day(paid.until),
            price=paid.price, page=pages.club(code),
        )  # fmt: skip

    def _show(self, talk: Talk, code: str) -> Move:
        rules = memberships.live(talk.tx)
        rule = rules.of(code)
        try:
            one = active(talk.tx, talk.subscriber, code)
            if rule.premium is None:
                raise NotAllowed("no_premium")
        except NotAllowed as why:
            return club_words.refusal(talk, code, why)
        if one.is_premium:
            return self._already(talk, one)
        done = memberships.progress(talk.tx, talk.subscriber, code, rule, talk.now)
        if done.reached:
            until = memberships.reach_premium(
                talk.tx, talk.subscriber, one, rules, origin=talk.origin, now=talk.now
            )
            return talk.end(
                "premium.reached", club=one.club.name, until=club_words.day(until),
                page=pages.club(code),
            )  # fmt: skip
        try:
            quote = memberships.quote(talk.tx, talk.subscriber, code, PREMIUM, talk.now)
        except NotAllowed:  # by what one does alone
            return talk.end(
                "premium.progress", club=one.club.name, progress=club_words.progress(done),
                benefits=_benefits(rule.benefits),
            )  # fmt: skip
        return self._offer(talk, one, quote, club_words.progress(done), _benefits(rule.benefits))

    def _offer(
        self, talk: Talk, one: Membership, quote: Quote, progress: str, benefits: str
    ) -> Move:
        have = points.balance(talk.tx, talk.subscriber, now=talk.now, expiring_days=1).usable
        if have < quote.price:
            return talk.end(
                "premium.short", club=one.club.name, benefits=benefits, progress=progress,
                price=quote.price, have=have,
            )  # fmt: skip
        talk.notes |= {"club": one.club.code, "agreed": quote.agreed}
        return talk.ask(
            "premium.ask", again="premium.ask_again", then=self.agreed, club=one.club.name,
            benefits=benefits, progress=progress, price=quote.price, have=have,
            until=club_words.day(quote.until),
        )  # fmt: skip

    def _already(self, talk: Talk, one: Membership) -> Move:
        if one.premium_until is None:
            return talk.end("premium.for_good", club=one.club.name)
        return talk.end(
            "premium.already", club=one.club.name, until=club_words.day(one.premium_until)
        )


def _benefits(benefits: tuple[str, ...]) -> str:
    return "、".join(benefits)
