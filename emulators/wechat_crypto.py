"""WeChat's signature and encryption: AES-256-CBC over random + length + message + app id.

plaintext = random(16) + len(message) as 4 bytes, big end first + message + app id,
padded to a multiple of 32 with bytes that each name their number (1..32); IV = key[:16].
(docs: 消息加解密说明)
"""

import base64
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32
RANDOM = 16


class BadCipher(ValueError):
    """The text was not encrypted by somebody who has our key and app id."""


def signature(*parts: str) -> str:
    """sha1 over the sorted parts, as hexadecimal."""
    # SHA-1 is WeChat's choice, not ours (docs: 接入指南).
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two signatures are equal, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def encrypt(message: str, *, key: str, app_id: str) -> str:
    """The base64 of the encrypted message; `key` is the EncodingAESKey of 43 characters."""
    data = message.encode()
    clear = os.urandom(RANDOM) + struct.pack(">I", len(data)) + data + app_id.encode()
    padding = BLOCK - len(clear) % BLOCK
    clear += bytes([padding]) * padding
    encryptor = _cipher(key).encryptor()
    return base64.b64encode(encryptor.update(clear) + encryptor.finalize()).decode()


def decrypt(text: str, *, key: str, app_id: str) -> str:
    """The message inside. Raises BadCipher."""
    try:
        data = base64.b64decode(text, validate=True)
        decryptor = _cipher(key).decryptor()
        clear = decryptor.update(data) + decryptor.finalize()
    except ValueError as bad:
        raise BadCipher("not base64 of whole AES blocks") from bad
    padding = clear[-1] if clear else 0
    if not 1 <= padding <= BLOCK or clear[-padding:] != bytes([padding]) * padding:
        raise BadCipher("wrong padding")
    clear = clear[RANDOM:-padding]
    if len(clear) < 4:
        raise BadCipher("too short")
    (length,) = struct.unpack(">I", clear[:4])
    if clear[4 + length :] != app_id.encode():
        raise BadCipher("another app id")
    try:
        return clear[4 : 4 + length].decode()
    except UnicodeDecodeError as bad:
        raise BadCipher("not UTF-8") from bad


def _cipher(key: str) -> Cipher[modes.CBC]:
    raw = base64.b64decode(key + "=")
    return Cipher(algorithms.AES256(raw), modes.CBC(raw[:16]))
