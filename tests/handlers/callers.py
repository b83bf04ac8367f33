"""Who calls at the doors: WeChat (by wechatpy's cryptography, not ours), Twilio and BOSS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import requests
import xmltodict
from twilio.request_validator import RequestValidator
from wechatpy.crypto import WeChatCrypto
from wechatpy.crypto.cryptography import WeChatCipher

ACCOUNT = "gh_000000000001"
NONCE = "nonce"
_ids = itertools.count(23_456_789_012_345_678)


def text(sender: str, content: str, *, created: int, msg_id: int | None = None) -> str:
    """A text message, as WeChat writes it."""
    body = f"<Content><![CDATA[{content}]]></Content><MsgId>{msg_id or next(_ids)}</MsgId>"
    return message(sender, "text", body, created=created)


def event(sender: str, name: str, key: str | None = None, more: str = "", *, created: int) -> str:
    """An event; `more` is XML of its own."""
    keyed = "" if key is None else f"<EventKey><![CDATA[{key}]]></EventKey>"
    return message(
        sender, "event", f"<Event><![CDATA[{name}]]></Event>{keyed}{more}", created=created
    )


def message(sender: str, kind: str, body: str, *, created: int | str) -> str:
    """Any callback."""
    return (
        f"<xml><ToUserName><![CDATA[{ACCOUNT}]]></ToUserName>"
        f"<FromUserName><![CDATA[{sender}]]></FromUserName><CreateTime>{created}</CreateTime>"
        f"<MsgType><![CDATA[{kind}]]></MsgType>{body}</xml>"
    )


def sha1(parts: Iterable[str]) -> str:
    """WeChat's signature (docs: 接入指南)."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What a door said to WeChat; `xml` is the decrypted reply, "" for success or nothing."""

    status: int
    body: str
    xml: str = ""

    @property
    def said(self) -> str:
        """The words of the reply, "" if there are none."""
        return str(self.fields.get("Content") or "")

    @property
    def fields(self) -> dict[str, Any]:
        return dict(xmltodict.parse(self.xml)["xml"]) if self.xml else {}


@dataclass(frozen=True)
class WeChat:
    """WeChat's servers, in one of its modes."""

    url: str
    http: requests.Session
    token: str
    key: str
    app_id: str
    mode: str
    clock: Callable[[], float]

    def now(self) -> int:
        return int(self.clock())

    def using(self, **other: Any) -> WeChat:
        """The same with another key, mode, token or app id."""
        return replace(self, **other)

    def query(self, encrypted: str | None = None, *, at: int | None = None) -> dict[str, str]:
        """The signed query string of a callback."""
        timestamp = str(self.now() if at is None else at)
        query = {
            "signature": sha1([self.token, timestamp, NONCE]),
            "timestamp": timestamp,
            "nonce": NONCE,
        }
        if encrypted is not None:
            query["msg_signature"] = sha1([self.token, timestamp, NONCE, encrypted])
            query["encrypt_type"] = "aes"
        return query

    def sealed(self, xml: str) -> str:
        """The message encrypted, by wechatpy."""
        made = WeChatCrypto(self.token, self.key, self.app_id).encrypt_message(xml, NONCE)
        return str(xmltodict.parse(made)["xml"]["Encrypt"])

    def sealed_raw(self, plain: bytes) -> str:
        """Any bytes encrypted, padding and all being the caller's own."""
        cipher = WeChatCipher(base64.b64decode(self.key + "="))
        return base64.b64encode(cipher.encrypt(plain)).decode()

    def framed(self, xml: bytes) -> bytes:
        """What is encrypted: 16 bytes, the length, the message and the app id, not yet padded."""
        return b"r" * 16 + struct.pack(">I", len(xml)) + xml + self.app_id.encode()

    def sends(self, xml: str, *, at: int | None = None) -> Answer:
        """One callback, in this mode."""
        if self.mode == "plain":
            return self.posts(xml.encode(), self.query(at=at))
        return self.sends_sealed(self.sealed(xml), xml=xml, at=at)

    def sends_sealed(self, encrypted: str, *, xml: str = "", at: int | None = None) -> Answer:
        """A callback around what is encrypted already."""
        outer = f"<ToUserName>{ACCOUNT}</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt>"
        if self.mode == "compatible" and xml:
            outer = (
                xml.removeprefix("<xml>").removesuffix("</xml>") + outer.split("</ToUserName>")[1]
            )
        return self.posts(f"<xml>{outer}</xml>".encode(), self.query(encrypted, at=at))

    def posts(self, body: bytes, query: dict[str, str]) -> Answer:
        """Any bytes with any query."""
        answer = self.http.post(
            self.url, params=query, data=body, headers={"Content-Type": "text/xml"}, timeout=60
        )
        return self._read(answer.status_code, answer.content)

    def says(self, sender: str, content: str, **more: Any) -> Answer:
        """Somebody writes in the chat."""
        return self.sends(text(sender, content, **{"created": self.now(), **more}))

    def reports(self, sender: str, name: str, key: str | None = None, more: str = "") -> Answer:
        """Something happens to somebody."""
        return self.sends(event(sender, name, key, more, created=self.now()))

    def _read(self, status: int, content: bytes) -> Answer:
        body = content.decode()
        if not body.startswith("<"):
            return Answer(status, body)
        node = xmltodict.parse(body)["xml"]
        if "Encrypt" not in node:
            return Answer(status, body, body)
        crypto = WeChatCrypto(self.token, self.key, self.app_id)
        plain = crypto.decrypt_message(body, node["MsgSignature"], node["TimeStamp"], node["Nonce"])
        return Answer(status, body, plain)


@dataclass(frozen=True)
class Twilio:
    """Twilio's servers: they sign for the public URL, wherever they connect to."""

    url: str
    public_url: str
    http: requests.Session
    auth_token: str

    def texts(self, number: str, body: str, **form: str) -> requests.Response:
        """Somebody sends an SMS."""
        sid = f"SM{next(_ids):032x}"
        return self.posts(
            "/sms/twilio",
            {"MessageSid": sid, "From": number, "To": "+8610086", "Body": body, **form},
        )

    def reports(self, owed: object, sid: str, status: str) -> requests.Response:
        """What became of a message of ours."""
        form = {"MessageSid": sid, "MessageStatus": status, "To": "+8613800000001"}
        return self.posts(f"/sms/twilio/status?owed={owed}", form)

    def posts(
        self, path: str, form: dict[str, str], *, signature: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:  # fmt: skip
        """Any form, signed unless a signature is given; an empty one is left out."""
        if signature is None:
            signature = self.signature(self.public_url + path, form)
        signed = {"X-Twilio-Signature": signature} if signature else {}
        return self.http.post(
            self.url + path, data=form, headers={**signed, **(headers or {})}, timeout=60
        )

    def signature(self, url: str, form: dict[str, str]) -> str:
        return str(RequestValidator(self.auth_token).compute_signature(url, form))


@dataclass(frozen=True)
class Boss:
    """The operator's system, calling back."""

    url: str
    http: requests.Session
    secret: str
    clock: Callable[[], float]

    def tells(self, request_id: object, state: str = "opened", **more: Any) -> requests.Response:
        """An order has ended."""
        told = {"request_id": request_id, "state": state, "reason": "", "event_id": "e1", **more}
        return self.posts(json.dumps(told).encode())

    def posts(
        self, body: bytes, *, at: int | str | None = None, signature: str | None = None
    ) -> requests.Response:
        """Any body, signed unless a signature is given."""
        timestamp = str(int(self.clock()) if at is None else at)
        right = hmac.new(
            self.secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256
        ).hexdigest()
        headers = {
            "X-Boss-Timestamp": timestamp,
            "X-Boss-Signature": right if signature is None else signature,
        }
        return self.http.post(self.url, data=body, headers=headers, timeout=60)

    def events(self, *told: Any) -> requests.Response:
        """What subscribers have done."""
        return self.posts(json.dumps({"events": told}).encode())
