"""What for: what so many points can get, of shops and of draws, chosen by its number.

能换什么 ──▶ list ──▶ redeem · draw      能换什么 50: as if one had so many
"""

from __future__ import annotations

from dataclasses import dataclass

from dialogs import draw_words, offer_words, pages
from dialogs.dialog import Dialog, Move, Talk
from models import points
from models.draws import people
from models.draws.people import NotDrawn
from models.offers import looking
from sms.replies import Reply
from sms.segments import units

LIST_UNITS = 70
SHOWN = {"sms": 5, "wechat": 8}
MOST_FOUND = 60
POINTS_MOST = 1_000_000_000
MORE = frozenset({"更多", "下一页", "还有", "还有吗", "其他", "m", "gd"})
OFFER, DRAW = "offer", "draw"


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to be had: as a list says it, its price in points, and what opens it."""

    words: str
    price: int
    what: str  # OFFER | DRAW
    code: str


class WhatFor(Dialog):
    takes = frozenset({"points"})

    def opened(self, talk: Talk) -> Move:
        typed = str(talk.notes.pop("points", ""))
        if typed.isdecimal():
            talk.notes["points"] = min(int(typed), POINTS_MOST)
        elif talk.subscriber.msisdn is None:
            talk.say("get.bind_first")
            return talk.end(then=("bind_phone", {"then": self.name()}))
        else:
            talk.notes["points"] = points.balance(
                talk.tx, talk.subscriber, now=talk.now, expiring_days=1
            ).usable
        return self._list(talk, skip=0)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        listed = talk.notes["listed"]
        if reply.normal in MORE:
            return self._list(talk, skip=talk.notes["skip"] + len(listed))
        if reply.is_no:
            return talk.end("get.declined", ended_as="declined")
        number = 1 if reply.is_yes and len(listed) == 1 else reply.number
        if number is None or not 1 <= number <= len(listed):
            return talk.ask(
                "get.pick_again", expects="text", then=self.picked, most=len(listed)
            )  # fmt: skip
        what, code = listed[number - 1]
        return talk.end(then=("redeem" if what == OFFER else "draw", {what: code}))

    def _list(self, talk: Talk, *, skip: int) -> Move:
        n = talk.notes["points"]
        found = choices(talk, n)
        if not found:
            return _nothing(talk, n)
        if skip >= len(found):
            skip = 0
        shown = _that_fit(found[skip : skip + SHOWN[talk.channel]])
        talk.notes |= {"skip": skip, "listed": [(one.what, one.code) for one in shown]}
        more = len(found) > len(shown)
        return talk.ask(
            "get.list_more" if more else "get.list", again="get.pick_again", expects="text",
            then=self.picked, points=n, choices=_numbered(shown), most=len(shown),
        )  # fmt: skip


def choices(talk: Talk, n: int) -> list[Choice]:
    """All that this person could take now with so many points, the dearest first."""
    cards = looking.within_reach(talk.tx, talk.subscriber, n, talk.now, limit=MOST_FOUND)
    found = [
        Choice(
            f"{offer_words.clipped(card.offer.title, offer_words.LISTED_TITLE_LETTERS)}"
            f" {offer_words.price(card.offer)}",
            card.offer.price_points, OFFER, str(card.offer.number),
        )
        for card in cards
    ]  # fmt: skip
    for standing in people.open_to(talk.tx, talk.subscriber, talk.now):
        try:
            if talk.subscriber.msisdn is not None:
                people.check(talk.tx, standing, talk.subscriber, talk.now)
        except NotDrawn:
            continue
        if standing.price <= n:
            title = offer_words.clipped(standing.draw.title, offer_words.LISTED_TITLE_LETTERS)
            words = f"{title} {draw_words.cost(standing)}"
            found.append(Choice(words, standing.price, DRAW, standing.draw.code))
    return sorted(found, key=lambda each: (-each.price, each.words))


def _nothing(talk: Talk, n: int) -> Move:
    """There is always a way for points: what comes next, and the family's."""
    ahead = [
        card for card in looking.live(talk.tx, talk.now, limit=MOST_FOUND)
        if card.club is None and card.offer.price_points > n
    ]  # fmt: skip
    if not ahead:
        return talk.end("get.nothing", points=n, page=pages.OFFERS)
    offer = ahead[0].offer
    return talk.end(
        "get.save_for", points=n, missing=offer.price_points - n,
        title=offer_words.title(offer.title), page=pages.OFFERS,
    )  # fmt: skip


def _numbered(shown: list[Choice]) -> str:
    return "\n".join(f"{no} {one.words}" for no, one in enumerate(shown, start=1))


def _that_fit(found: list[Choice]) -> list[Choice]:
    """As many as two SMS hold."""
    while len(found) > 1 and units(_numbered(found)) > LIST_UNITS:
        found = found[:-1]
    return found
