"""Redeem: what points can get, chosen from a list or by its number, agreed to, and the voucher.

no offer ──▶ list ──picked──▶ offer ──agreed──▶ voucher
"""

from __future__ import annotations

from dialogs import offer_words, pages, refusals
from dialogs.agent_words import for_customer
from dialogs.dialog import Dialog, Move, Talk
from models import points
from models.earning.happened import happened
from models.offers import looking
from models.offers.looking import Card
from models.offers.terms import NotOffered
from models.vouchers import redeeming
from models.vouchers.vouchers import Voucher
from sms.replies import Reply
from sms.segments import units

# What a list may take of the two SMS that it goes out with; more is on the next one.
LIST_UNITS = 70
MOST_LISTED = 6
MORE = frozenset({"更多", "下一页", "还有", "还有吗", "其他", "m", "gd"})


class Redeem(Dialog):
    takes = frozenset({"offer", "second", "pin"})

    def opened(self, talk: Talk) -> Move:
        if "offer" in talk.notes and (order := for_customer(talk)):
            return talk.end(then=("agent_redeem", order))
        if "offer" in talk.notes:
            return self._offer(talk)
        if talk.subscriber.msisdn is None:
            talk.say("redeem.bind_first")
            return talk.end(then=("bind_phone", {"then": self.name()}))
        return self._list(talk, skip=0)

    def picked(self, talk: Talk, reply: Reply) -> Move:
        if reply.normal in MORE:
            return self._list(talk, skip=talk.notes["skip"] + len(talk.notes["listed"]))
        if reply.is_no:
            return talk.end("redeem.declined", ended_as="declined")
        number = reply.number
        if number is None and reply.is_yes and len(talk.notes["listed"]) == 1:
            number = 1
        if number is None or number > len(talk.notes["listed"]):
            if number not in talk.notes["listed"]:  # else the number of the offer itself
                return talk.ask(
                    "redeem.pick_again", expects="text", then=self.picked,
                    most=len(talk.notes["listed"]),
                )  # fmt: skip
            talk.notes["offer"] = str(number)
        else:
            if number == 0:
                return talk.end("redeem.declined", ended_as="declined")
            talk.notes["offer"] = str(talk.notes["listed"][number - 1])
        return self._offer(talk)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("redeem.declined", ended_as="declined")
        if "listed" in talk.notes and reply.number is not None:
            return self._offer(talk)  # perhaps the digit that picked it, sent twice: no clear yes
        try:
            voucher = redeeming.redeem(
                talk.tx, talk.subscriber, talk.notes["code"], key=talk.origin,
                channel=talk.channel, origin=talk.origin, now=talk.now,
                agreed=talk.notes["agreed"],
            )  # fmt: skip
        except NotOffered as refused:
            if refused.why == "changed":  # the offer has changed since: it is asked anew
                talk.say("refused.changed")
                return self._offer(talk)
            return _refused(talk, refused)
        who = talk.subscriber.id
        got = happened(talk.tx, who, "redeemed_first", key=f"redeemed:{who}", now=talk.now)
        move = _issued(talk, voucher, looking.of_code(talk.tx, voucher.offer_code))
        if got:  # once in a life; with it the voucher would not go into two SMS
            talk.say("redeem.first_points", points=got)
        return move

    def _list(self, talk: Talk, *, skip: int) -> Move:
        has = points.balance(talk.tx, talk.subscriber, now=talk.now, expiring_days=1)
        found = looking.within_reach(
            talk.tx, talk.subscriber, has.usable, talk.now, skip=skip, limit=MOST_LISTED + 1
        )
        if not found:
            if skip:
                talk.say("redeem.no_more")
                return self._list(talk, skip=0)
            return talk.end("redeem.nothing", have=has.usable, page=pages.OFFERS)
        lines = _that_fit(found)
        talk.notes |= {
            "skip": skip, "listed": [card.offer.number for card in found[: len(lines)]]
        }  # fmt: skip
        more = len(found) > len(lines)
        return talk.ask(
            "redeem.list_more" if more else "redeem.list", again="redeem.pick_again",
            expects="text", then=self.picked, have=has.usable, choices="\n".join(lines),
            most=len(lines),
        )  # fmt: skip

    def _offer(self, talk: Talk) -> Move:
        number = str(talk.notes["offer"])
        card = looking.numbered(talk.tx, int(number)) if number.isdecimal() else None
        if card is None:
            return _refused(talk, NotOffered("unknown"))
        offer, who = card.offer, talk.subscriber
        title = offer_words.title(offer.title)
        if who.msisdn is None:
            talk.say("redeem.bind_first_for", title=title, price=offer_words.price(offer))
            return talk.end(then=("bind_phone", {"then": self.name(), "offer": number}))
        try:
            looking.check(talk.tx, card, who, talk.now)
        except NotOffered as refused:
            if refused.why != "members_only":
                if talk.channel == "wechat" and refused.why != "not_live":
                    talk.say(
                        "redeem.seen", title=title, price=offer_words.price(offer),
                        shop=offer_words.shop(card.merchant),
                        whose=f"{card.club}会员" if card.club else "大家",
                    )  # fmt: skip
                return _refused(talk, refused)
            talk.say(
                "redeem.members_only", title=title, club=card.club, price=offer_words.price(offer)
            )
            then = {"club": offer.club_code, "offer": number, "title": title}
            return talk.end(then=("join_club", then))
        # What is agreed to is what was offered: compared again when the answer comes.
        talk.notes |= {"code": offer.code, "agreed": offer.agreed}
        return talk.ask(
            "redeem.ask", again="redeem.ask_again", then=self.agreed,
            title=title + ("（会员专享）" if card.club else ""), days=offer.valid_days,
            price=offer_words.price(offer), shop=offer_words.shop(card.merchant),
            where=offer_words.where(looking.places(talk.tx, offer.code)),
        )  # fmt: skip


def _that_fit(found: list[Card]) -> list[str]:
    """A line for each offer, as many as two SMS hold."""
    lines: list[str] = []
    for card in found[:MOST_LISTED]:
        name = offer_words.clipped(card.offer.title, offer_words.LISTED_TITLE_LETTERS)
        line = f"{len(lines) + 1} {name} {offer_words.price(card.offer)}"
        if lines and units("\n".join([*lines, line])) > LIST_UNITS:
            break
        lines.append(line)
    return lines


def _refused(talk: Talk, why: NotOffered) -> Move:
    key, values = refusals.not_offered(why)
    return talk.end(key, ended_as="failed", **values)


def _issued(talk: Talk, voucher: Voucher, card: Card) -> Move:
    return talk.end(
        "redeem.issued", page=pages.voucher(voucher.id),
        title=offer_words.title(voucher.title), shop=offer_words.shop(card.merchant),
        where=offer_words.where(looking.places(talk.tx, voucher.offer_code)),
        code=offer_words.code(voucher.short_code), until=offer_words.last_day(voucher.valid_until),
        serial=voucher.serial,
    )  # fmt: skip
