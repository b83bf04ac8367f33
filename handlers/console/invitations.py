"""Invitations: which did not count, and why; who invites many. GET /invitations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flask import url_for

from handlers.console.frame import Console
from handlers.console.listing import Column, Filter, Key, Listing
from handlers.console.words import _
from models.base import Tx
from models.invitations import looking, tables
from models.invitations.looking import Line
from sms.numbers import masked

STATES = {
    tables.REFUSED: _("不计"),
    tables.JOINED: _("已加入"),
    tables.ACCEPTED: _("来了，还没加入"),
    tables.WANTED: _("等着发短信"),
    tables.ASKED: _("已发短信"),
    tables.DECLINED: _("不愿意"),
    tables.LAPSED: _("没有下文"),
}
WHYS = {
    tables.ONESELF: _("邀请自己"),
    tables.RING: _("互相绕圈邀请"),
    tables.PAIR: _("这两人已经奖励过"),
    tables.BROUGHT: _("已经由别人邀请加入"),
    tables.NOT_NEW: _("原来就是会员"),
    tables.WAITING: _("先接受了别人的邀请"),
    tables.GONE: _("邀请人已注销或封停"),
    tables.DAY: _("邀请人当天奖励满额"),
    tables.MONTH: _("邀请人当月奖励满额"),
    tables.ASKED_LATELY: _("这个号码近期问过"),
    tables.OPTED_OUT: _("对方已退订"),
    tables.BLOCKED: _("对方已封停或注销"),
}
WAYS = {
    tables.SCAN: _("扫码"),
    tables.LINK: _("链接"),
    tables.CODE: _("短信发邀请码"),
    tables.SMS: _("按手机号"),
}
_DIGITS_MOST = 18


def add_routes(console: Console) -> None:
    """GET /invitations, /invitations.csv, /invitations.xlsx."""
    console.listing(
        "/invitations", LISTING, permission="invitations.see", nav=_("邀请"),
        about=_("会员邀请朋友：哪些不计奖励、为什么，谁邀请得特别多。"),
    )  # fmt: skip


def _fetch(tx: Tx, filters: Mapping[str, str], key: Key | None, limit: int) -> list[Line]:
    after = None
    if key:
        at, owner, number = key
        assert isinstance(at, datetime)  # noqa: S101 - the key is ours, sealed
        after = (at, int(str(owner)), int(str(number)))
    person = filters.get("person", "")
    return looking.lines(
        tx, state=filters.get("state", ""), why=filters.get("why", ""),
        person=int(person.lstrip("#")) if person else 0, after=after, limit=limit,
    )  # fmt: skip


def _is_person(typed: str) -> str:
    digits = typed.removeprefix("#")
    good = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MOST
    return "" if good else _("请填用户编号，例如 #1002")


def _called(subscriber_id: int, number: str | None) -> str:
    return f"#{subscriber_id} {masked(number)}" if number else f"#{subscriber_id}"


LISTING: Listing[Line] = Listing(
    name="invitations",
    words=_("邀请"),
    columns=(
        Column(_("时间"), lambda line: line.changed_at, "time"),
        Column(_("邀请人"), lambda line: _called(line.inviter_id, line.inviter), "link"),
        Column(_("朋友"), lambda line: _called(line.friend_id, line.friend)),
        Column(_("俱乐部"), lambda line: line.club),
        Column(_("怎么来的"), lambda line: _(WAYS[line.way])),
        Column(_("状态"), lambda line: _(STATES[line.state])),
        Column(_("不计的原因"), lambda line: _(WHYS[line.why]) if line.why else ""),
        Column(_("次数"), lambda line: line.times, "number"),
        Column(_("邀请人得"), lambda line: line.points, "number"),
        Column(_("朋友得"), lambda line: line.friend_points, "number"),
    ),
    filters=(
        Filter("state", _("状态"), "choice", tuple(STATES.items())),
        Filter("why", _("不计的原因"), "choice", tuple(WHYS.items())),
        Filter("person", _("用户编号"), hint=_("邀请人或朋友，例如 #1002"), check=_is_person),
    ),
    fetch=_fetch,
    key=lambda line: (line.changed_at, line.owner_id, line.id),
    row_link=lambda line: url_for("console.invitations", person=f"#{line.inviter_id}"),
    empty=_("还没有不计的邀请。"),
    first={"state": tables.REFUSED},
)
