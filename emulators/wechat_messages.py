"""WeChat messages to a subscriber: customer-service, template and subscribe messages."""

from typing import Any

from flask import g

from emulators import people, wechat_callbacks, wechat_media
from emulators.state import Json, Person
from emulators.wechat_errors import WeChatError
from emulators.world import World

# docs: 客服消息; the same number of bytes as a passive reply.
LONGEST_TEXT = 2048
# A repeat with the same client_msg_id within ten minutes is not sent (docs: 模板消息).
REPEAT_S = 600
# How long WeChat takes to report what became of a template message; our choice.
REPORT_AFTER_S = 0.1
KEPT_CLIENT_IDS = 10_000
# How long a field may be, by the letters of its name (docs: 模板消息, 参数说明).
LONGEST_FIELD = {"thing": 20, "time": 32, "number": 32, "character_string": 32, "phrase": 5}
# What the account of these emulators has applied for; others are taken, too.
TEMPLATES = {
    f"TM-{kind}": title
    for kind, title in (
        ("points", "积分变动提醒"), ("vouchers", "卡券到期提醒"), ("clubs", "会员到期提醒"),
        ("activities", "活动通知"), ("gifts", "收到礼物通知"), ("service", "服务进度通知"),
        ("marketing", "优惠活动通知"),
    )
}  # fmt: skip
OK: Json = {"errcode": 0, "errmsg": "ok"}


def send_custom(world: World, body: Json) -> Json:
    """POST message/custom/send: text, news or msgmenu, while a window is open."""
    kind = body.get("msgtype")
    if kind not in ("text", "news", "msgmenu", "image"):
        raise WeChatError(40008)
    content = body.get(str(kind))
    if not isinstance(content, dict):
        raise WeChatError(44004)
    if kind == "image":
        entry = _image(world, content)
    else:
        entry = {"text": _text, "news": _news, "msgmenu": _menu}[str(kind)](content)
    with world.lock:
        person = _follower(world, body.get("touser"))
        _use_window(world, person)
    _reach(world, person, entry)
    return dict(OK)


def send_template(world: World, body: Json) -> Json:
    """POST message/template/send: sent once per client_msg_id; its fate comes as an event."""
    template, data = body.get("template_id"), body.get("data")
    if not isinstance(template, str) or not template:
        raise WeChatError(40037)
    if not isinstance(data, dict):
        raise WeChatError(47001)
    _check_fields(data)
    with world.lock:
        person = _follower(world, body.get("touser"))
        client_id = str(body.get("client_msg_id") or "")
        sent = world.state.templates_sent
        key, now = f"{person.openid} {client_id}", world.timers.now()
        if client_id and key in sent and now - sent[key][1] < REPEAT_S:
            return OK | {"msgid": sent[key][0]}
        number = next(world.message_ids)
        if client_id:
            sent[key] = (number, now)
            for old in list(sent)[:-KEPT_CLIENT_IDS]:
                del sent[old]
    if not person.no_templates:
        _reach(world, person, _filled("template", template, data, body.get("url")))
    world.timers.later(
        REPORT_AFTER_S, "wechat template report", lambda: _report(world, person, number)
    )
    return OK | {"msgid": number}


def get_templates(world: World, body: Json) -> Json:
    """GET template/get_all_private_template: what the account may send."""
    content = "{{thing1.DATA}}\n{{thing2.DATA}}\n{{time3.DATA}}"
    return {
        "template_list": [
            {"template_id": id_, "title": title, "content": content, "example": ""}
            for id_, title in TEMPLATES.items()
        ]
    }


def send_subscribe(world: World, body: Json) -> Json:
    """POST message/subscribe/bizsend: one message for each time the person agreed."""
    template, data = body.get("template_id"), body.get("data")
    if not isinstance(template, str) or not template:
        raise WeChatError(40037)
    if not isinstance(data, dict):
        raise WeChatError(47001)
    with world.lock:
        person = _follower(world, body.get("touser"))
        left = person.agreed.get(template, 0)
        if left < 1:
            raise WeChatError(43101)
        person.agreed[template] = left - 1
        number = next(world.message_ids)
    _reach(world, person, _filled("subscribe", template, data, body.get("page")))
    status = {"TemplateId": template, "MsgID": number, "ErrorCode": 0, "ErrorStatus": "success"}
    fields: Json = {"MsgType": "event", "Event": "subscribe_msg_sent_event"}
    fields["SubscribeMsgSentEvent"] = {"List": status}
    world.timers.later(
        REPORT_AFTER_S,
        "wechat subscribe report",
        lambda: _send_event(world, person, fields),
    )
    return OK | {"msgid": number}


def _report(world: World, person: Person, number: int) -> None:
    fields = {
        "MsgType": "event",
        "Event": "TEMPLATESENDJOBFINISH",
        "MsgID": number,
        "Status": "failed:user block" if person.no_templates else "success",
    }
    _send_event(world, person, fields)


def _send_event(world: World, person: Person, fields: Json) -> None:
    wechat_callbacks.deliver(world, person, fields, what=f"wechat event {fields['Event']}")


def _follower(world: World, openid: Any) -> Person:
    person = people.by_openid(world.state, openid)
    if person is None:
        raise WeChatError(40003)
    if not person.follows:
        raise WeChatError(43004)
    return person


def _use_window(world: World, person: Person) -> None:
    open_windows = [w for w in person.windows.values() if w.until > world.timers.now()]
    if not open_windows:
        raise WeChatError(45015)
    # The one that closes first is used first.
    for window in sorted(open_windows, key=lambda one: one.until):
        if window.left > 0:
            window.left -= 1
            return
    raise WeChatError(45047)


def _text(content: Json) -> Json:
    text = content.get("content")
    if not isinstance(text, str) or not text:
        raise WeChatError(44004)
    return {"kind": "text", "text": _short(text)}


def _news(content: Json) -> Json:
    articles = content.get("articles")
    if not isinstance(articles, list) or not articles or not isinstance(articles[0], dict):
        raise WeChatError(44004)
    if len(articles) > 1:
        raise WeChatError(45008)
    article = articles[0]
    return {
        "kind": "news",
        "title": str(article.get("title", "")),
        "text": str(article.get("description", "")),
        "url": str(article.get("url", "")),
        "picture": str(article.get("picurl", "")),
    }


def _menu(content: Json) -> Json:
    options = content.get("list")
    if not isinstance(options, list) or not options:
        raise WeChatError(44004)
    choices = [{"id": str(o.get("id", "")), "text": str(o.get("content", ""))} for o in options]
    head, tail = str(content.get("head_content", "")), str(content.get("tail_content", ""))
    lines = [head, *(choice["text"] for choice in choices), tail]
    text = _short("\n".join(line for line in lines if line))
    return {"kind": "menu_question", "text": text, "head": head, "options": choices, "tail": tail}


def _image(world: World, content: Json) -> Json:
    media = wechat_media.find(world, content.get("media_id"))
    if media is None:
        raise WeChatError(40007)
    return {"kind": "image", "text": "[图片]", "media": media.id}


def _check_fields(data: Json) -> None:
    for name, one in data.items():
        value = str(one.get("value", "")) if isinstance(one, dict) else ""
        longest = LONGEST_FIELD.get(name.rstrip("0123456789"), LONGEST_TEXT)
        if not 0 < len(value) <= longest:
            raise WeChatError(47003, f"data.{name}.value invalid")


def _filled(kind: str, template: str, data: Json, url: Any) -> Json:
    values = {
        name: str(one.get("value", "")) if isinstance(one, dict) else str(one)
        for name, one in data.items()
    }
    text = "\n".join(f"{name}：{value}" for name, value in values.items())
    return {"kind": kind, "text": text, "template_id": template, "data": values, "url": url or None}


def _short(text: str) -> str:
    if len(text.encode()) > LONGEST_TEXT:
        raise WeChatError(45002)
    return text


def _reach(world: World, person: Person, entry: Json) -> None:
    def show() -> None:
        with world.lock:
            if person.name in world.state.phones:
                people.show(world.state, person, "wechat", "them", **entry)
        world.changed()

    late_s: float = g.get("late_s", 0.0)
    if late_s:
        world.timers.later(late_s, "wechat message on its way", show)
    else:
        show()
