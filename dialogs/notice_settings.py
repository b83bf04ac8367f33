"""What somebody wants to be told, and where: first which kind, then by SMS, in WeChat, or not.

opened ──1 to 7──▶ kind_picked ──1 SMS · 2 WeChat · 3 both · 4 none──▶ way_picked
"""

from __future__ import annotations

from dialogs import pages
from dialogs.dialog import Dialog, Move, Talk
from models import preferences
from models.preferences import IN_WORDS, KINDS
from sms.replies import Reply

YES, NO = "收", "不收"


class NoticeSettings(Dialog):
    def opened(self, talk: Talk) -> Move:
        if talk.subscriber.opted_out:
            return talk.end("settings.opted_out")
        if talk.channel == "wechat" and talk.subscriber.msisdn is not None:
            talk.say("settings.page", page=pages.NOTICES)
        wishes = preferences.of(talk.tx, talk.subscriber.id)
        return talk.ask(
            "settings.kinds", expects="number", again="settings.kinds_again",
            kinds=" ".join(f"{n}{IN_WORDS[kind]}" for n, kind in enumerate(KINDS, 1)),
            off=_off(wishes), then=self.kind_picked,
        )  # fmt: skip

    def kind_picked(self, talk: Talk, reply: Reply) -> Move:
        number = reply.number
        if number is None or number == 0:
            return talk.end("settings.kept", ended_as="declined")
        if number > len(KINDS):
            return talk.ask("settings.kinds_again", expects="number", then=self.kind_picked)
        talk.notes["kind"] = kind = KINDS[number - 1]
        wishes = preferences.of(talk.tx, talk.subscriber.id)
        return talk.ask(
            "settings.ways", expects="number", again="settings.ways_again", then=self.way_picked,
            what=IN_WORDS[kind], by_sms=_wanted(wishes[kind, "sms"]),
            by_wechat=_wanted(wishes[kind, "wechat"]),
        )  # fmt: skip

    def way_picked(self, talk: Talk, reply: Reply) -> Move:
        number, kind = reply.number, str(talk.notes["kind"])
        if number is None or number == 0:
            return talk.end("settings.kept", ended_as="declined")
        wishes = preferences.of(talk.tx, talk.subscriber.id)
        if number > 4:
            return talk.ask("settings.ways_again", expects="number", then=self.way_picked)
        if number in (1, 2):
            channel = ("sms", "wechat")[number - 1]
            new = {(kind, channel): not wishes[kind, channel]}
        else:
            new = {(kind, channel): number == 3 for channel in preferences.CHANNELS}
        preferences.change(
            talk.tx, talk.subscriber.id, new, question=talk.asked, answer=reply.text,
            origin=talk.origin, now=talk.now,
        )  # fmt: skip
        wishes |= new
        return talk.end(
            "settings.changed", what=IN_WORDS[kind], by_sms=_wanted(wishes[kind, "sms"]),
            by_wechat=_wanted(wishes[kind, "wechat"]),
        )  # fmt: skip


def _wanted(wanted: bool) -> str:
    return YES if wanted else NO


def _off(wishes: preferences.Wishes) -> str:
    """ "2、7短信不收，3都不收"; of nothing: "没有"."""
    groups: dict[str, list[str]] = {"短信": [], "微信": [], "都": []}
    for n, kind in enumerate(KINDS, 1):
        by_sms, by_wechat = wishes[kind, "sms"], wishes[kind, "wechat"]
        if not by_sms or not by_wechat:
            where = "微信" if by_sms else "短信" if by_wechat else "都"
            groups[where].append(str(n))
    said = [f"{'、'.join(kinds)}{where}不收" for where, kinds in groups.items() if kinds]
    return "，".join(said) or "全都收"
