"""The services of a club: the list, and one of them: taken for points, or how to get it."""

from __future__ import annotations

from dialogs import club_words, offer_words, pages
from dialogs.dialog import Dialog, Move, Talk
from models import memberships
from models.memberships import PREMIUM, Membership, NotAllowed, Service
from models.memberships.terms import active
from models.offers import looking
from models.offers.looking import Card
from sms.replies import Reply

Offered = tuple[Service, Card | None]


class ClubServices(Dialog):
    takes = frozenset({"club"})

    def opened(self, talk: Talk) -> Move:
        found = memberships.all_of(talk.tx, talk.subscriber)
        return club_words.which(talk, found, doing="会员服务", then=self.picked, go=self._list)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        return club_words.picked(talk, reply, then=self.picked, go=self._list)

    def chosen(self, talk: Talk, reply: Reply) -> Move:
        titles = talk.notes["titles"]
        if reply.number is None or reply.number == 0:
            return talk.end("clubs.never_mind", ended_as="declined")
        if reply.number > len(titles):
            return self._list(talk, talk.notes["club"])
        try:
            one = active(talk.tx, talk.subscriber, talk.notes["club"])
        except NotAllowed as why:
            return club_words.refusal(talk, talk.notes["club"], why)
        wanted = titles[reply.number - 1]
        for service, card in _services(talk, one):
            if service.title == wanted:
                return self._give(talk, one, service, card)
        return self._list(talk, one.club.code)  # taken off the list meanwhile

    def _list(self, talk: Talk, code: str) -> Move:
        try:
            one = active(talk.tx, talk.subscriber, code)
        except NotAllowed as why:
            return club_words.refusal(talk, code, why)
        found = _services(talk, one)
        page = pages.club(code)
        if not found:
            return talk.end("services.none", club=one.club.name, page=page)
        lines = club_words.that_fit(_line(*each) for each in found)
        if len(lines) < len(found):
            talk.say("services.more", club=one.club.name, page=page)
        talk.notes |= {"club": code, "titles": [each.title for each, _ in found[: len(lines)]]}
        return talk.ask(
            "services.list", again="clubs.which_again", expects="number", then=self.chosen,
            club=one.club.name, list="\n".join(lines), most=len(lines),
        )  # fmt: skip

    def _give(self, talk: Talk, one: Membership, service: Service, card: Card | None) -> Move:
        if service.level == PREMIUM and not one.is_premium:
            return talk.end("services.premium_only", title=service.title, club=one.club.name)
        if card is not None:  # what it costs is asked there, and its terms are looked at
            number = card.offer.number
            # As out of its own list: the digit that picked it, sent twice, is no clear yes.
            return talk.end(then=("redeem", {"offer": str(number), "listed": [number]}))
        return talk.end("services.how", title=service.title, how=service.how or "")


def _services(talk: Talk, one: Membership) -> list[Offered]:
    """What there is now: an offer that is not live any more is none."""
    live = {
        card.offer.code: card
        for card in looking.live(talk.tx, talk.now, club=one.club.code, limit=100)
    }
    rule = memberships.live(talk.tx).of(one.club.code)
    return [
        (service, live.get(service.offer or ""))
        for service in rule.services
        if service.offer is None or service.offer in live
    ]


def _line(service: Service, card: Card | None) -> str:
    above = "（高级）" if service.level == PREMIUM else ""
    price = f" {offer_words.price(card.offer)}" if card is not None else ""
    return f"{service.title}{above}{price}"
