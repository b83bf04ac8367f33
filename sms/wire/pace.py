"""How fast a gateway may be used, and whether it should be used at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """A token bucket: `rate_s` a second, bursts of a tenth of a second at most."""

    rate_s: float
    clock: Callable[[], float]
    _tokens: float = field(init=False, default=0.0)
    _at: float = field(init=False)

    def __post_init__(self) -> None:
        self._at = self.clock()

    def room(self) -> int:
        """How many may leave now."""
        now = self.clock()
        most = max(1.0, self.rate_s * BURST_S)
        self._tokens = min(most, self._tokens + (now - self._at) * self.rate_s)
        self._at = now
        return int(self._tokens)

    def took(self, count: int) -> None:
        """So many have left; a long text may overdraw, and is waited for."""
        self._tokens -= count


BURST_S = 0.1


@dataclass(slots=True)
class Health:
    """Leaves a gateway after many errors in a short time, and comes back to it by and by.

    50 errors in 60 s, the usual rule of the trade. After `rest_s` it gets a small share of the
    traffic, which doubles every `rest_s` while no error comes.
    """

    clock: Callable[[], float]
    errors_most: int = 50
    within_s: float = 60.0
    rest_s: float = 30.0
    _errors: deque[float] = field(default_factory=deque)
    _left_at: float | None = None
    _share: float = 1.0
    _turn: float = 0.0

    def failed(self) -> bool:
        """Note an error. True if the gateway is left because of it."""
        now = self.clock()
        self._errors.append(now)
        while self._errors and self._errors[0] < now - self.within_s:
            self._errors.popleft()
        if self._left_at is not None and self._share > 0 and self._errors:
            self._leave(now)  # it was being tried again
            return False
        if len(self._errors) >= self.errors_most and self._left_at is None:
            self._leave(now)
            return True
        return False

    def _leave(self, now: float) -> None:
        self._left_at, self._share = now, 0.0
        self._errors.clear()

    @property
    def share(self) -> float:
        """Which part of the traffic it may have: 1 while it is well, 0 just after it was left."""
        if self._left_at is None:
            return 1.0
        rests = int((self.clock() - self._left_at) / self.rest_s)
        self._share = min(1.0, FIRST_SHARE * 2.0 ** (rests - 1)) if rests else 0.0
        if self._share >= 1.0:
            self._left_at = None
        return self._share

    def turn(self) -> bool:
        """Whether the next batch is this gateway's, so that it gets its share in the long run."""
        self._turn += self.share
        if self._turn >= 1.0:
            self._turn -= 1.0
            return True
        return False


FIRST_SHARE = 0.05
