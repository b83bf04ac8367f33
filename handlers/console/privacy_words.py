"""Personal data in words: what stands in the way of a deletion, and how a person was told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from handlers.console.words import _, moment
from models.privacy.obstacles import Obstacle

TOLD = {"sms": _("短信"), "wechat": _("微信"), "nobody": _("没有渠道可告知")}


def _hold(about: Mapping[str, Any]) -> str:
    return _(
        "有 {points} 分正预留着（流水号 {serial}），最晚到 {until} 自动退回",
        points=about["points"], serial=about["serial"], until=moment(about["until"]),
    )  # fmt: skip


def _opening(about: Mapping[str, Any]) -> str:
    return _("{club}正在办理，等 BOSS 答复", club=about["name"])


def _call(about: Mapping[str, Any]) -> str:
    if about["state"] == "dead":
        return _("发给 BOSS 的请求 {id} 没有办成，请先重试或放弃", id=about["id"])
    return _("发给 BOSS 的请求 {id} 还没有答复", id=about["id"])


def _reversal(about: Mapping[str, Any]) -> str:
    return _("流水 {serial} 的撤销申请还没有人审批", serial=about["serial"])


def _complaint(about: Mapping[str, Any]) -> str:
    return _("投诉 TS{number} 还没有答复", number=about["number"])


def _voucher(about: Mapping[str, Any]) -> str:
    return _("兑换券 {number}（{title}）还没有用：请本人先使用或退回",
             number=about["number"], title=about["title"])  # fmt: skip


def _parcel(about: Mapping[str, Any]) -> str:
    return _("奖品 {number}（{title}）正等着寄出", number=about["number"], title=about["title"])


WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "hold": _hold,
    "opening": _opening,
    "call": _call,
    "reversal": _reversal,
    "complaint": _complaint,
    "voucher": _voucher,
    "parcel": _parcel,
}


def obstacle_words(obstacle: Obstacle) -> str:
    """What must end first, as an operator reads it."""
    return WORDS[obstacle.kind](obstacle.about)
