"""What can go wrong with a call to another system, sorted by what the caller should do.

CallFailed
├── TryLater            retry with backoff, the same request id
│   └── StopForToday    retry when the day's quota is new
├── UseAnotherWay       never retry: use a template message or SMS instead
└── Final               a definite refusal: retrying cannot help
"""

from __future__ import annotations


class CallFailed(Exception):
    """A call did not succeed. `code` is the other system's own code, or the HTTP status."""

    def __init__(self, detail: str, *, code: int | None = None) -> None:
        super().__init__(detail if code is None else f"{detail} (code {code})")
        self.detail = detail
        self.code = code


class TryLater(CallFailed):
    """Worth another try.

    `after_s`: seconds to wait, None = the caller's own backoff. `maybe_done`: the request went
    out and only its answer is missing, so what is not idempotent may have happened already.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: int | None = None,
        after_s: float | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(detail, code=code)
        self.after_s = after_s
        self.maybe_done = maybe_done


class StopForToday(TryLater):
    """The day's quota is used up; `after_s` leads to the next day there."""


class UseAnotherWay(CallFailed):
    """This channel is closed for this message now; another one may be open."""


class Final(CallFailed):
    """Refused for good: the same request would be refused again."""
