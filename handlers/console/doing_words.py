"""What somebody does with us, in words: activities, tasks, surveys, friends, opinions, talks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import url_for

from handlers.console.invitations import WHYS
from handlers.console.person import hide_numbers
from handlers.console.told import Told
from handlers.console.words import _, number
from menus.menus import Menus
from models import timeline_doings as doings
from models.timeline import Entry
from sms.numbers import masked

BY = {"wechat": _("微信"), "sms": _("短信"), "page": _("网页"), "console": _("操作台")}
ACTIVITIES = {
    "signed": _("报名：{title}"), "going": _("有了名额：{title}"), "waiting": _("排队：{title}"),
    "left": _("取消报名：{title}"), "came": _("签到：{title}"),
    "off": _("没有办成或没有名额：{title}"),
}  # fmt: skip
SURVEYS = {
    "begun": _("开始填问卷：{title}"), "done": _("填完问卷：{title}"),
    "stopped": _("不填了，问卷：{title}"),
}  # fmt: skip
INVITES = {
    "wanted": _("请我们问一位朋友，加入{club}"), "asked": _("发短信问了一位朋友，加入{club}"),
    "accepted": _("朋友来了，还没加入{club}"), "joined": _("邀请的朋友加入了{club}"),
    "declined": _("朋友不愿意加入{club}"), "refused": _("邀请朋友加入{club}，不计"),
    "lapsed": _("邀请朋友加入{club}，没有下文"),
}  # fmt: skip
INVITED = {
    "wanted": _("有朋友请我们问他，加入{club}"), "asked": _("应朋友请求，发短信问他加入{club}"),
    "accepted": _("应朋友邀请来了，还没加入{club}"), "joined": _("应朋友邀请加入了{club}"),
    "declined": _("不愿意应邀加入{club}"), "refused": _("应邀加入{club}，不计"),
    "lapsed": _("应邀加入{club}，没有下文"),
}  # fmt: skip
FEEDBACK = {
    "opened": _("反馈 {number}"), "added": _("反馈 {number}：补充"),
    "taken": _("反馈 {number}：开始处理"), "answered": _("反馈 {number}：答复"),
    "noted": _("反馈 {number}：备注"), "sorted": _("反馈 {number}：调整"),
}  # fmt: skip
TALKS = {"begun": _("找了人工"), "ended": _("人工对话结束")}


def _activity(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    happened, by = ACTIVITIES[facts["what"]], BY.get(facts["channel"], facts["channel"])
    title = _(happened, title=facts["title"])
    notes = [_(by)] if facts["what"] == "signed" else []
    lines = (hide_numbers(facts["why"]),) if facts["what"] == "off" and facts["why"] else ()
    address = url_for("console.activity", number=facts["number"])
    return Told(
        entry.at, entry.source, title, lines, note=" · ".join(notes), link=address,
        link_words=_("查看"),
    )  # fmt: skip


def _task(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    title = _("做完任务：{title}", title=facts["title"] or facts["task"])
    return Told(entry.at, entry.source, title, note=facts["club"] or "")


def _survey(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    happened = SURVEYS.get(facts["what"], SURVEYS["begun"])
    title = _(happened, title=facts["title"])
    answered = _("回答了 {n} 题", n=number(facts["answers"])) if facts["what"] != "begun" else ""
    return Told(entry.at, entry.source, title, note=answered)


def _invitation(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    happened = (INVITES if facts["invites"] else INVITED)[facts["state"]]
    why = WHYS[facts["why"]] if facts["why"] else ""
    small = [_("对方 {party}", party=masked(facts["party"]))] if facts["party"] else []
    if facts["times"] > 1:
        small.append(_("{n} 次", n=number(facts["times"])))
    lines = (_(why),) if why else ()
    return Told(
        entry.at, entry.source, _(happened, club=facts["club"]), lines,
        note=" · ".join(small), amount=facts["points"] or None, unit=_("分"),
    )  # fmt: skip


def _rating(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    title = _("评了 {n} 星：{title}", n=facts["stars"], title=facts["title"])
    words = hide_numbers(facts["words"] or "")
    return Told(entry.at, entry.source, title, (words,) if words else ())


def _feedback(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    said = hide_numbers(facts["words"] or "") or _("（内容已删除）")
    happened = FEEDBACK[facts["what"]]
    return Told(
        entry.at, entry.source, _(happened, number=facts["number"]), (said,),
        note="" if facts["by"] == "subscriber" else _("操作人 {who}", who=facts["by"]),
        link=url_for("console.feedback_one", number=facts["number"]), link_words=_("查看"),
    )  # fmt: skip


def _talk(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    happened, by = TALKS[facts["what"]], BY[facts["channel"]]
    title = _("{what}（{by}）", what=_(happened), by=_(by))
    said = _("说了 {n} 句", n=number(facts["said"])) if facts["what"] == "ended" else ""
    return Told(
        entry.at, entry.source, title, note=said,
        link=url_for("console.talk", number=facts["number"]), link_words=_("查看"),
    )  # fmt: skip


TELL: Mapping[str, Callable[[Entry, Menus], Told]] = {
    doings.ACTIVITY: _activity,
    doings.TASK: _task,
    doings.SURVEY: _survey,
    doings.INVITATION: _invitation,
    doings.RATING: _rating,
    doings.FEEDBACK: _feedback,
    doings.TALK: _talk,
}
