"""WeChat's XML: what is let in, and replies that no text can break out of."""

from __future__ import annotations

import unicodedata

import pytest
import xmltodict
from hypothesis import given
from hypothesis import strategies as st

from handlers.wechat_crypto import BadMessage
from handlers.wechat_xml import (
    MOST_ELEMENTS,
    MOST_LEVELS,
    TEXT_LIMIT_BYTES,
    cut,
    envelope,
    read,
    text_of,
    text_reply,
    with_taps,
)


@pytest.mark.parametrize(
    "xml",
    [
        "<xml><A>1</A><B><![CDATA[<b>&]]></B></xml>",
        "<xml><A>&lt;&amp;&#x4e2d;</A></xml>",
        "<xml><A><B>1</B><B>2</B><B>3</B></A></xml>",
        "<xml><A><B>1</B></A><C><D><E>5</E></D></C></xml>",
        '<?xml version="1.0" encoding="UTF-8"?>\n<xml>\n  <A>1</A>\n</xml>',
        "\ufeff<xml><A>1</A></xml>",
        '<xml a="b"><A>1</A></xml>',
    ],
)
def test_what_wechat_writes_is_read_as_xmltodict_reads_it(xml: str) -> None:
    theirs = xmltodict.parse(xml.encode())["xml"]
    theirs.pop("@a", None)
    assert read(xml.encode()) == theirs


def test_a_name_that_stands_twice_at_the_top_is_refused() -> None:
    with pytest.raises(BadMessage):
        read(b"<xml><A>1</A><A>2</A></xml>")


def test_depth_and_number_of_elements_have_a_limit() -> None:
    inner = MOST_LEVELS - 1
    assert read(b"<xml>" + b"<a>" * inner + b"</a>" * inner + b"</xml>")
    with pytest.raises(BadMessage):
        read(b"<xml>" + b"<a>" * (inner + 1) + b"</a>" * (inner + 1) + b"</xml>")
    with pytest.raises(BadMessage):
        read(b"<xml><l>" + b"<a/>" * MOST_ELEMENTS + b"</l></xml>")


@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_refused_and_nothing_else(body: bytes) -> None:
    for candidate in (body, b"<xml>" + body + b"</xml>", b"<xml><A>" + body + b"</A></xml>"):
        try:
            node = read(candidate)
        except BadMessage:
            continue
        assert isinstance(node, dict)


def test_a_value_is_asked_for_by_name_and_must_be_plain() -> None:
    node = read(b"<xml><A>1</A><B><C>2</C></B><D></D></xml>")
    assert text_of(node, "A") == "1"
    assert text_of(node, "D", needed=False) == text_of(node, "Z", needed=False) == ""
    for name in ("B", "D", "Z"):
        with pytest.raises(BadMessage):
            text_of(node, name)
    with pytest.raises(BadMessage):
        text_of(node, "B", needed=False)


@given(st.text(max_size=1200), st.integers(0, 2100))
def test_a_cut_text_fits_and_ends_on_a_whole_character(text: str, limit: int) -> None:
    said = cut(text, limit)
    encoded = text.encode("utf-8", "replace")
    assert len(said.encode("utf-8", "replace")) <= limit or said == text
    if len(encoded) <= limit:
        assert said == text
    else:
        assert encoded.startswith(said.encode())
        assert len(encoded) > limit
        assert limit - len(said.encode()) < 4  # nothing more would have fitted


@pytest.mark.parametrize("character", ["a", "é", "中", "😀"])
@pytest.mark.parametrize("shift", range(4))
def test_a_reply_is_cut_at_2048_bytes_on_a_character(character: str, shift: int) -> None:
    text = "." * shift + character * TEXT_LIMIT_BYTES
    said = xmltodict.parse(text_reply(to="o", sender="gh", created=1, text=text))["xml"]["Content"]
    assert TEXT_LIMIT_BYTES - 3 <= len(said.encode()) <= TEXT_LIMIT_BYTES
    assert text.startswith(said)


@given(st.text(max_size=200))
def test_no_text_breaks_out_of_a_reply(text: str) -> None:
    reply = text_reply(to="o", sender="gh", created=1, text=text)
    node = xmltodict.parse(reply, strip_whitespace=False)["xml"]
    assert list(node) == ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Content"]
    allowed = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    said = "".join(c for c in node["Content"] or "" if unicodedata.category(c) != "Cc")
    assert said == allowed.replace("\ufffe", "").replace("\uffff", "")


@pytest.mark.parametrize(
    "text",
    ["]]>", "a]]>b]]>c", "]]]]>>", "]]", ">", "]]></Content><Evil>1</Evil><Content><![CDATA["],
)
def test_the_end_of_cdata_is_just_text(text: str) -> None:
    node = xmltodict.parse(text_reply(to=text, sender=text, created=1, text=text))["xml"]
    assert (node["ToUserName"], node["FromUserName"], node["Content"]) == (text, text, text)
    sealed = envelope(encrypted="abc", signature="def", timestamp="1", nonce=text)
    assert xmltodict.parse(sealed)["xml"]["Nonce"] == text


def test_answers_below_a_question_become_links_that_say_them() -> None:
    taps = (("7.1.5", "5 很满意"), ("7.1.4", "4 满意"))
    text = with_taps("满意吗？\n5 很满意\n4 满意", taps)
    assert text.splitlines() == [
        "满意吗？",
        '<a href="weixin://bizmsgmenu?msgmenucontent=5很满意&msgmenuid=7.1.5">5 很满意</a>',
        '<a href="weixin://bizmsgmenu?msgmenucontent=4满意&msgmenuid=7.1.4">4 满意</a>',
    ]
    assert with_taps("您好！", ()) == "您好！"


def test_a_link_is_left_plain_where_it_would_break_or_be_too_long() -> None:
    odd = '1 <b>"A&B"</b>'
    assert with_taps(f"哪个？\n{odd}", (("7.1.1", odd),)) == f"哪个？\n{odd}"
    many = tuple((f"7.1.{no}", f"{no} " + "长" * 20) for no in range(20))
    text = "哪个？\n" + "\n".join(words for _, words in many)
    assert with_taps(text, many) == text
