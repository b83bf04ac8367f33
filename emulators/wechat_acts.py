"""What a subscriber does in WeChat: each act is shown on the phone and sent to the callback."""

import secrets
from collections.abc import Callable
from typing import Any

from emulators import people, wechat_callbacks, wechat_menus, wechat_pictures, wechat_qr
from emulators.people import NotPossible
from emulators.state import Json, Person
from emulators.world import World

# Menu buttons that send an event of their own name (docs: 自定义菜单事件推送).
EVENT_BUTTONS = {
    "scancode_push",
    "scancode_waitmsg",
    "pic_sysphoto",
    "pic_photo_or_album",
    "pic_weixin",
    "location_select",
}


def act(world: World, who: str, name: str, body: Json) -> Json:
    """Do one act; returns {"status", "reply", "id"}. Raises NotPossible."""
    person = world.person(who)
    doing = ACTS.get(name)
    if doing is None:
        raise NotPossible(f"unknown act {name}; one of {', '.join(ACTS)}")
    if not person.openid:
        raise NotPossible(f"{person.name} has no WeChat")
    if not person.follows and name not in ("follow", "scan", "raw"):
        raise NotPossible(f"{person.name} does not follow the account")
    return doing(world, person, body)


def _text(world: World, person: Person, body: Json) -> Json:
    text = _needed(body, "text")
    fields: Json = {"MsgType": "text", "Content": text}
    if body.get("menu_id") is not None:
        # A tap on an option of a menu question comes as a text with the option's id.
        fields["bizmsgmenuid"] = str(body["menu_id"])
    _show(world, person, "text", text)
    return wechat_callbacks.deliver(world, person, fields, what="wechat text")


def _image(world: World, person: Person, body: Json) -> Json:
    media = wechat_pictures.keep(world, body)
    url = str(body.get("url") or f"{world.own_url}/media/{media}")
    _show(world, person, "image", "[图片]")
    fields = {"MsgType": "image", "PicUrl": url, "MediaId": media}
    return wechat_callbacks.deliver(world, person, fields, what="wechat image")


def _voice(world: World, person: Person, body: Json) -> Json:
    media = str(body.get("media_id") or secrets.token_urlsafe(32))
    _show(world, person, "voice", "[语音]")
    fields = {"MsgType": "voice", "MediaId": media, "Format": "amr"}
    if body.get("recognition"):  # where the account has switched speech recognition on
        fields["Recognition"] = str(body["recognition"])
    return wechat_callbacks.deliver(world, person, fields, what="wechat voice")


def _location(world: World, person: Person, body: Json) -> Json:
    label = str(body.get("label") or "北京市东城区东长安街")
    latitude, longitude = body.get("latitude", 39.9087), body.get("longitude", 116.3975)
    if body.get("event"):
        fields: Json = {"MsgType": "event", "Event": "LOCATION"}
        fields |= {"Latitude": latitude, "Longitude": longitude, "Precision": 50.0}
        return wechat_callbacks.deliver(world, person, fields, what="wechat event LOCATION")
    _show(world, person, "location", label)
    fields = {"MsgType": "location", "Location_X": latitude, "Location_Y": longitude}
    fields |= {"Scale": 16, "Label": label}
    return wechat_callbacks.deliver(world, person, fields, what="wechat location")


def _tap(world: World, person: Person, body: Json) -> Json:
    button = _button(world, person, body)
    kind = str(button.get("type", "click"))
    _show(world, person, "event", f"点击菜单：{button.get('name') or button.get('key', '')}")
    if kind in ("view", "miniprogram"):
        event = "VIEW" if kind == "view" else "view_miniprogram"
        key = button.get("url") if kind == "view" else button.get("pagepath")
        done = _event(world, person, event, {"EventKey": key or ""})
        return done | {"open": button.get("url")}
    more: Json = {"EventKey": str(button.get("key", ""))}
    if kind in EVENT_BUTTONS:
        more |= _button_details(kind, body)
    return _event(world, person, kind if kind in EVENT_BUTTONS else "CLICK", more)


def _button(world: World, person: Person, body: Json) -> Json:
    with world.lock:
        buttons = wechat_menus.leaves(wechat_menus.seen_by(world.state, person))
    for field in ("key", "url", "name"):
        if wanted := body.get(field):
            found = next((one for one in buttons if one.get(field) == wanted), None)
            if found:
                return found
            if field != "name":
                # A phone keeps a menu for a while after it was changed: old keys do arrive.
                return {"type": "click" if field == "key" else "view", field: wanted}
    raise NotPossible("tap what? give the 'key', 'url' or 'name' of a button in the menu")


def _button_details(kind: str, body: Json) -> Json:
    if kind.startswith("scancode"):
        result = str(body.get("result", "https://example.com/scanned"))
        return {"ScanCodeInfo": {"ScanType": "qrcode", "ScanResult": result}}
    if kind.startswith("pic"):
        picture = {"item": {"PicMd5Sum": secrets.token_hex(16)}}
        return {"SendPicsInfo": {"Count": 1, "PicList": picture}}
    where = {"Location_X": 39.9087, "Location_Y": 116.3975, "Scale": 16, "Label": "", "Poiname": ""}
    return {"SendLocationInfo": where}


def _scan(world: World, person: Person, body: Json) -> Json:
    ticket = wechat_qr.read(world, body)
    if person.follows:
        _show(world, person, "event", "扫描二维码")
        more = {"EventKey": ticket.scene, "Ticket": ticket.ticket}
        return _event(world, person, "SCAN", more)
    more = {"EventKey": "qrscene_" + ticket.scene, "Ticket": ticket.ticket}
    return _begin_to_follow(world, person, more, ticket.scene, "扫描二维码并关注了公众号")


def _follow(world: World, person: Person, body: Json) -> Json:
    if person.follows:
        raise NotPossible(f"{person.name} follows already")
    scene = str(body.get("scene") or "")
    if scene:
        return _scan(world, person, body)
    return _begin_to_follow(world, person, {"EventKey": ""}, "", "关注了公众号")


def _begin_to_follow(world: World, person: Person, more: Json, scene: str, text: str) -> Json:
    with world.lock:
        person.follows = True
        person.followed_at = int(world.timers.now())
        person.scene = scene
    _show(world, person, "event", text)
    return _event(world, person, "subscribe", more)


def _unfollow(world: World, person: Person, body: Json) -> Json:
    with world.lock:
        person.follows = False
        person.windows.clear()
        person.agreed.clear()
        # Tags go with the follower (docs: 用户标签管理, 粉丝取消关注).
        person.tags.clear()
    _show(world, person, "event", "取消了关注")
    return _event(world, person, "unsubscribe", {"EventKey": ""})


def _agree(world: World, person: Person, body: Json) -> Json:
    template = _needed(body, "template_id")
    accepted = bool(body.get("accept", True))
    if accepted:
        with world.lock:
            person.agreed[template] = person.agreed.get(template, 0) + 1
    answer = {
        "TemplateId": template,
        "SubscribeStatusString": "accept" if accepted else "reject",
        "PopupScene": 0,
    }
    _show(world, person, "event", "同意接收订阅通知" if accepted else "拒绝接收订阅通知")
    return _event(
        world, person, "subscribe_msg_popup_event", {"SubscribeMsgPopupEvent": {"List": answer}}
    )


def _templates(world: World, person: Person, body: Json) -> Json:
    """Take template messages, or no more: WeChat tells nobody until one is sent."""
    with world.lock:
        person.no_templates = not body.get("accept", True)
    _show(world, person, "event", "不再接收模板消息" if person.no_templates else "接收模板消息")
    return {"status": 200, "reply": None, "id": 0}


def _raw(world: World, person: Person, body: Json) -> Json:
    xml, fields = body.get("xml"), body.get("fields")
    if isinstance(xml, str):
        return wechat_callbacks.deliver(world, person, xml, what="wechat raw")
    if not isinstance(fields, dict):
        raise NotPossible("give 'xml' (a text, sent as it is) or 'fields' (name: value)")
    if fields.get("Event"):
        what = f"wechat event {fields['Event']}"
        fields = {"MsgType": "event"} | fields
    else:
        what = f"wechat {fields.get('MsgType', 'raw')}"
    return wechat_callbacks.deliver(world, person, fields, what=what)


def _event(world: World, person: Person, event: str, more: Json) -> Json:
    fields: Json = {"MsgType": "event", "Event": event} | more
    return wechat_callbacks.deliver(world, person, fields, what=f"wechat event {event}")


def _show(world: World, person: Person, kind: str, text: str) -> None:
    with world.lock:
        people.show(world.state, person, "wechat", "me", kind, text)
    world.changed()


def _needed(body: Json, name: str) -> str:
    value: Any = body.get(name)
    if not isinstance(value, str) or not value:
        raise NotPossible(f"'{name}' is missing")
    return value


ACTS: dict[str, Callable[[World, Person, Json], Json]] = {
    "follow": _follow,
    "unfollow": _unfollow,
    "text": _text,
    "tap": _tap,
    "scan": _scan,
    "location": _location,
    "image": _image,
    "voice": _voice,
    "agree": _agree,
    "templates": _templates,
    "raw": _raw,
}
