"""WeChat's XML: a callback read into names and values, a reply written, and nothing else let in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

from handlers.wechat_crypto import BadMessage

# A callback is <xml> with values, some of which hold values or lists of them (ScanCodeInfo,
# SendPicsInfo, the List of a subscribe message event).
MOST_LEVELS = 6
MOST_ELEMENTS = 500
TEXT_LIMIT_BYTES = 2048  # a text reply (docs: 被动回复用户消息)

Node = dict[str, Any]
# What XML 1.0 does not allow at all, not even escaped.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_LINKS = re.compile("[<>&#%?+\"']")


def read(body: bytes) -> Node:
    """The values under the root by name; a name that stands twice is a list below the top.

    Raises BadMessage on anything that is not plain UTF-8 XML: entities, doubled top names.
    """
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.ProcessingInstructionHandler = reader.refuse
    parser.buffer_text = True
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        raise BadMessage("not XML") from error
    root = reader.root
    if not isinstance(root, dict):
        raise BadMessage("no values under the root")
    return root


class _Reader:
    def __init__(self) -> None:
        self.root: Any = None
        self._open: list[tuple[str, Node, list[str]]] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= MOST_LEVELS or self._count > MOST_ELEMENTS:
            raise BadMessage("too deep or too many elements")
        self._open.append((name, {}, []))

    def text(self, data: str) -> None:
        self._open[-1][2].append(data)

    def end(self, name: str) -> None:
        _, children, texts = self._open.pop()
        value: Any = children or "".join(texts).strip()
        if not self._open:
            self.root = value
            return
        siblings = self._open[-1][1]
        if name not in siblings:
            siblings[name] = value
        elif len(self._open) == 1:
            raise BadMessage("a value stands twice")
        elif isinstance(siblings[name], list):
            siblings[name].append(value)
        else:
            siblings[name] = [siblings[name], value]

    def refuse(self, *_: Any) -> None:
        raise BadMessage("declarations are not allowed")


def text_of(node: Node, name: str, *, needed: bool = True) -> str:
    """A plain value. Raises BadMessage if it is missing or not plain."""
    value = node.get(name, "")
    if not isinstance(value, str) or (needed and not value):
        raise BadMessage(f"{name} is missing or not a plain value")
    return value


def text_reply(*, to: str, sender: str, created: int, text: str) -> bytes:
    """A text reply, cut at WeChat's limit on a whole character."""
    return (
        f"<xml><ToUserName>{_cdata(to)}</ToUserName><FromUserName>{_cdata(sender)}"
        f"</FromUserName><CreateTime>{created}</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content>{_cdata(cut(text))}</Content></xml>"
    ).encode()


def transfer_reply(*, to: str, sender: str, created: int) -> bytes:
    """A reply that has WeChat pass the message on to its own customer service (docs: 转发消息)."""
    return (
        f"<xml><ToUserName>{_cdata(to)}</ToUserName><FromUserName>{_cdata(sender)}"
        f"</FromUserName><CreateTime>{created}</CreateTime>"
        "<MsgType><![CDATA[transfer_customer_service]]></MsgType></xml>"
    ).encode()


def with_taps(text: str, taps: Sequence[tuple[str, str]]) -> str:
    """The text, its last lines made links: a tap sends the words as if they had been typed, with
    the id as bizmsgmenuid, as after a menu message. Plain where that would be too long."""
    if not taps:
        return text
    head = text.removesuffix("\n".join(words for _, words in taps))
    linked = head + "\n".join(_linked(id_, words) for id_, words in taps)
    return linked if len(linked.encode("utf-8", "replace")) <= TEXT_LIMIT_BYTES else text


def envelope(*, encrypted: str, signature: str, timestamp: str, nonce: str) -> bytes:
    """An encrypted reply."""
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signature}]]>"
        f"</MsgSignature><TimeStamp>{timestamp}</TimeStamp><Nonce>{_cdata(nonce)}</Nonce></xml>"
    ).encode()


def cut(text: str, limit: int = TEXT_LIMIT_BYTES) -> str:
    """The text, or as many whole characters of it as fit into `limit` bytes."""
    encoded = text.encode("utf-8", "replace")
    return text if len(encoded) <= limit else encoded[:limit].decode("utf-8", "ignore")


def _linked(id_: str, words: str) -> str:
    if _NOT_IN_LINKS.search(words):  # what operators write is no markup of ours
        return words
    said = "".join(words.split())
    return f'<a href="weixin://bizmsgmenu?msgmenucontent={said}&msgmenuid={id_}">{words}</a>'


def _cdata(text: str) -> str:
    """CDATA that the text cannot break out of, without what XML does not allow."""
    return f"<![CDATA[{_FORBIDDEN.sub('', text).replace(']]>', ']]]]><![CDATA[>')}]]>"
