"""The callback: signatures, encryption, tries, replies; checked with wechatpy as the other side."""

import hashlib
import threading
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from wechatpy.crypto import WeChatCrypto

from emulators import wechat_crypto
from emulators.settings import Settings

SETTINGS = Settings()
ERROR = "该公众号提供的服务出现故障，请稍后再试"


def crypto() -> Any:
    return WeChatCrypto(SETTINGS.token, SETTINGS.encoding_aes_key, SETTINGS.app_id)


def opened(got: Any) -> ElementTree.Element:
    """The callback's XML, decrypted by wechatpy where it is encrypted."""
    query = got.query
    if "msg_signature" not in query:
        return ElementTree.fromstring(got.body)
    signature, stamp, nonce = query["msg_signature"], query["timestamp"], query["nonce"]
    clear = crypto().decrypt_message(got.body.decode(), signature, stamp, nonce)
    return ElementTree.fromstring(clear)


def text_reply(message: ElementTree.Element, text: str) -> str:
    return (
        f"<xml><ToUserName>{message.findtext('FromUserName')}</ToUserName>"
        f"<FromUserName>{message.findtext('ToUserName')}</FromUserName>"
        f"<CreateTime>1</CreateTime><MsgType>text</MsgType>"
        f"<Content><![CDATA[{text}]]></Content></xml>"
    )


def replying(text: str, *, sealed: bool = False) -> Callable[[Any], tuple[int, bytes]]:
    def answer(got: Any) -> tuple[int, bytes]:
        reply = text_reply(opened(got), text)
        if sealed:
            reply = crypto().encrypt_message(reply, "nonce", "1700000000")
        return 200, reply.encode()

    return answer


def test_encryption_is_understood_by_wechatpy_and_back() -> None:
    key, app_id = SETTINGS.encoding_aes_key, SETTINGS.app_id
    for text in ("<xml>你好🎬</xml>", "x" * 32, ""):
        sealed = wechat_crypto.encrypt(text, key=key, app_id=app_id)
        signature = wechat_crypto.signature(SETTINGS.token, "1", "n", sealed)
        body = f"<xml><ToUserName>x</ToUserName><Encrypt>{sealed}</Encrypt></xml>"
        assert crypto().decrypt_message(body, signature, "1", "n") == text
        assert wechat_crypto.decrypt(sealed, key=key, app_id=app_id) == text
    with pytest.raises(wechat_crypto.BadCipher):
        wechat_crypto.decrypt(sealed, key=key, app_id="wx_other")
    with pytest.raises(wechat_crypto.BadCipher):
        wechat_crypto.decrypt("!!", key=key, app_id=app_id)


@pytest.mark.parametrize("mode", ["plain", "compatible", "secure"])
def test_a_text_and_its_reply_pass_in_every_mode(start: Any, product: Any, mode: str) -> None:
    client = start(mode=mode)
    product.answer = replying("您好！", sealed=mode != "plain")
    done = client.act("o_lilei", "text", text="余额 ]]> <b>")
    assert done["status"] == 200
    assert done["reply"] == {"kind": "text", "text": "您好！"}
    got = product.got[0]
    stamps = sorted([SETTINGS.token, got.query["timestamp"], got.query["nonce"]])
    assert got.query["signature"] == hashlib.sha1("".join(stamps).encode()).hexdigest()
    assert opened(got).findtext("Content") == "余额 ]]> <b>"
    fields = {child.tag for child in ElementTree.fromstring(got.body)}
    assert ("Encrypt" in fields, "Content" in fields) == (mode != "plain", mode != "secure")
    mine, theirs = client.phone("李雷")["wechat"]
    assert (mine["from"], theirs["from"], theirs["text"]) == ("me", "them", "您好！")


@pytest.mark.parametrize("body", [b"", b"success"])
def test_an_empty_answer_shows_nothing(client: Any, product: Any, body: bytes) -> None:
    product.answer = lambda got: (200, body)
    assert client.act("o_lilei", "text", text="你好")["reply"] is None
    assert len(client.phone("李雷")["wechat"]) == 1


@pytest.mark.parametrize(
    "answer", [(200, b"oops"), (200, b"<xml><a></xml>"), (403, b""), (200, b"\xff")]
)
def test_a_wrong_answer_shows_the_system_error(
    client: Any, product: Any, answer: tuple[int, bytes]
) -> None:
    product.answer = lambda got: answer
    assert client.act("o_lilei", "text", text="你好")["reply"]["text"] == ERROR
    assert client.phone("李雷")["wechat"][-1]["text"] == ERROR
    assert len(product.got) == 1


def test_a_plain_reply_in_secure_mode_is_an_error(client: Any, product: Any) -> None:
    product.answer = replying("您好！", sealed=False)
    assert client.act("o_lilei", "text", text="你好")["reply"]["kind"] == "error"


def test_an_event_nobody_waits_for_shows_no_error(client: Any, product: Any) -> None:
    product.answer = lambda got: (403, b"")
    assert client.act("o_lilei", "unfollow")["reply"] is None


def test_no_answer_is_tried_three_times_with_the_same_message(start: Any, product: Any) -> None:
    client = start(wechat_timeout_s=0.1)
    over = threading.Event()

    def never(got: Any) -> tuple[int, bytes]:
        over.wait(60)
        return 200, b""

    product.answer = never
    done = client.act("o_lilei", "text", text="你好")
    over.set()
    assert (done["status"], done["reply"]["text"]) == (None, ERROR)
    messages = [opened(got) for got in product.got]
    assert len(messages) == 3
    assert len({(m.findtext("MsgId"), m.findtext("CreateTime")) for m in messages}) == 1
    assert len({got.query["nonce"] for got in product.got}) == 3


def test_a_server_error_is_tried_three_times_and_then_shown(client: Any, product: Any) -> None:
    product.answer = lambda got: (500, b"")
    done = client.act("o_lilei", "text", text="你好")
    assert (done["status"], done["reply"]["text"]) == (500, ERROR)
    assert len(product.got) == 3


def test_a_scan_is_an_event_or_the_beginning_of_following(client: Any, product: Any) -> None:
    client.act("o_lilei", "scan", scene="club-film")
    client.act("o_lilei", "unfollow")
    client.act("o_lilei", "scan", scene="club-film")
    client.act("o_lilei", "unfollow")
    client.act("o_lilei", "follow")
    events = [(opened(g).findtext("Event"), opened(g).findtext("EventKey")) for g in product.got]
    assert events == [
        ("SCAN", "club-film"),
        ("unsubscribe", ""),
        ("subscribe", "qrscene_club-film"),
        ("unsubscribe", ""),
        ("subscribe", ""),
    ]


def test_every_act_sends_its_message(client: Any, product: Any) -> None:
    for act, body in (
        ("image", {}),
        ("voice", {}),
        ("location", {"label": "影院"}),
        ("location", {"event": True}),
        ("tap", {"key": "balance"}),
        ("tap", {"url": "https://example.com/"}),
        ("raw", {"fields": {"Event": "kf_create_session", "KfAccount": "a@b"}}),
        ("raw", {"xml": "<xml><MsgType>shortvideo</MsgType></xml>"}),
    ):
        assert client.act("o_lilei", act, **body)["status"] == 200
    seen = [(opened(g).findtext("MsgType"), opened(g).findtext("Event")) for g in product.got]
    assert seen == [
        ("image", None),
        ("voice", None),
        ("location", None),
        ("event", "LOCATION"),
        ("event", "CLICK"),
        ("event", "VIEW"),
        ("event", "kf_create_session"),
        ("shortvideo", None),
    ]


def test_a_scan_button_in_the_menu_sends_its_own_event(client: Any, product: Any) -> None:
    button = {"type": "scancode_waitmsg", "name": "扫码", "key": "scan"}
    client.wechat("menu/create", {"button": [button]})
    client.act("o_lilei", "tap", name="扫码", result="V-123")
    event = opened(product.got[-1])
    assert event.findtext("Event") == "scancode_waitmsg"
    assert event.findtext("ScanCodeInfo/ScanResult") == "V-123"


def test_who_does_not_follow_cannot_write(client: Any) -> None:
    client.act("o_lilei", "unfollow")
    url = f"{client.url}/control/wechat/o_lilei/text"
    answer = client.http.post(url, json={"text": "你好"}, timeout=60)
    assert (answer.status_code, "does not follow" in answer.json()["error"]) == (400, True)
    assert client.http.post(f"{url[:-4]}dance", json={}, timeout=60).status_code == 400
    assert client.http.get(f"{client.url}/control/phones/nobody", timeout=60).status_code == 404


def test_the_address_can_be_verified(client: Any, product: Any) -> None:
    assert client.control("POST", "/wechat/verify")["verified"] is False
    product.answer = lambda got: (200, got.query["echostr"].encode())
    assert client.control("POST", "/wechat/verify")["verified"] is True
