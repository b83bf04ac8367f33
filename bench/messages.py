"""WeChat's callbacks as whole HTTP requests, encrypted and signed as WeChat does; answers read.

The encryption is the emulators', not the product's.
"""

from __future__ import annotations

import base64
import itertools
import os
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from emulators.wechat_crypto import decrypt, encrypt, signature
from settings import DEVELOPMENT

TOKEN = DEVELOPMENT["CIRCLE_WECHAT__TOKEN"]
KEY = DEVELOPMENT["CIRCLE_WECHAT__ENCODING_AES_KEY"]
APP_ID = DEVELOPMENT["CIRCLE_WECHAT__APP_ID"]
ACCOUNT = "gh_0000000000000001"
TEN_MEGABYTES = 10_000_000

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `text` is None where it is no encrypted text message."""

    status: int
    text: str | None


def click(openid: str, key: str) -> str:
    """The callback of a menu entry that was tapped."""
    return _event(openid, "CLICK", key)


def scan(openid: str, scene: str) -> str:
    """The callback of a follower who scanned one of our QR codes."""
    return _event(openid, "SCAN", scene, "<Ticket><![CDATA[gQH47joAAAAAAAAAASxodHRwOi]]></Ticket>")


def _event(openid: str, event: str, key: str, more: str = "") -> str:
    # One second per person is enough of a difference: events are told apart by time and sender.
    return (
        f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName>"
        f"<FromUserName><![CDATA[{openid}]]></FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        f"<Event><![CDATA[{event}]]></Event><EventKey><![CDATA[{key}]]></EventKey>{more}</xml>"
    )


def request(message: str, *, openid: str, signed: bool = True) -> bytes:
    """The message as the POST that WeChat would send now."""
    return _post(encrypt(message, key=KEY, app_id=APP_ID), openid, signed=signed)


def badly_padded(openid: str) -> bytes:
    """A signed POST whose ciphertext cannot have come from WeChat."""
    return _post(base64.b64encode(os.urandom(320)).decode(), openid)


def too_large(openid: str) -> bytes:
    """A signed POST of ten megabytes."""
    return _post(base64.b64encode(os.urandom(TEN_MEGABYTES * 3 // 4)).decode(), openid)


def _post(encrypted: str, openid: str, *, signed: bool = True) -> bytes:
    timestamp, nonce = str(int(time.time())), f"{next(_numbers):09d}"
    token = TOKEN if signed else "somebody-else"
    body = (
        f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    ).encode()
    target = (
        f"/wechat?signature={signature(token, timestamp, nonce)}&timestamp={timestamp}"
        f"&nonce={nonce}&openid={openid}&encrypt_type=aes"
        f"&msg_signature={signature(token, timestamp, nonce, encrypted)}"
    )
    return (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/4.0\r\nAccept: */*\r\n"
        f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def read(response: bytes) -> Answer:
    """The status, and the decrypted text if there is one. Raises ValueError on a broken answer."""
    head, _, body = response.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    if status != 200 or not body.startswith(b"<"):
        return Answer(status, None)
    sealed = ElementTree.fromstring(body)
    encrypted = sealed.findtext("Encrypt") or ""
    signed = [sealed.findtext(name) or "" for name in ("TimeStamp", "Nonce")]
    if sealed.findtext("MsgSignature") != signature(TOKEN, *signed, encrypted):
        raise ValueError("an answer with a wrong signature")
    reply = ElementTree.fromstring(decrypt(encrypted, key=KEY, app_id=APP_ID))
    return Answer(status, reply.findtext("Content") or "")
