"""What a WeChat callback says, read into an Inbound (docs: 接收普通消息, 接收事件推送).

Messages are told apart by MsgId, sender and time, since MsgId alone has collided across users;
events, which have no id, by sender, time, event and key.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from dialogs.inbound import Inbound, Kind
from handlers.wechat_crypto import BadMessage
from handlers.wechat_xml import Node, text_of

SENDER_LIMIT = 64
# Seconds since 1970 up to the year 2286. More is not a time from WeChat.
TIME_DIGITS = 10
_DEGREES = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,20})?")

_MESSAGES: dict[str, tuple[Kind, str]] = {
    "text": ("text", "Content"),
    "image": ("image", "MediaId"),
    "voice": ("voice", "Recognition"),  # what WeChat has heard, where that is switched on
    "video": ("video", "MediaId"),
    "shortvideo": ("video", "MediaId"),
    "location": ("location", "Label"),
    "link": ("link", "Url"),
}
_EVENTS: dict[str, Kind] = {
    "subscribe": "follow",
    "unsubscribe": "unfollow",
    # The person has cancelled the WeChat account: what came from WeChat goes.
    "user_authorization_cancellation": "unfollow",
    "scan": "scan",
    "click": "click",
    "view": "view",
    "view_miniprogram": "view",
    "scancode_waitmsg": "click",
    "scancode_push": "notice",  # WeChat shows the result itself
    "pic_sysphoto": "notice",  # the pictures follow as messages of their own
    "pic_photo_or_album": "notice",
    "pic_weixin": "notice",
    "location_select": "notice",  # the place follows as a message of its own
    "location": "notice",  # reported by the app when the chat opens, not said by anybody
    "templatesendjobfinish": "receipt",  # what became of a template message
    "masssendjobfinish": "notice",
    "subscribe_msg_popup_event": "notice",
    "subscribe_msg_change_event": "notice",
    "subscribe_msg_sent_event": "notice",
    "user_info_modified": "notice",
    "user_authorization_revoke": "notice",
    "kf_create_session": "notice",
    "kf_close_session": "notice",
    "kf_switch_session": "notice",
}


def read_inbound(node: Node) -> Inbound:
    """The callback as an Inbound; what WeChat may add one day becomes kind "other".

    Raises BadMessage.
    """
    sender = text_of(node, "FromUserName")
    if len(sender) > SENDER_LIMIT:
        raise BadMessage("FromUserName is too long")
    created = text_of(node, "CreateTime")
    if not (created.isascii() and created.isdigit() and len(created) <= TIME_DIGITS):
        raise BadMessage("CreateTime is not a time")
    kind_name = text_of(node, "MsgType")
    if kind_name == "event":
        kind, value, what = _event(node)
        parts = [sender, created, *what]
    else:
        kind, name = _MESSAGES.get(kind_name, ("other", ""))
        value = text_of(node, name, needed=False) if name else kind_name
        parts = [text_of(node, "MsgId"), sender, created]
    return Inbound(
        key=_key(parts),
        channel="wechat",
        sender=sender,
        kind=kind,
        value=value,
        sent_at=datetime.fromtimestamp(int(created), UTC),
        picked=text_of(node, "bizmsgmenuid", needed=False) if kind == "text" else "",
        to=text_of(node, "ToUserName"),
        place=_place(node) if kind == "location" else None,
    )


def _place(node: Node) -> tuple[float, float] | None:
    """Latitude and longitude of a location; None where they are no place on earth."""
    said = [text_of(node, name, needed=False) for name in ("Location_X", "Location_Y")]
    if not all(map(_DEGREES.fullmatch, said)):
        return None
    latitude, longitude = map(float, said)
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _event(node: Node) -> tuple[Kind, str, list[str]]:
    event = text_of(node, "Event")
    event_key = text_of(node, "EventKey", needed=False)
    kind = _EVENTS.get(event.lower(), "other")
    what = [event, event_key, text_of(node, "OpenID", needed=False)]
    value = event_key
    if kind == "follow":
        # "qrscene_X" after scanning a code; "last_trade_no_X" after paying, which is no scene.
        value = event_key.removeprefix("qrscene_") if event_key.startswith("qrscene_") else ""
    elif kind == "receipt":
        number = text_of(node, "MsgID", needed=False)
        value = f"{number} {text_of(node, 'Status', needed=False)}"
        what.append(number)
    elif kind in ("notice", "other"):
        value = event
        what.append(text_of(node, "MsgID", needed=False))
    return kind, value, what


def _key(parts: list[str]) -> str:
    # Hashed: it is kept as evidence, and would name the openid of somebody who was deleted.
    key = "wx:" + ":".join(parts).rstrip(":")
    return "wx:sha256:" + hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
