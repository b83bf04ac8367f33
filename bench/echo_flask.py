"""What to compare with: a bare Flask and wechatpy echo of encrypted messages, without a store."""

from __future__ import annotations

import os
import struct

from flask import Flask, Response, request
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatException

app = Flask(__name__)
crypto = WeChatCrypto(
    os.environ["CIRCLE_WECHAT__TOKEN"],
    os.environ["CIRCLE_WECHAT__ENCODING_AES_KEY"],
    os.environ["CIRCLE_WECHAT__APP_ID"],
)


@app.post("/wechat")
def wechat() -> Response:
    """Verify, decrypt, parse, answer with the key or text that came, encrypt."""
    query = request.args
    try:
        xml = crypto.decrypt_message(
            request.data, query["msg_signature"], query["timestamp"], query["nonce"]
        )
    except (WeChatException, ValueError, LookupError, struct.error):  # what wechatpy lets out
        return Response("refused", status=403)
    message = parse_message(xml)
    said = message.key if message.type == "event" else message.content
    answer = create_reply(said, message).render()
    return Response(crypto.encrypt_message(answer, query["nonce"]), mimetype="text/xml")


@app.get("/healthz")
def healthz() -> str:
    """Alive."""
    return "ok"
