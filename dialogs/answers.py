"""Answers to what others know, or what stands elsewhere; one's own number; and leaving for good.

话费, 没收到券 ...   a sentence of menus/texts/answers.yaml
注销 ──▶ what is lost ──是──▶ kept like feedback: two people at the console delete the account
"""

from __future__ import annotations

from collections.abc import Mapping

from dialogs.dialog import Dialog, Move, Talk
from dialogs.feedback import answer_day, keep
from models import feedback, points, subscribers
from sms.numbers import masked
from sms.replies import Reply

# What a word may ask about (keywords.yaml: about), and the sentence that answers it.
ABOUT: Mapping[str, str] = {
    "bill": "answers.bill",
    "plan": "answers.plan",
    "voucher": "answers.voucher",
    "code": "answers.code",
    "points": "answers.points",
}
TEXTS: Mapping[str, frozenset[str]] = dict.fromkeys(ABOUT.values(), frozenset[str]())
WISH = "本人要求注销账户、删除个人信息。"
LOOKED_AT = 10  # of what they have told us lately, for the same wish


class Answers(Dialog):
    requires = frozenset({"about"})
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        key = ABOUT.get(str(talk.notes["about"]))
        return talk.end(key) if key else talk.end("common.entry_unknown")


class MyNumber(Dialog):
    reads_only = True

    def opened(self, talk: Talk) -> Move:
        number = talk.subscriber.msisdn
        if number is None:
            return talk.end("number.unbound")
        if talk.subscriber.openid is None:
            return talk.end("number.only_sms", phone=masked(number))
        return talk.end("number.mine", phone=masked(number))


class CloseAccount(Dialog):
    """The wish to be deleted: said what it costs, asked, and kept with a number and a deadline."""

    def opened(self, talk: Talk) -> Move:
        has = points.balance(talk.tx, talk.subscriber, now=talk.now, expiring_days=1)
        return talk.ask("close.ask", again="close.ask", points=has.total, then=self.agreed)

    def agreed(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("close.declined", ended_as="declined")
        people = subscribers.family(talk.tx, talk.subscriber.id)
        earlier = feedback.of(talk.tx, people, LOOKED_AT)
        waits = (one for one in earlier if one.words == WISH and one.state != feedback.ANSWERED)
        made = next(waits, None) or keep(talk, "other", WISH)
        if made is None:
            return talk.end("feedback.too_many", ended_as="failed")
        return talk.end(
            "close.asked", number=feedback.name(made.number), day=answer_day(made.deadline)
        )
