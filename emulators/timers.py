"""What happens later: one scheduler thread, a few hands that do the work, and a clock one can move.

later() -> heap of due times -> scheduler thread -> pool of hands
"""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

HANDS = 16

log = structlog.get_logger()


class Timers:
    """Schedules acts. Seconds everywhere; `now` is the given clock plus what `advance` added."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._shift_s = 0.0
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, str, Callable[[], None]]] = []
        self._ids = itertools.count(1)
        self._under_way: dict[int, str] = {}
        self._stopped = False
        self._pool = ThreadPoolExecutor(HANDS, thread_name_prefix="emulators")
        self._thread = threading.Thread(target=self._run, name="emulators-timers", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Forget what is scheduled and let go of everybody who waits."""
        with self._changed:
            self._stopped = True
            self._heap.clear()
            self._changed.notify_all()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def now(self) -> float:
        """Seconds since 1970 by the movable clock."""
        return self._clock() + self._shift_s

    def real_now(self) -> float:
        """Seconds since 1970 without what `advance` added: for stamps that the product checks."""
        return self._clock()

    def advance(self, seconds: float) -> None:
        """Move the clock forward; what falls due thereby happens now."""
        with self._changed:
            self._shift_s += seconds
            self._changed.notify_all()

    def later(self, after_s: float, what: str, act: Callable[[], None]) -> int:
        """Do `act` in `after_s` seconds on another thread; returns an id for `hurry`."""
        with self._changed:
            number = next(self._ids)
            if not self._stopped:
                heapq.heappush(self._heap, (self.now() + max(after_s, 0.0), number, what, act))
                self._changed.notify_all()
            return number

    def hurry(self, number: int) -> bool:
        """Make a scheduled act due at once; False when it has begun already."""
        with self._changed:
            for place, (_, scheduled, what, act) in enumerate(self._heap):
                if scheduled == number:
                    self._heap[place] = (0.0, number, what, act)
                    heapq.heapify(self._heap)
                    self._changed.notify_all()
                    return True
            return False

    def forget_all(self) -> None:
        """Drop everything that is scheduled; what has begun goes on."""
        with self._changed:
            self._heap.clear()
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Block this thread for `seconds` of the movable clock, or until the timers stop."""
        with self._changed:
            until = self.now() + seconds
            while not self._stopped and (left_s := until - self.now()) > 0:
                self._changed.wait(left_s)

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Count the body as under way, so that `idle` waits for it."""
        with self._changed:
            number = next(self._ids)
            self._under_way[number] = what
        try:
            yield
        finally:
            with self._changed:
                del self._under_way[number]
                self._changed.notify_all()

    def idle(self, timeout_s: float) -> list[str]:
        """Wait until nothing is scheduled or under way; returns what still is (empty = idle)."""
        with self._changed:
            self._changed.wait_for(lambda: not self._heap and not self._under_way, timeout_s)
            return [what for _, _, what, _ in sorted(self._heap, key=lambda due: due[:2])] + list(
                self._under_way.values()
            )

    def _run(self) -> None:
        with self._changed:
            while not self._stopped:
                if not self._heap:
                    self._changed.wait()
                elif (left_s := self._heap[0][0] - self.now()) > 0:
                    self._changed.wait(left_s)
                else:
                    _, number, what, act = heapq.heappop(self._heap)
                    self._under_way[number] = what
                    self._pool.submit(self._do, number, what, act)

    def _do(self, number: int, what: str, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            # The door of this thread: a fault in one act must neither vanish nor stop the others.
            log.exception("emulator act failed", act=what)
        finally:
            with self._changed:
                self._under_way.pop(number, None)
                self._changed.notify_all()
