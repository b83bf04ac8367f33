"""The WeChat door: verify, read, hand over, answer. A WSGI app of its own, ahead of Flask.

    GET   is this server ours?       echostr, or 403
    POST  a message or an event      XML, or "success", or 4xx that changes nothing

Flask would double the cost of the one address that is called for every message
(docs/benchmarks.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import structlog

from dialogs.delivery import Reply
from handlers import metrics
from handlers.answering import Answering
from handlers.wechat_crypto import BadMessage, Codec, is_signed, signature
from handlers.wechat_inbound import read_inbound
from handlers.wechat_xml import (
    envelope,
    read,
    text_of,
    text_reply,
    transfer_reply,
    with_taps,
)  # fmt: skip
from models.store import Unavailable

log = structlog.get_logger()

# What is only logged: nobody waits for words, and nothing changes.
ONLY_LOGGED = frozenset({"view", "notice", "other"})
QUERY_LIMIT = 2048
LENGTH_DIGITS = 12
SUCCESS = b"success"


@dataclass(frozen=True, slots=True)
class WeChatDoor:
    """`codecs`: the current key first, then the previous one. `mode`: plain, compatible, secure."""

    token: str
    codecs: tuple[Codec, ...]
    mode: str
    replay_window_s: int
    body_limit: int
    answering: Answering
    clock: Callable[[], float] = field(default=time.time)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        started = time.perf_counter()
        try:
            status, body = self._serve(environ)
        except BadMessage as refused:
            log.info("wechat callback refused", why=str(refused))
            status, body = "400 Bad Request", b"bad message"
        except _Refused as refused:
            log.info("wechat callback refused", why=refused.why)
            status, body = refused.status, refused.why.encode()
        took = time.perf_counter() - started
        metrics.callbacks("wechat", status[:3], took)
        if status.startswith("2"):
            self.answering.numbers.took("in:wechat", took)
        # Never XML for an echo: whoever saw one signed URL could have us serve markup of theirs.
        is_xml = environ["REQUEST_METHOD"] == "POST" and body.startswith(b"<")
        kind = "text/xml; charset=utf-8" if is_xml else "text/plain; charset=utf-8"
        headers = [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("X-Content-Type-Options", "nosniff"),
        ]
        start_response(status, headers)
        return [body]

    def _serve(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        # What is not UTF-8 is kept, so that an echo is the same byte for byte.
        given = environ.get("QUERY_STRING", "")[:QUERY_LIMIT]
        query = dict(parse_qsl(given, errors="surrogateescape"))
        method = environ["REQUEST_METHOD"]
        if method == "GET":
            return "200 OK", self._verify(query)
        if method != "POST":
            raise _Refused("405 Method Not Allowed", "GET or POST")
        return "200 OK", self._receive(query, self._body(environ))

    def _verify(self, query: dict[str, str]) -> bytes:
        self._check(query.get("signature", ""), query)
        return query.get("echostr", "").encode("utf-8", "surrogateescape")

    def _receive(self, query: dict[str, str], body: bytes) -> bytes:
        self._check_age(query)
        node, codec = self._open(query, body)
        inbound = read_inbound(node)
        if inbound.kind in ONLY_LOGGED:
            log.info("wechat event", kind=inbound.kind, what=inbound.value[:64])
            return SUCCESS
        try:
            if inbound.kind == "receipt":
                self.answering.receipt(inbound)
                return SUCCESS
            reply = self.answering.answer(inbound)
        except Unavailable:
            if inbound.kind in (
                "unfollow",
                "receipt",
            ):  # nobody reads an answer, and WeChat tries again
                raise _Refused("503 Service Unavailable", "try again") from None
            reply = Reply(self.answering.busy("wechat"))
        if inbound.kind == "unfollow" or not (reply.text or reply.to_wechats_desk):
            return SUCCESS
        # The time of the message, so that a repeat is answered with the same bytes.
        created = int(inbound.sent_at.timestamp()) if inbound.sent_at else 0
        if reply.to_wechats_desk:
            answer = transfer_reply(to=inbound.sender, sender=inbound.to, created=created)
        else:
            answer = text_reply(
                to=inbound.sender, sender=inbound.to, created=created,
                text=with_taps(reply.text, reply.taps),
            )  # fmt: skip
        return self._seal(codec, answer, query) if codec else answer

    def _open(self, query: dict[str, str], body: bytes) -> tuple[dict[str, Any], Codec | None]:
        """The message, and the codec to answer with. The signature must cover what is read."""
        plain_first = "msg_signature" not in query
        if plain_first:
            self._check(query.get("signature", ""), query)
        node = read(body)
        sealed = node.get("Encrypt") is not None and self.mode != "plain"
        if not sealed:
            if self.mode == "secure":
                raise _Refused("403 Forbidden", "only encrypted messages are taken")
            if not plain_first:
                self._check(query.get("signature", ""), query)
            return node, None
        encrypted = text_of(node, "Encrypt")
        self._check(query.get("msg_signature", ""), query, encrypted)
        for position, codec in enumerate(self.codecs):
            try:
                return read(codec.decrypt(encrypted)), codec
            except BadMessage:
                if position == len(self.codecs) - 1:
                    raise
        raise BadMessage("no key")

    def _seal(self, codec: Codec, answer: bytes, query: dict[str, str]) -> bytes:
        encrypted = codec.encrypt(answer)
        timestamp, nonce = str(int(self.clock())), query.get("nonce", "")
        signed = signature(self.token, timestamp, nonce, encrypted)
        return envelope(encrypted=encrypted, signature=signed, timestamp=timestamp, nonce=nonce)

    def _check(self, given: str, query: dict[str, str], *more: str) -> None:
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        if not is_signed(given, self.token, timestamp, nonce, *more):
            raise _Refused("403 Forbidden", "wrong signature")

    def _check_age(self, query: dict[str, str]) -> None:
        stamped = query.get("timestamp", "")
        if not (stamped.isascii() and stamped.isdigit() and len(stamped) <= 12):
            raise _Refused("403 Forbidden", "timestamp is missing")
        if abs(self.clock() - int(stamped)) > self.replay_window_s:
            raise _Refused("403 Forbidden", "timestamp is too old")

    def _body(self, environ: dict[str, Any]) -> bytes:
        length = environ.get("CONTENT_LENGTH") or "0"
        is_number = length.isascii() and length.isdigit() and len(length) <= LENGTH_DIGITS
        if not is_number or int(length) > self.body_limit:
            raise _Refused("413 Content Too Large", "body is too large")
        body: bytes = environ["wsgi.input"].read(int(length))
        return body


class _Refused(Exception):
    def __init__(self, status: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
