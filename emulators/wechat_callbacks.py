"""WeChat's side of the callback: sign, encrypt, send, wait 5 s, try three times, read the reply."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from emulators import people, wechat_crypto, wechat_xml
from emulators.faults import Fault
from emulators.state import Json, Person, Window
from emulators.wire import Answer
from emulators.world import World

PLACE = "wechat.callback"
PATH = "/wechat"
# WeChat tries three times in all (docs: 接收普通消息).
TRIES = 3
# Customer-service messages: 5 within 48 h of a message, 3 within a minute of a click, a scan or
# a new follower (docs: 客服消息, 下发条数限制).
AFTER_MESSAGE = (48 * 3600.0, 5)
AFTER_CLICK = (60.0, 3)
CLICKING_EVENTS = {"CLICK", "SCAN", "subscribe", "scancode_push", "scancode_waitmsg"}


@dataclass(frozen=True, slots=True)
class Callback:
    """One message on its way: the same XML in each of its three tries."""

    person: Person
    xml: str
    what: str
    shows: bool
    back_dated_s: float


def deliver(world: World, person: Person, content: Mapping[str, Any] | str, *, what: str) -> Json:
    """Send one message or event of a person's; returns {"status", "reply", "id"}.

    A mapping gets the fields that every callback has; a text is sent as it stands.
    """
    fault = world.faults.take(PLACE, f"{PATH} {what}")
    back_dated_s = fault.seconds if fault and fault.do == "late" else 0.0
    xml = content if isinstance(content, str) else _xml(world, person, content, back_dated_s)
    try:
        fields = wechat_xml.parse(xml)
    except wechat_xml.BadReply:
        fields = {}
    _open_window(world, person, fields)
    shows = fields.get("MsgType") != "event" or fields.get("Event") in CLICKING_EVENTS
    callback = Callback(person, xml, what, shows, back_dated_s)
    if fault and fault.do == "reorder":
        world.held.put(PLACE, fault.seconds, what, lambda: _discard(_try(world, callback, None)))
        return {"status": None, "reply": None, "id": None, "held": True}
    with world.timers.busy(what):
        return _try(world, callback, fault)


def verify(world: World) -> Json:
    """The check that WeChat's console makes when the address is saved."""
    timestamp, nonce = str(int(world.timers.real_now())), secrets.token_hex(5)
    echo = secrets.token_hex(10)
    query = {
        "signature": wechat_crypto.signature(world.settings.token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "echostr": echo,
    }
    url = f"{world.settings.target}{PATH}?{urlencode(query)}"
    timeout_s = world.settings.wechat_timeout_s
    answer, number = world.call_product(
        "wechat verification", url, {}, b"", method="GET", timeout_s=timeout_s
    )
    good = answer.status == 200 and answer.body == echo.encode()
    return {"status": answer.status, "verified": good, "id": number}


def _try(world: World, callback: Callback, fault: Fault | None) -> Json:
    answer, number = _post(world, callback, fault)
    for _ in range(TRIES - 1):
        if _is_answered(answer, fault):
            break
        if answer.ms < world.settings.wechat_timeout_s * 1000 * 0.9:
            world.timers.wait(world.settings.wechat_retry_after_s)
        fault = world.faults.take(PLACE, f"{PATH} {callback.what}")
        answer, number = _post(world, callback, fault)
    reply = _read(world, callback, answer, answered=_is_answered(answer, fault))
    if reply is not None:
        with world.lock:
            if callback.person.name in world.state.phones:
                people.show(world.state, callback.person, "wechat", "them", **reply)
        world.changed()
    world.held.passed(PLACE)
    return {"status": answer.status, "reply": reply, "id": number}


def _is_answered(answer: Answer, fault: Fault | None) -> bool:
    if fault and fault.do == "error":
        return False
    return answer.status is not None and answer.status < 500


def _post(world: World, callback: Callback, fault: Fault | None) -> tuple[Answer, int]:
    if fault and fault.do == "slow":
        world.timers.wait(fault.seconds)
    answer, number = _post_once(world, callback, fault)
    if fault and fault.do == "duplicate":
        answer, number = _post_once(world, callback, fault)
    if fault and fault.do == "error":
        return Answer(None, b"", {}, answer.ms, "fault: the answer was lost"), number
    return answer, number


def _post_once(world: World, callback: Callback, fault: Fault | None) -> tuple[Answer, int]:
    settings = world.settings
    timestamp = str(int(world.timers.real_now() - callback.back_dated_s))
    nonce = str(secrets.randbelow(10**10))
    token = settings.token
    if fault and fault.do == "bad_signature":
        token = "not-" + token
    query = {
        "signature": wechat_crypto.signature(token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": callback.person.openid or "",
    }
    body = callback.xml
    if settings.mode != "plain":
        sealed = wechat_crypto.encrypt(
            callback.xml, key=settings.encoding_aes_key, app_id=settings.app_id
        )
        query["encrypt_type"] = "aes"
        query["msg_signature"] = wechat_crypto.signature(token, timestamp, nonce, sealed)
        body = _sealed_body(world, callback.xml, sealed)
    return world.call_product(
        callback.what,
        f"{settings.target}{PATH}?{urlencode(query)}",
        {"Content-Type": "text/xml", "User-Agent": "Mozilla/4.0", "Accept": "*/*"},
        body.encode(),
        timeout_s=settings.wechat_timeout_s,
        fault=fault,
        plain=callback.xml,
    )


def _sealed_body(world: World, xml: str, sealed: str) -> str:
    if world.settings.mode == "secure":
        return wechat_xml.build({"ToUserName": world.settings.account_name, "Encrypt": sealed})
    # Compatible mode sends both, the plain fields first (docs: 消息加解密说明).
    return xml.rstrip().removesuffix("</xml>") + f"<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>"


def _read(world: World, callback: Callback, answer: Answer, *, answered: bool) -> Json | None:
    broken = {"kind": "error", "text": wechat_xml.SYSTEM_ERROR} if callback.shows else None
    if not answered or answer.status != 200:
        return broken
    try:
        text = open_reply(world, answer.body.decode())
        return wechat_xml.read_reply(
            text, openid=callback.person.openid or "", account=world.settings.account_name
        )
    except (wechat_xml.BadReply, wechat_crypto.BadCipher, UnicodeDecodeError):
        return broken


def open_reply(world: World, text: str) -> str:
    """The reply without its encryption. Raises BadReply, BadCipher."""
    settings = world.settings
    if settings.mode == "plain" or text.strip() in ("", "success"):
        return text
    fields = wechat_xml.parse(text)
    sealed = fields.get("Encrypt")
    if sealed is None:
        if settings.mode == "compatible":
            return text
        raise wechat_xml.BadReply("in secure mode the reply must be encrypted")
    parts = (settings.token, fields.get("TimeStamp", ""), fields.get("Nonce", ""), sealed)
    if not wechat_crypto.same(wechat_crypto.signature(*parts), fields.get("MsgSignature", "")):
        raise wechat_xml.BadReply("MsgSignature is wrong")
    return wechat_crypto.decrypt(sealed, key=settings.encoding_aes_key, app_id=settings.app_id)


def _xml(world: World, person: Person, content: Mapping[str, Any], back_dated_s: float) -> str:
    fields: Json = {
        "ToUserName": world.settings.account_name,
        "FromUserName": person.openid,
        "CreateTime": int(world.timers.real_now() - back_dated_s),
    }
    fields |= content
    if fields.get("MsgType") != "event" and "MsgId" not in fields:
        fields["MsgId"] = next(world.message_ids)
    return wechat_xml.build(fields)


def _open_window(world: World, person: Person, fields: Mapping[str, str]) -> None:
    if fields.get("MsgType") == "event":
        if fields.get("Event") not in CLICKING_EVENTS:
            return
        name, (seconds, count) = "click", AFTER_CLICK
    else:
        name, (seconds, count) = "message", AFTER_MESSAGE
    with world.lock:
        person.windows[name] = Window(world.timers.now() + seconds, count)
    world.changed()


def _discard(result: Json) -> None:
    """A message that was held back has no caller any more who could take its result."""
    del result
