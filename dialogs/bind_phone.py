"""Bind a number to WeChat: the number, a code sent to it by SMS, and both are one account."""

from __future__ import annotations

import re

from dialogs import earned
from dialogs.dialog import Dialog, Move, Talk
from models import bind_codes, binding, clubs
from models.earning.happened import happened
from sms.numbers import NotANumber, masked, msisdn
from sms.replies import Reply

_CODE = re.compile(rf"[0-9]{{{bind_codes.CODE_DIGITS}}}")


class BindPhone(Dialog):
    def opened(self, talk: Talk) -> Move:
        if talk.channel != "wechat":
            return talk.end("bind.only_wechat")
        if talk.subscriber.msisdn is not None:
            return talk.ask(
                "bind.rebind_ask", phone=masked(talk.subscriber.msisdn), then=self.rebind_answered
            )
        return talk.ask("bind.ask_number", expects="text", then=self.number_given)

    def rebind_answered(self, talk: Talk, reply: Reply) -> Move:
        if not reply.is_yes:
            return talk.end("bind.cancelled", ended_as="declined")
        return talk.ask("bind.ask_number", expects="text", then=self.number_given)

    def number_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.is_no:
            return talk.end("bind.cancelled", ended_as="declined")
        try:
            number = msisdn(reply.text)
        except NotANumber:
            return talk.ask("bind.bad_number", expects="text", then=self.number_given)
        if not number.startswith(tuple(talk.rules.binding.countries)):
            return talk.ask("bind.bad_number", expects="text", then=self.number_given)
        if number == talk.subscriber.msisdn:
            return talk.end("bind.already", phone=masked(number))
        limits = talk.rules.binding
        minutes = int(limits.code_lasts.total_seconds() // 60)
        try:
            code = bind_codes.make_code(
                talk.tx, talk.subscriber, number, limits=limits, now=talk.now
            )
        except bind_codes.TooOften as refused:
            wait = max(1, -(-int(refused.wait.total_seconds()) // 60))
            return talk.end("bind.too_often", minutes=wait, ended_as="failed")
        talk.notes["number"] = number
        talk.say("bind.code", via="sms", to=number, code=code, minutes=minutes)
        return talk.ask(
            "bind.ask_code", phone=masked(number), minutes=minutes, expects="text",
            lasts=limits.code_lasts, then=self.code_given, late=self.code_lapsed,
        )  # fmt: skip

    def code_given(self, talk: Talk, reply: Reply) -> Move:
        if reply.is_no:
            return talk.end("bind.cancelled", ended_as="declined")
        number = talk.notes["number"]
        if not _CODE.fullmatch(reply.normal):  # something else was said: that is no guess
            return talk.ask(
                "bind.code_wanted", phone=masked(number), expects="text",
                lasts=talk.rules.binding.code_lasts, then=self.code_given, late=self.code_lapsed,
            )  # fmt: skip
        left = bind_codes.try_code(talk.tx, talk.subscriber, number, reply.normal, now=talk.now)
        if left is not None:
            if left == 0:
                return talk.end("bind.too_many", ended_as="failed")
            return talk.ask(
                "bind.wrong_code", left=left, expects="text",
                lasts=talk.rules.binding.code_lasts, then=self.code_given, late=self.code_lapsed,
            )  # fmt: skip
        old_openid_clubs = clubs.joined(talk.tx, talk.subscriber)
        bound = binding.bind(talk.tx, talk.subscriber, number, origin=talk.origin, now=talk.now)
        got = happened(talk.tx, bound.id, "number_bound", key=f"bound:{bound.id}", now=talk.now)
        for club in old_openid_clubs:  # of the number that is left behind
            talk.also("wechat.untag", tag=club.code, openid=bound.openid)
        for club in clubs.joined(talk.tx, bound):  # so that their menus show
            talk.also("wechat.tag", tag=club.code, openid=bound.openid)
        after = {key: value for key, value in talk.notes.items() if key not in ("then", "number")}
        then = (talk.notes["then"], after) if "then" in talk.notes else None
        return talk.end(
            "bind.done", phone=masked(number), earned=earned.at_once(talk, got), then=then
        )

    def code_lapsed(self, talk: Talk) -> Move:
        return talk.end("bind.expired", ended_as="expired")
