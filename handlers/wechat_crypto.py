"""WeChat's signatures and message encryption (docs: 消息加解密说明).

Own code rather than wechatpy's, which compares signatures with != and does not check the
padding, and which builds its cipher objects anew for every message (docs/decisions.md).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 32  # PKCS#7 pads to 32 bytes here, not to AES's 16
_HEAD = 20  # 16 random bytes and the length of the message


class BadMessage(ValueError):
    """What cannot have come from WeChat."""


def signature(*parts: str) -> str:
    """sha1 over the sorted parts, as WeChat signs."""
    return hashlib.sha1("".join(sorted(parts)).encode("utf-8", "replace")).hexdigest()


def is_signed(given: str, *parts: str) -> bool:
    """Whether a signature fits, compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), signature(*parts).encode())


class Codec:
    """Encrypts and decrypts with one EncodingAESKey for one app."""

    def __init__(self, encoding_aes_key: str, app_id: str) -> None:
        key = base64.b64decode(encoding_aes_key + "=")
        self._cipher = Cipher(AES(key), CBC(key[:16]))
        self._app_id = app_id.encode()

    def decrypt(self, encrypted: str) -> bytes:
        """The message. Raises BadMessage: wrong key, padding, length or app id."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadMessage("not base64") from error
        if not sealed or len(sealed) % 16:
            raise BadMessage("not whole blocks")
        opener = self._cipher.decryptor()
        plain = opener.update(sealed) + opener.finalize()
        pad = plain[-1]
        if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
            raise BadMessage("wrong padding")
        plain = plain[:-pad]
        if len(plain) < _HEAD:
            raise BadMessage("too short")
        end = _HEAD + int(struct.unpack(">I", plain[16:_HEAD])[0])
        if end > len(plain) or not hmac.compare_digest(plain[end:], self._app_id):
            raise BadMessage("not for this app")
        return plain[_HEAD:end]

    def encrypt(self, message: bytes) -> str:
        """The message as WeChat expects it, base64."""
        plain = b"".join((os.urandom(16), struct.pack(">I", len(message)), message, self._app_id))
        pad = BLOCK - len(plain) % BLOCK
        sealer = self._cipher.encryptor()
        sealed = sealer.update(plain + bytes([pad]) * pad) + sealer.finalize()
        return base64.b64encode(sealed).decode()
