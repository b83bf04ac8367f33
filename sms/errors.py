"""What can go wrong with sending an SMS, sorted by what the worker should do.

SmsFailed
├── TryLater     not submitted: send again later
├── Unknown      submitted, but the answer is lost: Gateway.find first, then maybe send again
└── Refused      a definite refusal: never send again
    └── OptedOut the receiver has opted out at the carrier: note it
"""

from __future__ import annotations


class SmsFailed(Exception):
    """An SMS was not sent, or nobody knows. `code` is the gateway's own code."""

    def __init__(self, detail: str, *, code: int | None = None) -> None:
        super().__init__(detail if code is None else f"{detail} (code {code})")
        self.detail = detail
        self.code = code


class TryLater(SmsFailed):
    """The gateway is busy or out of reach. `after_s`: seconds to wait, None = own backoff."""

    def __init__(
        self, detail: str, *, code: int | None = None, after_s: float | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.after_s = after_s


class Unknown(SmsFailed):
    """The message went out to the gateway and no answer came back."""


class Refused(SmsFailed):
    """The gateway will never take this message."""


class OptedOut(Refused):
    """The receiver has told the carrier or the gateway to stop."""
