"""Gift: points to somebody else, whose masked number is named before anything moves.

whose number? ──▶ how many? ──▶ 138****0002, 100 points, sure? ──▶ both are told
ZZ 13800000002 100 ────────────────┘
"""

from __future__ import annotations

import re
import unicodedata

from dialogs import amounts, pages
from dialogs.dialog import Dialog, Move, Talk
from models import points, subscribers
from models.points import Cause, NotEnough, gifts
from models.points.gifts import GIFT, NobodyThere, OverLimit, ToOneself
from models.subscribers import Subscriber
from sms.numbers import NotANumber, masked, msisdn
from sms.replies import Reply

TRIES = 3  # at a number, and at an amount
# 13800000002, 138 0000 0002, +86-138..., and behind it perhaps how many: 100, 100分.
_NUMBER_AND_AMOUNT = re.compile(r"[^0-9+]*((?:\+?86|0086)?1[0-9]{10})(?:[^0-9]*([0-9]{1,9}))?\D*")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[ \-–—.]+(?=[0-9])")


class Gift(Dialog):
    takes = frozenset({"friend", "amount"})

    def opened(self, talk: Talk) -> Move:
        typed = " ".join(str(talk.notes.pop(name, "")) for name in ("friend", "amount")).strip()
        if talk.subscriber.msisdn is None:
            talk.say("give.bind_first")
            return talk.end(then=("bind_phone", {"then": self.name()}))
        if not _have(talk):
            return talk.end("give.nothing", ended_as="failed")
        if not _left_today(talk):
            return talk.end("give.no_more_today", ended_as="failed")
        if typed:
            return self._whom(talk, typed)
        return talk.ask("give.whom", expects="text", then=self.number_given)

    def number_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.is_no:
            return talk.end("give.declined", ended_as="declined")
        return self._whom(talk, reply.text)

    def amount_given(self, talk: Talk, reply: Reply) -> Move:
        n = amounts.read(reply)
        if reply.is_no or n == 0:
            return talk.end("give.declined", ended_as="declined")
        if n is None:
            return self._how_many(talk)
        talk.notes["by_digits"] = True
        return self._confirm(talk, n)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("give.declined", ended_as="declined")
        n = talk.notes["points"]
        if "by_digits" in talk.notes and reply.number is not None:
            return self._confirm(talk, n)  # perhaps the amount, sent twice: no clear yes
        friend = subscribers.by_now(talk.tx, talk.notes["friend"])
        try:
            made = gifts.give(
                talk.tx, payer=talk.subscriber, payee=friend, points=n, limits=talk.rules.gifts,
                cause=Cause(f"gift:{talk.origin}", GIFT, talk.channel, talk.origin), now=talk.now,
            )  # fmt: skip
        except (NotEnough, OverLimit):  # spent, or given to somebody else, meanwhile
            return self._confirm(talk, n)
        except (NobodyThere, ToOneself):
            return talk.end("give.gone", ended_as="failed")
        talk.tell(
            friend, "give.received", kind="gifts", page=pages.POINTS, points=n,
            phone=masked(talk.subscriber.msisdn or ""),
        )  # fmt: skip
        return talk.end(
            "give.done", phone=talk.notes["phone"], points=n, serial=made.serial, have=_have(talk)
        )

    def _whom(self, talk: Talk, typed: str) -> Move:
        """Go on with the number that was typed, if points can be given to it."""
        number, amount = read(typed)
        if number is None:
            if _once_too_often(talk):
                return talk.end("give.given_up", ended_as="failed")
            return talk.ask("give.bad_number", expects="text", then=self.number_given)
        if number == talk.subscriber.msisdn:
            return talk.ask("give.oneself", expects="text", then=self.number_given)
        if not gifts.try_number(talk.tx, talk.subscriber, limits=talk.rules.gifts, now=talk.now):
            return talk.end("give.too_many_numbers", ended_as="failed")
        friend = subscribers.find(talk.tx, "sms", number)
        if friend is None or not can_get(friend):
            return talk.ask(
                "give.nobody", expects="text", phone=masked(number), then=self.number_given
            )
        talk.notes |= {"friend": friend.id, "phone": masked(number)}
        if amount:
            return self._confirm(talk, amount)
        return talk.ask(
            "give.how_many", expects="text", phone=talk.notes["phone"], have=_have(talk),
            most=_most(talk), then=self.amount_given,
        )  # fmt: skip

    def _how_many(self, talk: Talk) -> Move:
        """Ask once more for the amount, where something else was said."""
        if _once_too_often(talk):
            return talk.end("give.given_up", ended_as="failed")
        return talk.ask(
            "give.how_many_again", expects="text", phone=talk.notes["phone"], have=_have(talk),
            most=_most(talk), then=self.amount_given,
        )  # fmt: skip

    def _confirm(self, talk: Talk, n: int) -> Move:
        """Ask whether this is meant, or for another amount where it is too much."""
        have, left, phone = _have(talk), _left_today(talk), talk.notes["phone"]
        if not have:
            return talk.end("give.nothing", ended_as="failed")
        if not left:
            return talk.end("give.no_more_today", ended_as="failed")
        if n > min(have, left):
            if _once_too_often(talk):
                return talk.end("give.given_up", ended_as="failed")
            return talk.ask(
                "give.not_enough" if have < n else "give.over_limit", expects="text",
                phone=phone, have=have, most=min(have, left), then=self.amount_given,
            )  # fmt: skip
        talk.notes["points"] = n
        return talk.ask(
            "give.agree", again="give.agree_again", phone=phone, points=n, have=have,
            then=self.agreed,
        )  # fmt: skip


def read(typed: str) -> tuple[str | None, int]:
    """The number, as E.164, and the amount behind it, 0 without one, of what somebody typed."""
    plain = _BETWEEN_DIGITS.sub("", unicodedata.normalize("NFKC", typed)[:80])
    found = _NUMBER_AND_AMOUNT.fullmatch(plain)
    try:
        if found is not None:
            return msisdn(found[1]), int(found[2] or 0)
        return msisdn(typed.strip()), 0
    except NotANumber:
        return None, 0


def can_get(friend: Subscriber) -> bool:
    """Whether points can be given to this person, who is known by number."""
    return friend.status == "active"


def _have(talk: Talk) -> int:
    return points.balance(talk.tx, talk.subscriber, now=talk.now, expiring_days=1).usable


def _left_today(talk: Talk) -> int:
    return gifts.given_today(talk.tx, talk.subscriber, now=talk.now).left(talk.rules.gifts)


def _most(talk: Talk) -> int:
    return min(_have(talk), _left_today(talk))


def _once_too_often(talk: Talk) -> bool:
    talk.notes["tries"] = talk.notes.get("tries", 0) + 1
    return bool(talk.notes["tries"] >= TRIES)
