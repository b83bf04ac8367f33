"""What can be done in the simulator: on a phone, to the network, to BOSS. One table each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.simulator_emulators import Emulators, NotPossible, Person

LATE_S = 8.0
SLOW_BOSS_S = 15.0
QUICK_BOSS_S = 2.0
TEXT_LENGTH_MAX = 2000
Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """A button that makes the next call go wrong."""

    code: str
    label: str
    english: str
    order: Mapping[str, Any]
    only: str = ""  # what triggers it, where that is not plain


# Passive replies go by another way: these calls are made when an answer comes later.
_CUSTOM = "只影响客服消息：在微信里回“是”以后，BOSS 的结果"
_BINDS = "只影响 SMPP 和 CMPP 的短信"
FAULTS = (
    Fault("late-wechat", "微信回复晚到", "Late WeChat reply",
          {"on": "wechat.api", "do": "late", "path": "custom", "seconds": LATE_S}, _CUSTOM),
    Fault("late-sms", "短信晚到", "Late SMS",
          {"on": "twilio.api", "do": "late", "seconds": LATE_S}),
    Fault("twice-wechat", "微信消息重复", "Duplicate from WeChat",
          {"on": "wechat.callback", "do": "duplicate"}),
    Fault("twice-sms", "短信重复", "Duplicate SMS",
          {"on": "twilio.callback", "do": "duplicate", "path": "sms text"}),
    Fault("forged-wechat", "微信签名错误", "Bad WeChat signature",
          {"on": "wechat.callback", "do": "bad_signature"}),
    Fault("forged-sms", "短信签名错误", "Bad SMS signature",
          {"on": "twilio.callback", "do": "bad_signature", "path": "sms text"}),
    Fault("sms-failed", "短信发送失败", "SMS failed",
          {"on": "twilio.callback", "do": "error", "path": "sms status"}),
    Fault("sms-busy", "短信网关出错", "SMS gateway error",
          {"on": "twilio.api", "do": "error", "status": 503}),
    Fault("sms-order", "短信回执乱序", "Receipts out of order",
          {"on": "twilio.callback", "do": "reorder", "path": "sms status"}),
    Fault("smsc-busy", "短信中心限流", "SMSC throttles",
          {"on": "smsc.submit", "do": "busy"}, _BINDS),
    Fault("smsc-vendor", "短信中心厂家错误码", "SMSC: vendor code",
          {"on": "smsc.submit", "do": "vendor"}, _BINDS),
    Fault("smsc-drop", "短信中心不回答", "SMSC: no answer",
          {"on": "smsc.submit", "do": "drop"}, _BINDS),
    Fault("smsc-slow", "短信中心慢", "Slow SMSC",
          {"on": "smsc.submit", "do": "slow"}, _BINDS),
    Fault("receipt-lost", "短信中心回执丢失", "SMSC: receipt lost",
          {"on": "smsc.receipt", "do": "drop"}, _BINDS),
    Fault("receipt-late", "短信中心回执晚到", "SMSC: late receipt",
          {"on": "smsc.receipt", "do": "late"}, _BINDS),
    Fault("wechat-error", "微信接口出错", "WeChat API error",
          {"on": "wechat.api", "do": "error", "path": "custom", "code": 45015}, _CUSTOM),
    Fault("boss-timeout", "BOSS 断线", "BOSS hangs up",
          {"on": "boss.api", "do": "drop"}),
    Fault("twice-boss", "BOSS 重复确认", "BOSS confirms twice",
          {"on": "boss.callback", "do": "duplicate"}),
)  # fmt: skip

# code -> (label, English, settings)
BOSS_MOODS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "quick": (
        "正常",
        "answers in 2 s",
        {"confirm_after_s": QUICK_BOSS_S, "refuse": False, "close_at_once": True},
    ),
    "slow": (
        "慢",
        "answers in 15 s",
        {"confirm_after_s": SLOW_BOSS_S, "refuse": False, "close_at_once": False},
    ),
    "refuses": ("拒绝", "refuses", {"confirm_after_s": QUICK_BOSS_S, "refuse": True}),
    "silent": (
        "不回应",
        "only by hand",
        {"confirm_after_s": None, "refuse": False, "close_at_once": False},
    ),
}


def mood(settings: Mapping[str, Any]) -> str:
    """Which of BOSS_MOODS these settings of BOSS are; "" for none of them."""
    for code, (_, _, wanted) in BOSS_MOODS.items():
        if all(settings.get(name) == value for name, value in wanted.items()):
            return code
    return ""


def fault_label(on: str, do: str) -> str:
    """What a fault at this place is called; its own names when no button makes it."""
    found = (one for one in FAULTS if (one.order["on"], one.order["do"]) == (on, do))
    return next((f"{one.label} {one.english}" for one in found), f"{on} {do}")


def armed(faults: Iterable[Mapping[str, Any]]) -> dict[str, int | None]:
    """How often each fault in force (by label) will strike; None = until it is removed."""
    times: dict[str, int | None] = {}
    for one in faults:
        label = fault_label(one["on"], one["do"])
        so_far, more = times.get(label, 0), one["left"]
        times[label] = None if so_far is None or more is None else so_far + more
    return times


def do(emulators: Emulators, act: str, person: Person, fields: Fields) -> str:
    """Do an act of the tables; returns a sentence that says what happened.

    Raises KeyError for an unknown act, NotPossible and NotThere.
    """
    return _ACTS[act](emulators, person, fields)


# Where 发位置 is sent from: in the middle of Changsha, where the sample stores are.
WUYI_SQUARE = {"latitude": 28.1957, "longitude": 112.9768, "label": "长沙市芙蓉区五一广场"}


def _on_phone(
    name: str, field: str, **always: object
) -> Callable[[Emulators, Person, Fields], str]:
    def act(emulators: Emulators, person: Person, fields: Fields) -> str:
        body = dict(always) | ({field: _needed(fields, field)} if field else {})
        if menu_id := fields.get("menu_id"):
            body["menu_id"] = menu_id
        return _told(person, emulators.act(person, name, body))

    return act


def _sms(emulators: Emulators, person: Person, fields: Fields) -> str:
    """Over the gateway that was chosen beside the text."""
    body = {"text": _needed(fields, "text"), "via": fields.get("via") or "twilio"}
    return _told(person, emulators.act(person, "sms", body))


def _scan_picture(emulators: Emulators, person: Person, fields: Fields) -> str:
    """Hold one's phone over a picture that somebody else has got."""
    return _told(person, emulators.act(person, "scan", {"media": _needed(fields, "media")}))


def _told(person: Person, answer: Mapping[str, Any]) -> str:
    if answer.get("held"):
        return f"{person.name}：路上耽搁了 held back"
    status = answer.get("status")
    if status is None:
        return f"{person.name}：服务器没有回答 no answer from the server"
    word = "送到了 delivered" if status < 400 else "被拒绝 refused"
    return f"{person.name}：{word}（HTTP {status}）"


def _fault(emulators: Emulators, _: Person, fields: Fields) -> str:
    wanted = next((one for one in FAULTS if one.code == fields.get("fault")), None)
    if wanted is None:
        raise NotPossible("there is no such fault")
    emulators.ask("POST", "/faults", dict(wanted.order))
    label = fault_label(wanted.order["on"], wanted.order["do"])
    times = armed(emulators.faults()).get(label)
    said = f"下一次会出现：{label}" if times == 1 else f"接下来 {times or 1} 次会出现：{label}"
    return f"{said}（{wanted.only}）" if wanted.only else said


def _no_faults(emulators: Emulators, _: Person, __: Fields) -> str:
    emulators.ask("DELETE", "/faults")
    return "故障都取消了 All faults removed"


def _boss_mood(emulators: Emulators, _: Person, fields: Fields) -> str:
    wanted = BOSS_MOODS.get(fields.get("mood", ""))
    if wanted is None:
        raise NotPossible("BOSS has no such mood")
    emulators.ask("POST", "/boss/settings", {"at_once": False, **wanted[2]})
    return f"BOSS：{wanted[0]} {wanted[1]}"


def _order(state: str, reason: str, said: str) -> Callable[[Emulators, Person, Fields], str]:
    def act(emulators: Emulators, _: Person, fields: Fields) -> str:
        request_id = _needed(fields, "order")
        if not all(sign.isalnum() or sign in "-_:." for sign in request_id):
            raise NotPossible("this is no order number")
        body = {"reason": reason} | ({"state": state} if state else {})
        emulators.ask("POST", f"/boss/orders/{request_id}/confirm", body)
        return said

    return act


def _replay(emulators: Emulators, _: Person, fields: Fields) -> str:
    number = _needed(fields, "id")
    if not number.isdecimal():
        raise NotPossible("this is no exchange of the wire log")
    answer = emulators.ask("POST", f"/wire/{number}/replay")
    return f"又发了一次 Sent again（HTTP {answer.get('status')}）"


def _reset(emulators: Emulators, _: Person, __: Fields) -> str:
    emulators.ask("POST", "/reset")
    return "都从头开始了 Everything is back to the start"


def _needed(fields: Fields, name: str) -> str:
    value = fields.get(name, "").strip()
    if not value:
        raise NotPossible(f"'{name}' is empty")
    return value[:TEXT_LENGTH_MAX]


_ACTS: Mapping[str, Callable[[Emulators, Person, Fields], str]] = {
    "text": _on_phone("text", "text"),
    "tap": _on_phone("tap", "key"),
    "visit": _on_phone("tap", "url"),
    "scan": _on_phone("scan", "scene"),
    "scan-picture": _scan_picture,
    "image": _on_phone("image", ""),
    "voice": _on_phone("voice", ""),
    "location": _on_phone("location", "", **WUYI_SQUARE),
    "follow": _on_phone("follow", ""),
    "unfollow": _on_phone("unfollow", ""),
    "sms": _sms,
    "fault": _fault,
    "no-faults": _no_faults,
    "boss": _boss_mood,
    "confirm": _order("", "", "BOSS 确认了 confirmed"),
    "refuse": _order("refused", "余额不足", "BOSS 拒绝了 refused"),
    "replay": _replay,
    "reset": _reset,
}
