"""The friend's side of an invitation: by a QR code, a link's code, or a number that a member gave.

scans, or sends the code ──▶ noted ──▶ join_club asks as always, with the price
asked by SMS ──是──▶ noted ──▶ join_club        否, or nothing ──▶ nothing
"""

from __future__ import annotations

from dialogs.club_words import price_words
from dialogs.dialog import Dialog, Move, Talk
from models import consents
from models.invitations import asking, codes, coming, looking
from models.invitations.codes import Code
from models.invitations.tables import CODE, DECLINED, LAPSED, ONESELF, SCAN
from sms.numbers import masked
from sms.replies import Reply


class Invited(Dialog):
    requires = frozenset({"number"})

    def opened(self, talk: Talk) -> Move:
        code = codes.find(talk.tx, int(talk.notes["number"]))
        if code is None:
            return talk.end("invited.unknown", ended_as="failed")
        if "invitation" in talk.notes:  # of a number: the clock has opened this
            return talk.ask(
                "invited.ask", via="sms", again="invited.ask_again", phone=_name(code),
                club=code.club.name, price=price_words(code.club.price_fen), then=self.answered,
                late=self.not_answered,
            )  # fmt: skip
        why = coming.accept(
            talk.tx, code, talk.subscriber, way=SCAN if talk.channel == "wechat" else CODE,
            limits=talk.rules.inviting, now=talk.now,
        )  # fmt: skip
        return self._lead_on(talk, code, why)

    def answered(self, talk: Talk, reply: Reply) -> Move:
        one = _row(talk)
        consents.keep(
            talk.tx, subscriber_id=talk.subscriber.id, subject=f"invitation:{one[1]}",
            granted=reply.is_yes, question=talk.asked, answer=reply.text, message_key=talk.origin,
            asked_at=talk.asked_at, now=talk.now,
        )  # fmt: skip
        if not reply.is_yes:
            asking.end(talk.tx, one, DECLINED, talk.now)
            return talk.end("invited.declined", ended_as="declined")
        code = codes.find(talk.tx, int(talk.notes["number"]))
        if code is None:
            return talk.end("invited.unknown", ended_as="failed")
        why = asking.agreed(
            talk.tx, one, code, talk.subscriber, limits=talk.rules.inviting, now=talk.now
        )
        return self._lead_on(talk, code, why)

    def not_answered(self, talk: Talk) -> Move:
        asking.end(talk.tx, _row(talk), LAPSED, talk.now)
        return talk.end(ended_as="expired")

    def _lead_on(self, talk: Talk, code: Code, why: str | None) -> Move:
        """To the club, whether the invitation counts or not; what does not count is said kindly."""
        if why == ONESELF:
            return talk.end("invited.oneself", club=code.club.name)
        _, points = looking.promised(talk.tx, talk.now)
        if why is not None:
            talk.say("invited.no_reward")
        elif points:
            talk.say("invited.by_points", phone=_name(code), club=code.club.name, points=points)
        else:
            talk.say("invited.by", phone=_name(code), club=code.club.name)
        return talk.end(then=("join_club", {"club": code.club.code}))


def _name(code: Code) -> str:
    """Who invites, as a stranger may see it."""
    return masked(code.inviter.msisdn or "")


def _row(talk: Talk) -> tuple[int, int]:
    return int(talk.notes["owner"]), int(talk.notes["invitation"])
