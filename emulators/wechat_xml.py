"""XML on the wire: WeChat's callbacks and passive replies; TwiML is read by the same hand."""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from emulators.state import Json

# The longest text WeChat shows in a passive reply, in bytes (docs: 被动回复用户消息).
LONGEST_TEXT = 2048
# A news reply to a message carries one article (docs: 被动回复用户消息, since 2018-10-12).
MOST_ARTICLES = 1
# What the subscriber sees when the reply is unusable (docs: 接收普通消息).
SYSTEM_ERROR = "该公众号提供的服务出现故障，请稍后再试"
# These replies are understood, and shown by kind; the text stands for the content.
OTHER_KINDS = {"image": "[图片]", "voice": "[语音]", "video": "[视频]", "music": "[音乐]"}

# A text in the chat may have links that say something when they are tapped, with an id that comes
# back as bizmsgmenuid (开放社区: 文本消息 weixin://bizmsgmenu; as in the menu message).
_SAYS = re.compile(
    r'<a href="weixin://bizmsgmenu\?msgmenucontent=([^"&]+)&msgmenuid=([^"&]+)">([^<]+)</a>'
)


class BadReply(ValueError):
    """The reply is not one WeChat would show."""


def build(fields: Mapping[str, Any]) -> str:
    """The XML of one callback; numbers stand bare, texts in CDATA, mappings and lists nest."""
    return "<xml>" + "".join(_element(name, value) for name, value in fields.items()) + "</xml>"


def parse(text: str) -> dict[str, str]:
    """The first level of an XML document as texts. Raises BadReply."""
    return {child.tag: child.text or "" for child in tree(text)}


def read_reply(text: str, *, openid: str, account: str) -> Json | None:
    """What the phone shows for a passive reply; None for nothing. Raises BadReply."""
    if text.strip() in ("", "success"):
        return None
    document = tree(text)
    fields = {child.tag: child.text or "" for child in document}
    if fields.get("ToUserName") != openid or fields.get("FromUserName") != account:
        raise BadReply("ToUserName or FromUserName is not the sender's and the account's")
    if not fields.get("CreateTime", "").strip().isdecimal():
        raise BadReply("CreateTime is not a number")
    kind = fields.get("MsgType", "").strip()
    if kind == "text":
        return _text(fields.get("Content"))
    if kind == "news":
        return _news(document)
    if kind == "transfer_customer_service":
        return None
    if kind in OTHER_KINDS:
        return {"kind": kind, "text": OTHER_KINDS[kind]}
    raise BadReply(f"unknown MsgType {kind!r}")


def _text(content: str | None) -> Json:
    if not content:
        raise BadReply("Content is missing")
    if len(content.encode()) > LONGEST_TEXT:
        raise BadReply(f"Content is longer than {LONGEST_TEXT} bytes")
    options = [{"id": id_, "text": said} for said, id_, _ in _SAYS.findall(content)]
    if not options:
        return {"kind": "text", "text": content}
    text, head = _SAYS.sub(r"\3", content), content[: content.index("<a href=")]
    return {"kind": "menu_question", "text": text, "head": head, "options": options, "tail": ""}


def _news(tree: ElementTree.Element) -> Json:
    items = tree.findall("./Articles/item")
    if not items:
        raise BadReply("Articles are missing")
    if len(items) > MOST_ARTICLES or tree.findtext("ArticleCount", "").strip() != str(len(items)):
        raise BadReply("ArticleCount must be 1, and there must be one article")
    return {
        "kind": "news",
        "title": items[0].findtext("Title", ""),
        "text": items[0].findtext("Description", ""),
        "url": items[0].findtext("Url", ""),
        "picture": items[0].findtext("PicUrl", ""),
    }


def tree(text: str) -> ElementTree.Element:
    """The document, without entities. Raises BadReply."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadReply("a document type has no place here")
    try:
        # Entities, the danger in XML, need a document type: refused above.
        return ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as bad:
        raise BadReply(f"not XML: {bad}") from bad


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if isinstance(value, Mapping):
        inside = "".join(_element(inner, one) for inner, one in value.items())
    elif isinstance(value, int | float):
        inside = str(value)
    else:
        inside = "<![CDATA[" + str(value).replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return f"<{name}>{inside}</{name}>"
