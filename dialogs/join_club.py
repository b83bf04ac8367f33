"""Join a club: scan its code, answer 是 by SMS or in the chat, receive its page."""

from __future__ import annotations

from dialogs import club_words, earned, invitation_news, naming, pages
from dialogs.dialog import Answer, Dialog, Move, Talk
from models import clubs, consents, memberships
from models.clubs import Club
from models.earning.happened import happened
from models.memberships import NotAllowed, Quote
from sms.numbers import masked
from sms.replies import Reply


class JoinClub(Dialog):
    requires = frozenset({"club"})

    def opened(self, talk: Talk) -> Move:
        looked = clubs.look(talk.tx, talk.subscriber, talk.notes["club"])
        if looked is None:
            return talk.end("club.unknown")
        club, standing = looked
        if standing == "active":
            return talk.end("club.already", club=club.name, page=pages.club(club.code))
        if standing == "opening":
            return talk.end("club.still_opening", club=club.name)
        if standing == "suspended":  # it is there, and rests
            return talk.end(then=("resume_club", {"club": club.code}))
        if standing in ("suspending", "resuming", "leaving"):
            return talk.end("clubs.busy", club=club.name)
        if talk.subscriber.msisdn is None:
            talk.say("club.bind_first", club=club.name)
            return talk.end(then=("bind_phone", {"then": self.name(), "club": club.code}))
        # What is agreed to is what was offered: checked again when the answer comes.
        talk.notes |= {"price_fen": club.price_fen, "service": club.boss_service}
        try:
            quote = memberships.due_to_join(talk.tx, talk.subscriber, club.code, talk.now)
        except NotAllowed as why:
            return club_words.refusal(talk, club.code, why)
        if quote is not None:
            return self._ask_paid(talk, club, quote)
        price = club_words.yuan(club.price_fen)
        if talk.channel == "wechat":
            if club.price_fen == 0:
                talk.say("club.offer_free", club=club.name)
            else:
                talk.say("club.offer", club=club.name, price=price)
            talk.say("club.check_sms", club=club.name, phone=masked(talk.subscriber.msisdn))
        if club.price_fen == 0:
            return talk.ask(
                "club.offer_free", via="sms", again="club.offer_free_again", club=club.name,
                then=self.answered,
            )  # fmt: skip
        return talk.ask(
            "club.offer", via="sms", again="club.offer_again", club=club.name, price=price,
            then=self.answered,
        )  # fmt: skip

    def _ask_paid(self, talk: Talk, club: Club, quote: Quote) -> Move:
        """Ask who comes back after their term, where another one has a price."""
        talk.notes["agreed"] = quote.agreed
        return talk.ask(
            "club.offer_again_paid", again="club.offer_again_paid", then=self.answered,
            club=club.name, fee=club_words.price_words(club.price_fen),
            until=club_words.day(quote.until), points=quote.price,
        )  # fmt: skip

    def answered(self, talk: Talk, reply: Reply) -> Move:
        club = clubs.find(talk.tx, talk.notes["club"])
        if club is None:
            return talk.end("club.unknown")
        if reply.is_yes and not club_words.is_clear(talk, reply):
            talk.notes.pop("picked")
            return self._once_more(talk, club)
        offered = (talk.notes.get("price_fen"), talk.notes.get("service"))
        if reply.is_yes and (offered != (club.price_fen, club.boss_service) or _priced(talk)):
            return self.opened(talk)  # the offer has changed since: it is asked anew
        consents.keep(
            talk.tx, subscriber_id=talk.subscriber.id, subject=consents.to_club(club.code),
            granted=reply.is_yes, question=talk.asked, answer=reply.text,
            message_key=talk.origin, asked_at=talk.asked_at, now=talk.now,
        )  # fmt: skip
        if not reply.is_yes:
            return talk.end("club.declined", club=club.name, ended_as="declined")
        if not clubs.start_opening(
            talk.tx, talk.subscriber, club.code, origin=talk.origin, now=talk.now
        ):  # joined or being opened elsewhere meanwhile
            return self.opened(talk)
        talk.say("club.opening", club=club.name)
        return talk.call(
            "boss.open_service", msisdn=talk.subscriber.msisdn, service=club.boss_service,
            then=self.boss_replied,
        )  # fmt: skip

    def _once_more(self, talk: Talk, club: Club) -> Move:
        """Where they are: the same digit twice may be one message, and is no clear yes."""
        if club.price_fen == 0:
            return talk.ask(
                "club.offer_free_sure", again="club.offer_free_again", club=club.name,
                then=self.answered,
            )  # fmt: skip
        return talk.ask(
            "club.offer_sure", again="club.offer_again", club=club.name,
            price=club_words.yuan(club.price_fen), then=self.answered,
        )  # fmt: skip

    def boss_replied(self, talk: Talk, answer: Answer) -> Move:
        return _told(talk, answer)


class OpenNow(Dialog):
    """What was agreed to on a page (dialogs/club_acts.py)."""

    requires = frozenset({"club"})
    takes = frozenset({"quiet"})
    by_menu = False

    def opened(self, talk: Talk) -> Move:
        club, who = clubs.named(talk.tx, talk.notes["club"]), talk.subscriber
        quote = memberships.beginning(talk.tx, who, club.code, talk.now).quote
        if quote is not None:  # the page has just asked for it
            talk.notes["agreed"] = quote.agreed
        if not clubs.start_opening(talk.tx, who, club.code, origin=talk.origin, now=talk.now):
            return talk.end("club.still_opening", club=club.name)
        return talk.call(
            "boss.open_service", msisdn=who.msisdn, service=club.boss_service,
            then=self.boss_replied,
        )  # fmt: skip

    def boss_replied(self, talk: Talk, answer: Answer) -> Move:
        return _told(talk, answer)


def _priced(talk: Talk) -> bool:
    """Whether joining has another price in points by now than the one that was asked about."""
    try:
        quote = memberships.due_to_join(talk.tx, talk.subscriber, talk.notes["club"], talk.now)
    except NotAllowed:
        return True
    return (quote.agreed if quote else None) != talk.notes.get("agreed")


def _told(talk: Talk, answer: Answer) -> Move:
    """Make a member of who BOSS has opened it for, and tell them how it went."""
    code = talk.notes["club"]
    club = clubs.named(talk.tx, code)
    if answer.state == "opened":
        memberships.join(
            talk.tx, talk.subscriber, code, agreed=talk.notes.get("agreed", ""),
            channel=talk.channel, origin=talk.origin, now=talk.now,
        )  # fmt: skip
        got = happened(
            talk.tx, talk.subscriber.id, "club_joined", values={"club": code},
            key=f"joined:{code}:{talk.subscriber.id}", now=talk.now,
        )  # fmt: skip
        if talk.subscriber.openid is not None:  # so that the club's menu shows
            talk.also("wechat.tag", tag=code, openid=talk.subscriber.openid)
        if "offer" in talk.notes:  # it was what brought them here (dialogs/redeem.py)
            talk.say(
                "club.welcome_offer", club=club.name, page=pages.club(code),
                title=talk.notes["title"], number=talk.notes["offer"],
                earned=earned.at_once(talk, got),
            )  # fmt: skip
        else:
            talk.say(
                "club.welcome", club=club.name, page=pages.club(code),
                earned=earned.at_once(talk, got),
            )  # fmt: skip
        invitation_news.joined(talk)
        return talk.end()
    if answer.state == "refused":
        clubs.refuse(talk.tx, talk.subscriber, code, origin=talk.origin, now=talk.now)
        return talk.end("club.refused", club=club.name, reason=naming.why(answer.reason))
    return talk.end("club.open_late", club=club.name, ended_as="late")
