"""What the load sends is what WeChat sends, and what comes back is looked at."""

from __future__ import annotations

import pytest

from bench import messages, report
from handlers.wechat_crypto import Codec
from handlers.wechat_xml import read, text_of


def test_the_product_can_read_what_the_load_sends() -> None:
    wire = messages.request(messages.click("o_1", "balance"), openid="o_1")
    sealed = read(wire.partition(b"\r\n\r\n")[2])
    opened = Codec(messages.KEY, messages.APP_ID).decrypt(text_of(sealed, "Encrypt"))
    assert text_of(read(opened), "EventKey") == "balance"


def test_an_answer_that_is_not_signed_rightly_is_an_error() -> None:
    forged = (
        b"HTTP/1.1 200 OK\r\n\r\n<xml><Encrypt>x</Encrypt><MsgSignature>y</MsgSignature>"
        b"<TimeStamp>1</TimeStamp><Nonce>2</Nonce></xml>"
    )
    with pytest.raises(ValueError, match="wrong signature"):
        messages.read(forged)


def test_a_refusal_has_a_status_and_no_text() -> None:
    assert messages.read(b"HTTP/1.1 403 Forbidden\r\n\r\nno") == messages.Answer(403, None)


def test_a_ratio_is_ours_over_theirs() -> None:
    assert report.versus("x", 3.0, "s", 2.0).ratio == 1.5
