"""Hand over: somebody wants to talk with a person of ours, and no more of it.

人工 ──▶ the console's inbox, or WeChat's own desk ──▶ 结束, or a day without a word
        what they say meanwhile, and is no word of ours, goes there: dialogs/attended.py
"""

from __future__ import annotations

from dialogs.dialog import Dialog, Move, Talk
from models import handover_desk, handovers


class HandOver(Dialog):
    def opened(self, talk: Talk) -> Move:
        rules, before = talk.rules.handover, handovers.of(talk.tx, talk.subscriber, talk.now)
        at_wechat = rules.by_wechat and talk.channel == "wechat"
        found = before or handovers.begin(
            talk.tx, talk.subscriber, channel=talk.channel, at_wechat=at_wechat,
            lasts=rules.lasts, now=talk.now,
        )  # fmt: skip
        if found.at_wechat and talk.channel == "wechat":
            talk.to_wechats_desk = True  # WeChat itself says what comes next
            return talk.end()
        if before is not None:
            return talk.end("handover.still")
        ahead = handover_desk.ahead_of(talk.tx, found)
        if ahead:
            return talk.end("handover.begun_behind", ahead=ahead)
        return talk.end("handover.begun")


class EndHandOver(Dialog):
    def opened(self, talk: Talk) -> Move:
        found = handovers.of(talk.tx, talk.subscriber, talk.now)
        if found is None:
            return talk.end("handover.none")
        handovers.close(talk.tx, found, by=handovers.BY_PERSON, now=talk.now)
        return talk.end("handover.ended")
