"""The timeline in words: each entry as a title, what was said, and where it leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import url_for

from dialogs import draw_words, reasons
from handlers.console import doing_words
from handlers.console.person import hide_numbers
from handlers.console.told import Told
from handlers.console.words import _, moment, number
from menus.menus import Menus
from models import complaint_desk, complaints, timeline
from models.points import nature
from models.timeline import Entry
from sms.numbers import masked

GROUPS = {
    "all": _("全部"),
    "messages": _("消息"),
    "points": _("积分与等级"),
    "vouchers": _("券"),
    "draws": _("抽奖"),
    "clubs": _("会籍与同意"),
    "doings": _("活动、任务、邀请"),
    "desk": _("客服"),
}
CHANNELS = {
    "wechat": _("微信"), "sms": _("短信"), "console": _("操作台"), "page": _("网页"),
    "template": _("微信模板消息"), "mailbox": _("消息中心消息"), "notice": _("通知"),
}  # fmt: skip
# Why a notice stays in the mailbox (models/sending_policy.py).
KEPT_BACK = {
    "opted_out": _("用户已退订，没有另外发送"), "unwanted": _("用户关了这类通知，没有另外发送"),
    "blocklist": _("号码在不打扰名单里，没有另外发送"), "cap": _("本周通知已满，没有另外发送"),
    "not_a_test": _("只发测试号码，没有另外发送"), "no_way": _("没有渠道可以发送"),
}  # fmt: skip
# A message that we owe, by the state of its row.
STATES = {
    "owed": _("待发"), "taken": _("发送中"), "sent": _("已发出"), "delivered": _("已送达"),
    "failed": _("发送失败"), "dead": _("已放弃"), "dropped": _("已丢弃"),
}  # fmt: skip
BAD_STATES = frozenset({"failed", "dead", "dropped"})
ACTS = {
    "click": _("点了菜单"), "scan": _("扫了二维码"), "follow": _("关注了公众号"),
    "unfollow": _("取消关注了公众号"), "view": _("打开了网页"), "image": _("发来一张图片"),
    "voice": _("发来一段语音"), "video": _("发来一段视频"), "location": _("发来一个位置"),
    "link": _("发来一个链接"),
}  # fmt: skip
MEMBERSHIPS = {
    "opening": _("正在加入{club}"), "active": _("加入了{club}"), "refused": _("没能加入{club}"),
    "left": _("退出了{club}"), "moved": _("{club}的会籍并入了另一个账户"),
    "suspending": _("正在暂停{club}"), "suspended": _("暂停了{club}"),
    "resuming": _("正在恢复{club}"), "leaving": _("正在退出{club}"),
    "ended": _("{club}的会籍到期结束了"),
}  # fmt: skip
# Why somebody who was a member already is one still (models/memberships/).
STILL_MEMBERS = {
    "term": _("{club}的会籍期限开始，到 {until}"), "renewed": _("续了{club}的会籍，到 {until}"),
    "paid": _("{club}高级会员，用积分，到 {premium}"),
    "again": _("{club}高级会员接着算，到 {premium}"),
    "reached": _("{club}高级会员，达到了条件，到 {premium}"),
    "premium_over": _("{club}高级会员到期，现在是普通会员"), "resumed": _("恢复了{club}"),
    "refused": _("BOSS 没有办成，{club}照旧"), "merged": _("并来了{club}的会籍"),
}  # fmt: skip
TIERS = {
    "up": _("等级升为 {to}"), "kept": _("等级保持 {to}"), "grace": _("等级 {to} 进入宽限期"),
    "down": _("等级降为 {to}"),
}  # fmt: skip
VOUCHERS = {
    "issued": _("换到券：{title}"), "verified": _("用掉券：{title}"),
    "refunded": _("退掉券：{title}"), "expired": _("券过期：{title}"),
    "given": _("送出券：{title}"),
}  # fmt: skip
CHANCES = {"free": _("免费"), "earned": _("赠送的机会"), "points": _("{n} 分")}
# A prize that was won, by the state of its delivery.
PRIZES = {
    "given": _("已到账"), "calling": _("开通中"), "refused": _("没有开通"),
    "wants_address": _("等用户填地址"), "to_send": _("待寄出"), "sent": _("已寄出"),
    "forfeited": _("过期作废"),
}  # fmt: skip
PRIZE_COLOURS = {"given": "green", "sent": "green", "refused": "red", "forfeited": "red"}
GIFT, UNDONE = _("收到朋友送的券：{title}"), _("券的核销被撤销：{title}")
ACTIONS = {
    "subscriber.block": _("封停"),
    "subscriber.unblock": _("解除封停"),
    "subscriber.unmask": _("查看完整号码"),
    "subscriber.unbind": _("解除微信绑定"),
    "subscriber.merge": _("并入一个账户"),
    "subscriber.message": _("发送消息"),
    "subscriber.end_question": _("结束了一个问题"),
    "subscriber.reversal": _("申请撤销一笔流水"),
    "privacy.export": _("导出副本"),
    "privacy.propose": _("提出删除"),
    "privacy.delete": _("按本人要求删除"),
}
CATEGORIES = {
    "points": _("积分"), "merchant": _("商户"), "club": _("俱乐部"), "message": _("短信骚扰"),
    "privacy": _("个人信息"), "other": _("其他"),
}  # fmt: skip
COMPLAINT_STATES = {
    "received": _("已受理"), "with_merchant": _("商户处理中"), "resolved": _("已解决"),
    "upheld": _("属实"), "rejected": _("不成立"),
}  # fmt: skip
COMPLAINT_COLOURS = {
    "received": "yellow", "with_merchant": "blue", "resolved": "green", "upheld": "red",
}  # fmt: skip
# As models/compensations.py notes what it has given.
_PAID = re.compile(r"refund (\d+), goodwill (\d+)")
PREFIX = "TS"  # of a complaint's number as people write it


def tell(entry: Entry, menus: Menus, *, person: int, may_reverse: bool) -> Told:
    """What happened, in words."""
    told = _TELL[entry.source](entry, menus)
    if entry.source == timeline.POINTS and may_reverse and _may_be_reversed(entry.facts):
        address = url_for("console.reversal", number=person, serial=entry.facts["serial"])
        return _with_link(told, address, _("申请撤销"))
    return told


def complaint_number(found: int) -> str:
    """TS10001."""
    return f"{PREFIX}{found}"


def _heard(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    said, kind = hide_numbers(facts["said"] or ""), facts["kind"]
    by = _(CHANNELS.get(facts["channel"], facts["channel"]))
    if kind == "text":
        title = _("用户发来{channel}", channel=by)
        said = said or _("（没有保留内容）")
    else:
        act = _(ACTS[kind]) if kind in ACTS else _("有一个动作")
        title = _("{act}（{by}）", act=act, by=by)
    lines = (said,) if said else ()
    return Told(entry.at, entry.source, title, lines, reply=hide_numbers(facts["reply"] or ""))


def _said(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    by = _(CHANNELS.get(facts["kind"], facts["kind"]))
    words = _("（一次性验证码，不显示）") if facts["secret"] else hide_numbers(facts["text"] or "")
    state, why = facts["state"], facts["status"] if facts["kind"] == "mailbox" else ""
    error = hide_numbers(facts["error"] or "") if state in BAD_STATES else ""
    return Told(
        entry.at, entry.source, _("发给用户的{channel}", channel=by),
        (words.replace("{page}", _("［一次性链接］")),),
        note=_(KEPT_BACK[why]) if why in KEPT_BACK else error,
        state=_(STATES.get(state, state)), colour="red" if state in BAD_STATES else "grey",
    )  # fmt: skip


def _points(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    coins = facts["points"] == 0 and facts["coins"] != 0
    small = [_("流水号 {serial}", serial=facts["serial"])]
    if facts["points"] == 0 and not coins:
        small.append(_("账户内 {n} 分，余额不变", n=number(facts["moved"])))
    if facts["points"] and facts["coins"]:
        small.append(_("如意币 {n}", n=f"{facts['coins']:+,}"))
    if facts["party"]:
        small.append(_("对方 {party}", party=masked(facts["party"])))
    if facts["operator"]:
        small.append(_("操作人 {who}", who=facts["operator"]))
    states = {"proposed": _("已申请撤销"), "approved": _("已撤销")}
    return Told(
        entry.at, entry.source, reasons.reason_words(menus, facts["reason"]),
        note=" · ".join(small), state=states.get(facts["reversal"] or "", ""), colour="yellow",
        amount=facts["coins"] if coins else facts["points"] or None,
        unit=_("如意币") if coins else _("分"),
    )  # fmt: skip


def _may_be_reversed(facts: Mapping[str, Any]) -> bool:
    # What it was is known for sure only by its legs: asking tells (models/points/nature.py).
    never = (nature.MERGE, "reversal", "refund", "expired", "hold", "release")
    return facts["reversal"] is None and facts["points"] != 0 and facts["reason"] not in never


def _membership(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    happened = MEMBERSHIPS[facts["state"]]
    if facts["state"] == "active":
        happened = STILL_MEMBERS.get(facts["why"], happened)
    words = _(
        happened, club=facts["name"], until=facts["ends_on"] or "—",
        premium=facts["premium_until"] or "—",
    )  # fmt: skip
    return Told(entry.at, entry.source, words)


def _consent(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    title = _("同意") if facts["granted"] == "yes" else _("拒绝")
    asked = hide_numbers(facts["question"] or "")
    answer = _("答：{words}", words=hide_numbers(facts["answer"]))
    lines = (asked, answer) if asked else (answer,)
    return Told(
        entry.at, entry.source, title + _("：") + (facts["name"] or facts["subject"]), lines
    )


def _tier(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    happened = TIERS[facts["why"]]
    words = _(happened, to=facts["to"])
    return Told(entry.at, entry.source, words, note=_("计入 {n} 分", n=number(facts["counted"])))


def _voucher(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    why, happened = facts["why"], VOUCHERS[facts["state"]]
    if facts["state"] == "issued" and why != "redeemed":
        happened = UNDONE if why.startswith("undone") else GIFT
    small = [
        facts["store"] or facts["merchant"],
        _("券号 {number}", number=facts["voucher"]),
        _("流水号 {serial}", serial=facts["serial"]),
    ]
    return Told(
        entry.at, entry.source, _(happened, title=facts["title"]), note=" · ".join(small)
    )  # fmt: skip


def _draw(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    paid = CHANCES[facts["chance"]]
    small = [
        _(paid, n=number(facts["points"])),
        _("流水号 {serial}", serial=draw_words.serial(facts["serial"])),
    ]
    if facts["prize"] is None:
        title = _("{draw}：没有抽中", draw=facts["title"])
        return Told(entry.at, entry.source, title, note=" · ".join(small))
    title = _("{draw}：抽中 {prize}", draw=facts["title"], prize=facts["prize"])
    if facts["state"] == "refused" and facts["or_points"]:
        small.append(_("改发 {n} 分", n=number(facts["or_points"])))
    if facts["tracking"]:
        small.append(f"{facts['carrier']} {facts['tracking']}")
    state = facts["state"]
    if (since := datetime.fromisoformat(facts["changed_at"])) > entry.at:
        small.append(_("变为现状：{when}", when=moment(since)))
    return Told(
        entry.at, entry.source, title, note=" · ".join(small), state=_(PRIZES[state]),
        colour=PRIZE_COLOURS.get(state, "yellow"),
    )  # fmt: skip


def _complaint(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    name, category = complaint_number(facts["number"]), CATEGORIES[facts["category"]]
    category = _(category)
    state = COMPLAINT_STATES[facts["state"]]
    titles = {
        "opened": _("投诉 {number}：{category}", number=name, category=category),
        "moved": _("投诉 {number} 有了进展", number=name),
        "noted": _("投诉 {number} 有了备注", number=name),
        "answered": _("投诉 {number}：商户已答复", number=name),
        "reminded": _("投诉 {number}：到期提醒", number=name),
        "paid": _("投诉 {number}：已补偿", number=name),
    }  # fmt: skip
    told = Told(
        entry.at, entry.source, titles[facts["what"]],
        (said_about(facts["what"], facts["words"]) or _("（内容已删除）"),),
        note=_("操作人 {who}", who=who_acted(facts["by"])), state=_(state),
        colour=COMPLAINT_COLOURS.get(facts["state"], "grey"),
    )  # fmt: skip
    return _with_link(told, url_for("console.complaint", number=facts["number"]), _("查看"))


def _note(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    return Told(
        entry.at, entry.source, _("备注"), (hide_numbers(facts["words"] or _("（内容已删除）")),),
        note=_("操作人 {who}", who=facts["by"]),
    )  # fmt: skip


def said_about(what: str, words: str | None) -> str:
    """What an event of a complaint says; points that were given in the reader's language."""
    if what == "paid" and (found := _PAID.fullmatch(words or "")):
        back, given = (number(int(points)) for points in found.groups())
        return _("退回 {back} 分，补偿 {given} 分", back=back, given=given)
    return hide_numbers(words or "")


def who_acted(login: str) -> str:
    """Who did something about a complaint, as people call it."""
    if login == complaints.SUBSCRIBER:
        return _("用户本人")
    if login == complaint_desk.CLOCK:
        return _("系统")
    return _("商户 {who}", who=login) if ":" in login else login


def _action(entry: Entry, menus: Menus) -> Told:
    facts = entry.facts
    name = facts["action"]
    return Told(
        entry.at, entry.source, _(ACTIONS[name]) if name in ACTIONS else name,
        (hide_numbers(facts["reason"]),) if facts["reason"] else (),
        note=_("操作人 {who}", who=facts["login"]),
    )  # fmt: skip


def _with_link(told: Told, link: str, words: str) -> Told:
    return Told(
        told.at, told.source, told.title, told.lines, told.reply, told.note, told.state,
        told.colour, link, words, told.amount, told.unit,
    )  # fmt: skip


_TELL: Mapping[str, Callable[[Entry, Menus], Told]] = {
    timeline.HEARD: _heard,
    timeline.SAID: _said,
    timeline.POINTS: _points,
    timeline.MEMBERSHIP: _membership,
    timeline.CONSENT: _consent,
    timeline.TIER: _tier,
    timeline.VOUCHER: _voucher,
    timeline.DRAW: _draw,
    timeline.COMPLAINT: _complaint,
    timeline.NOTE: _note,
    timeline.ACTION: _action,
    **doing_words.TELL,
}
