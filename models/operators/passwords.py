"""Passwords: hashed by argon2id, long enough, and none that a guesser tries first."""

from __future__ import annotations

import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST = 12
MOST = 128  # argon2 takes any length; nobody may send a megabyte
# Of zxcvbn's 0-4: a guesser who knows common words, names and keyboards needs 10^8 tries.
STRENGTH = 3
_ZXCVBN_READS = 72

# OWASP's first choice for argon2id, with a second pass: some 70 ms and 46 MiB for each try.
HASHER = PasswordHasher(time_cost=2, memory_cost=47_104, parallelism=1)

# Without what looks alike: read from a screen, typed once.
_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"


def start_password() -> str:
    """A random one to begin with: four groups of four, 79 bits."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(4))


def hashed(password: str) -> str:
    """What is stored."""
    return HASHER.hash(_one_spelling(password))


def matches(password: str, stored: str) -> bool:
    """Whether this is the password; takes its time."""
    try:
        return HASHER.verify(stored, _one_spelling(password))
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def fault(password: str, *, login: str, name: str) -> str | None:
    """Why it cannot be chosen: "short", "long", "personal", "common"; None if it can."""
    from zxcvbn import zxcvbn  # its lists take 60 ms to load, which only a change needs

    plain = _one_spelling(password).strip().lower()
    if len(plain) < LEAST:
        return "short"
    if len(password) > MOST:
        return "long"
    if login in plain or _one_spelling(name).lower() in plain:
        return "personal"
    guessed = zxcvbn(plain[:_ZXCVBN_READS], user_inputs=[login, name, "lifecircle", "shenghuoquan"])
    return "common" if guessed["score"] < STRENGTH else None


def of_nobody() -> str:
    """What no password matches, and what takes as long to compare as any other."""
    salt, digest = "A" * 22, "A" * 43  # base64 of zeros; not computed, so that it costs nothing
    costs = f"m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"


def _one_spelling(password: str) -> str:
    # A keyboard that writes full-width or composed letters gives the same password.
    return unicodedata.normalize("NFKC", password)
