"""Codes of six digits that change every 30 seconds (RFC 6238), each good for one sign-in."""

from __future__ import annotations

import hmac
import unicodedata
from datetime import datetime

import pyotp

STEP_S = 30
# A phone may be one step behind or ahead.
STEPS_ASIDE = 1
ISSUER = "LifeCircle"


def new_secret() -> str:
    """160 random bits, as authenticators read them."""
    return pyotp.random_base32()


def uri(secret: str, *, login: str) -> str:
    """What the QR code of an enrolment says."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER)


def code_at(secret: str, now: datetime) -> str:
    """The code that an authenticator shows now."""
    return pyotp.TOTP(secret).generate_otp(_step(now))


def step_of(secret: str, code: str, *, now: datetime, after: int | None) -> int | None:
    """The step whose code this is, if it is near now and later than the step `after`."""
    typed = "".join(unicodedata.normalize("NFKC", code).split())
    found = None
    for step in range(_step(now) - STEPS_ASIDE, _step(now) + STEPS_ASIDE + 1):
        right = hmac.compare_digest(pyotp.TOTP(secret).generate_otp(step).encode(), typed.encode())
        if right and (after is None or step > after):
            found = step
    return found


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S
