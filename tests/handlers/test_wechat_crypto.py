"""WeChat's encryption, against wechatpy's: what one seals, the other opens, and nothing else."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import PrpCrypto
from wechatpy.crypto.cryptography import WeChatCipher
from wechatpy.utils import WeChatSigner

from handlers.wechat_crypto import BLOCK, BadMessage, Codec, is_signed, signature

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP = "wx0000000000000001"
RAW_KEY = base64.b64decode(KEY + "=")
OURS, THEIRS = Codec(KEY, APP), PrpCrypto(RAW_KEY)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_either_side_opens_what_the_other_has_sealed(message: str) -> None:
    assert OURS.decrypt(THEIRS.encrypt(message, APP).decode()) == message.encode()
    assert THEIRS.decrypt(OURS.encrypt(message.encode()), APP) == message


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=4))
def test_signatures_are_those_of_wechatpy(parts: list[str]) -> None:
    signer = WeChatSigner()
    signer.add_data(*parts)
    assert signature(*parts) == signer.signature
    assert is_signed(signer.signature, *parts)
    assert not is_signed(signer.signature[:-1], *parts)


def test_a_signature_of_strange_characters_is_wrong_and_no_error() -> None:
    assert not is_signed("签名\ud800", "token", "\udfff")


@pytest.mark.parametrize("length", range(BLOCK + 1))
def test_every_length_of_padding_from_1_to_32_is_opened(length: int) -> None:
    message = b"x" * length
    assert OURS.decrypt(OURS.encrypt(message)) == message


def _sealed(plain: bytes) -> str:
    return base64.b64encode(WeChatCipher(RAW_KEY).encrypt(plain)).decode()


def test_a_last_byte_that_no_padding_ends_with_is_refused() -> None:
    framed = b"r" * 16 + (2).to_bytes(4, "big") + b"hi" + APP.encode()
    framed += b"\0" * (-(len(framed) + 1) % 32)
    opened = []
    for last in range(256):
        with suppress(BadMessage):
            OURS.decrypt(_sealed(framed + bytes([last])))
            opened.append(last)
    assert opened == []


@pytest.mark.parametrize(
    "encrypted",
    ["", "=", "A", "AAAA", "!" * 44, "签名", "\ud800", " " * 64, _sealed(b"\x20" * 32),
     _sealed(b"\x01" * 16), _sealed(b"\0" * 32), base64.b64encode(b"x" * 33).decode()],
)  # fmt: skip
def test_what_was_never_sealed_is_refused(encrypted: str) -> None:
    with pytest.raises(BadMessage):
        OURS.decrypt(encrypted)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(sealed: bytes) -> None:
    with pytest.raises(BadMessage):
        OURS.decrypt(base64.b64encode(sealed).decode())


@pytest.mark.parametrize(
    ("key", "app_id"), [(KEY[::-1], APP), (KEY, "wx0000000000000002"), (KEY, ""), (KEY, APP + "0")]
)
def test_another_key_or_app_is_refused(key: str, app_id: str) -> None:
    with pytest.raises(BadMessage):
        OURS.decrypt(Codec(key, app_id).encrypt(b"hello"))
