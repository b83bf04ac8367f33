"""Sends an exchange of the wire log again, byte for byte."""

from typing import Any

from emulators import wechat_callbacks, wechat_crypto, wechat_xml, wire
from emulators.people import NotPossible
from emulators.state import Json
from emulators.world import World

TIMEOUT_S = 15.0


def again(world: World, number: int) -> Json:
    """The same bytes once more; returns {"status", "id", "body", "reply"}. Raises NotPossible."""
    old = world.wire.find(number)
    if old is None:
        raise NotPossible(f"exchange {number} is unknown or forgotten")
    kept = {k: v for k, v in old.headers.items() if k.lower() not in ("host", "content-length")}
    with world.timers.busy("replay"):
        if old.direction == "out":
            # Our own door logs this one.
            answer = wire.send(old.method, old.url, kept, old.body, timeout_s=TIMEOUT_S)
            return {"status": answer.status, "id": None, "body": _text(answer.body), "reply": None}
        what = f"{old.what.removesuffix(' (replay)')} (replay)"
        answer, fresh = world.call_product(
            what,
            old.url,
            kept,
            old.body,
            method=old.method,
            timeout_s=TIMEOUT_S,
            plain=old.plain,
        )
    reply = _reply(world, old.plain, answer.body) if old.what.startswith("wechat") else None
    return {"status": answer.status, "id": fresh, "body": _text(answer.body), "reply": reply}


def _reply(world: World, plain: str, body: bytes) -> Any:
    try:
        sender = wechat_xml.parse(plain).get("FromUserName", "")
        text = wechat_callbacks.open_reply(world, body.decode())
        account = world.settings.account_name
        return wechat_xml.read_reply(text, openid=sender, account=account)
    except (wechat_xml.BadReply, wechat_crypto.BadCipher, UnicodeDecodeError):
        return None


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
