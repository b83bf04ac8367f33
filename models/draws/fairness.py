"""Fairness: a number that nobody could choose, and that everybody can compute afterwards.

    before the day   commitment = SHA-256(seed)                       is published
    each draw        HMAC-SHA256(seed, "draw|player|nonce|0") ─▶ eight words of 32 bits ─▶
                     the first below 4,294,000,000, modulo 1,000,000 ─▶ number
    after the day    the seed is published: all numbers of the day can be computed again

`player` is a random name of the person in this draw, `nonce` counts the person's draws: 1, 2, 3...
A word at or above 4,294,000,000 is passed over, since its remainder would favour low numbers; if
all eight are (once in 10^29), the last part of the message counts on: "|1", "|2" ...
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import struct
from collections.abc import Sequence
from itertools import count

NUMBERS = 1_000_000
_WORDS = struct.Struct(">8I")
_FAIR_BELOW = 2**32 - 2**32 % NUMBERS  # 4,294,000,000


def new_seed() -> str:
    """256 bits, in hex."""
    return secrets.token_hex(32)


def new_player() -> str:
    """A name that says nothing about who it is: 60 bits."""
    return "".join(secrets.choice("0123456789abcdefghjkmnpqrstvwxyz") for _ in range(12))


def commitment(seed: str) -> str:
    """What is published of a seed that is still secret: SHA-256 of its 32 bytes, in hex."""
    return hashlib.sha256(bytes.fromhex(seed)).hexdigest()


def number(seed: str, *, draw: str, player: str, nonce: int) -> int:
    """0 to 999,999, each as likely as any other."""
    key = bytes.fromhex(seed)
    for block in count():
        message = f"{draw}|{player}|{nonce}|{block}".encode()
        for word in _WORDS.unpack(hmac.digest(key, message, "sha256")):
            if word < _FAIR_BELOW:
                return int(word) % NUMBERS
    raise AssertionError("unreachable")


def seal(seed: str, facts: Sequence[object]) -> bytes:
    """What only who has the seed can make of a result: an altered row no longer fits its seal."""
    text = json.dumps(list(facts), ensure_ascii=False, separators=(",", ":"))
    return hmac.digest(bytes.fromhex(seed), f"result|{text}".encode(), "sha256")
