"""WeChat's side of the wire, by wechatpy: an independent other end for our own codec."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode

import xmltodict
from wechatpy.crypto import WeChatCrypto

from settings import DEVELOPMENT

TOKEN = DEVELOPMENT["CIRCLE_WECHAT__TOKEN"]
APP_ID = DEVELOPMENT["CIRCLE_WECHAT__APP_ID"]
AES_KEY = DEVELOPMENT["CIRCLE_WECHAT__ENCODING_AES_KEY"]


def signed_scan(
    openid: str, scene: str, *, nonce: str
) -> tuple[str, bytes, Callable[[bytes], str]]:
    """A scan as WeChat would post it: query, body, and how to read the encrypted answer."""
    stamp = str(int(time.time()))
    event = (
        f"<xml><ToUserName>gh_1</ToUserName><FromUserName>{openid}</FromUserName>"
        f"<CreateTime>{stamp}</CreateTime><MsgType>event</MsgType><Event>SCAN</Event>"
        f"<EventKey>{scene}</EventKey><Ticket>{nonce}</Ticket></xml>"
    )
    return sealed(event, nonce=nonce, stamp=stamp)


def sealed(message: str, *, nonce: str, stamp: str) -> tuple[str, bytes, Callable[[bytes], str]]:
    """Any message, encrypted and signed."""
    crypto = WeChatCrypto(TOKEN, AES_KEY, APP_ID)
    envelope = xmltodict.parse(crypto.encrypt_message(message, nonce, stamp))["xml"]
    body = f"<xml><Encrypt>{envelope['Encrypt']}</Encrypt></xml>".encode()
    query = urlencode(
        {"timestamp": stamp, "nonce": nonce, "msg_signature": envelope["MsgSignature"]}
    )

    def opened(answer: bytes) -> str:
        sent = xmltodict.parse(answer)["xml"]
        return str(
            crypto.decrypt_message(
                answer.decode(), sent["MsgSignature"], sent["TimeStamp"], sent["Nonce"]
            )
        )

    return query, body, opened
