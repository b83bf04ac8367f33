"""Rows of the outbox as operators read them: nothing of a person that they need not see."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from dialogs.delivery import PAGE_MARK
from handlers.console.words import _
from models.outbox import Owed
from sms.numbers import masked

STATES = {
    "dead": _("放弃，等人处理"),
    "failed": _("被拒绝"),
    "owed": _("等待发送"),
    "taken": _("正在发送"),
    "accepted": _("已受理，等结果"),
    "sent": _("已发出"),
    "delivered": _("已送达"),
    "answered": _("已有结果"),
    "dropped": _("人工放弃"),
}
COLOURS = {
    "dead": "red", "failed": "orange", "owed": "yellow", "taken": "blue", "accepted": "blue",
    "sent": "turquoise", "delivered": "green", "answered": "green",
}  # fmt: skip
QUEUES = {"reply": _("答复"), "call": _("业务请求"), "bulk": _("群发")}
KINDS = {
    "sms": _("短信"), "wechat": _("微信"), "template": _("模板消息"), "call": _("调用"),
    "notice": _("待定渠道的通知"), "mailbox": _("只留在消息中心"),
}  # fmt: skip

# Longer runs of digits may be numbers of people or codes; amounts and years are shorter.
_DIGITS = re.compile(r"\d{6,}")
_PERSONAL = frozenset({"msisdn", "to", "openid"})


def state_words(state: str) -> str:
    """A state as people call it."""
    return _(STATES[state])


def counted(rows: Sequence[Owed]) -> str:
    """短信 3 条、调用 1 条."""
    found = Counter(row.kind for row in rows)
    each = [_("{kind} {n} 条", kind=_(KINDS[kind]), n=found[kind]) for kind in KINDS if found[kind]]
    return _("、").join(each)


def receiver(owed: Owed) -> str:
    """Who gets it, or what is called, in a few masked words."""
    if owed.kind == "call":
        return f"{owed.payload['service']} {_arguments(owed.payload)}"
    return _address(owed.payload)


def shown_payload(owed: Owed) -> list[tuple[str, str]]:
    """What a row carries, (words, value), masked."""
    payload = owed.payload
    if owed.kind == "call":
        return [(_("办理的业务"), str(payload["service"])), (_("参数"), _arguments(payload))]
    lines = [(_("收件人"), _address(payload)), (_("内容"), _text(payload))]
    if payload.get("page"):
        lines.append((_("一次性链接通向"), str(payload["page"])))
    if payload.get("sms"):
        lines.append((_("微信不收时改发短信给"), _address(payload["sms"])))
    return lines


def _text(payload: dict[str, Any] | Any) -> str:
    if "secret" in payload:
        return _("（含一次性验证码，不显示）")
    text = str(payload.get("text", "")).replace(PAGE_MARK, _("（一次性链接）"))
    return _DIGITS.sub("****", text)


def _address(payload: Any) -> str:
    if payload.get("to"):
        return masked(str(payload["to"]))
    return _short(str(payload.get("openid", "")))


def _arguments(payload: Any) -> str:
    given = {name: _masked(name, str(value)) for name, value in dict(payload["arguments"]).items()}
    return json.dumps(given, ensure_ascii=False)


def _masked(name: str, value: str) -> str:
    if name not in _PERSONAL:
        return _DIGITS.sub("****", value)
    return _short(value) if name == "openid" else masked(value)


def _short(openid: str) -> str:
    """Enough of an openid to compare two of them."""
    return f"{openid[:4]}…{openid[-2:]}" if len(openid) > 8 else "…"
