"""The supervisor of `make run`: starts parts in order, brings back one that dies, stops them all.

    waiting ──start──▶ starting ──ready──▶ up ──dies──▶ waiting (backoff) ──▶ ...

One thread, one loop: it sleeps until a signal, a line of output, or the next restart is due.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from subprocess import PIPE, Popen
from types import FrameType
from typing import IO, Protocol
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from embedded.server import StartFailed
from embedded.spawning import spawn

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 10.0
# A part that was up for so long begins again with the first backoff.
SETTLED_AFTER_S = 30.0
READY_TIMEOUT_S = 60.0
READY_EVERY_S = 0.05
# A part that ends by itself so many times before it was ever ready has a mistake, not an accident.
GIVE_UP_AFTER = 3
# Together with the servers' own patience, everything is down within 10 s.
CHILD_PATIENCE_S = 4.0
CHILDREN_PATIENCE_S = 7.0
ANSWER_TIMEOUT_S = 1.0
LINE_LIMIT_BYTES = 65_536
COLOURS = (36, 32, 33, 35, 34, 96, 92, 93)


class Part(Protocol):
    """What is supervised: a Child's process, or an embedded server."""

    @property
    def name(self) -> str:
        """The short name before its lines."""

    def start(self) -> None:
        """Start it. Raises StartFailed."""

    def poll(self) -> int | None:
        """The exit code once it is gone (negative: the signal that ended it)."""

    def stop(self) -> None:
        """Stop it and wait."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process to run: `env` is laid over ours; `ready` says whether the next one may start."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    cwd: Path | None = None


def answers(url: str) -> Callable[[], bool]:
    """For `Child.ready`: does a GET of this address succeed?"""

    # Straight to it: a proxy that the user's environment names knows nothing of our ports.
    opener = build_opener(ProxyHandler({}))

    def ask() -> bool:
        try:
            with opener.open(url, timeout=ANSWER_TIMEOUT_S):
                return True
        except (URLError, OSError, HTTPException):
            return False

    return ask


@dataclass(slots=True)
class _Watched:
    """A part and what the supervisor remembers of it; times are of the monotonic clock."""

    part: "Part | _Process"
    colour: int
    ready: bool = False
    was_ready: bool = False
    started_s: float = 0.0
    start_at_s: float | None = 0.0
    failures: int = 0

    @property
    def name(self) -> str:
        return self.part.name


class _Process:
    """A Child as a part."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.name = child.name
        self.popen: Popen[bytes] | None = None

    def start(self) -> None:
        env = {"PYTHONUNBUFFERED": "1", **os.environ, **self.child.env}
        cwd = self.child.cwd or Path.cwd()
        self.popen = spawn(self.child.argv, env=env, cwd=cwd, output=PIPE)

    def poll(self) -> int | None:
        if self.popen is None or self.popen.returncode is not None:
            return self.popen.returncode if self.popen else None
        code = self.popen.poll()
        if code is not None:
            # What it started itself must not hold its port or its work.
            self._kill_group(self.popen.pid)
        return code

    def ask_to_stop(self) -> None:
        if self.popen is not None and self.poll() is None:
            self.popen.terminate()

    def stop(self) -> None:
        if self.popen is not None and self.poll() is None:
            self._kill_group(self.popen.pid)
            self.popen.wait()

    @staticmethod
    def _kill_group(leader: int) -> None:
        # All gone is fine; macOS says so with EPERM.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)


class Supervisor:
    """Runs the parts until SIGINT or SIGTERM. Use it in the main thread, once."""

    def __init__(
        self,
        parts: Sequence[Child | Part],
        *,
        on_ready: Callable[[], None] | None = None,
        out: IO[str] = sys.stdout,
    ) -> None:
        self._watched = [
            _Watched(_Process(part) if isinstance(part, Child) else part, COLOURS[i % len(COLOURS)])
            for i, part in enumerate(parts)
        ]
        self._on_ready = on_ready
        self._out = out
        self._coloured = out.isatty() and "NO_COLOR" not in os.environ
        self._width = max((len(watched.name) for watched in self._watched), default=0)
        self._selector = selectors.DefaultSelector()
        self._stops = 0
        self._gave_up = False

    def run(self) -> int:
        """0 after a stop that was asked for, 1 when a part could not be started at all."""
        wakes, waker = socket.socketpair()
        wakes.setblocking(False)
        waker.setblocking(False)
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)
        before = [signal.signal(number, self._note_signal) for number in numbers]
        old_waker = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._selector.register(wakes, selectors.EVENT_READ, lambda: wakes.recv(4096))
        try:
            while not self._stops and not self._gave_up:
                self._turn(self._care())
            self._stop_all()
        finally:
            signal.set_wakeup_fd(old_waker)
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)
            self._selector.close()
            wakes.close()
            waker.close()
        return 1 if self._gave_up else 0

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._stops += 1

    def _turn(self, timeout_s: float | None) -> bool:
        """Sleep until something happens, and forward what was printed; False: the time is up."""
        for key, _ in (events := self._selector.select(timeout_s)):
            key.data()
        return bool(events)

    def _care(self) -> float | None:
        """Look at every part once; the seconds until one must be looked at again."""
        now_s = time.monotonic()
        next_s: list[float] = []
        for watched in self._watched:
            if watched.start_at_s is None and (code := watched.part.poll()) is not None:
                self._note_death(watched, code, now_s)
            if watched.start_at_s is not None and watched.start_at_s <= now_s:
                self._start(watched)
            if watched.start_at_s is not None:
                next_s.append(watched.start_at_s - now_s)
            elif not watched.ready and not self._becomes_ready(watched, now_s):
                next_s.append(READY_EVERY_S)
            if not watched.was_ready:
                break  # the next ones are started when this one is ready
        return max(0.0, min(next_s)) if next_s else None

    def _start(self, watched: _Watched) -> None:
        watched.started_s = time.monotonic()
        try:
            watched.part.start()
        except (StartFailed, OSError) as error:
            self._print(watched, str(error))
            self._note_death(watched, 1, time.monotonic())
            return
        watched.start_at_s, watched.ready = None, False
        if isinstance(watched.part, _Process) and watched.part.popen and watched.part.popen.stdout:
            self._forward(watched, watched.part.popen.stdout)

    def _becomes_ready(self, watched: _Watched, now_s: float) -> bool:
        process = watched.part
        ask = process.child.ready if isinstance(process, _Process) else None
        if ask is not None and not ask():
            if now_s - watched.started_s > READY_TIMEOUT_S:
                self._print(watched, f"not ready after {READY_TIMEOUT_S:.0f} s, starting it again")
                process.stop()
            return False
        if watched.failures:
            self._print(watched, "is back")
        watched.ready = watched.was_ready = True
        if self._on_ready is not None and all(each.was_ready for each in self._watched):
            self._on_ready()
            self._on_ready = None
        return True

    def _note_death(self, watched: _Watched, code: int, now_s: float) -> None:
        if now_s - watched.started_s > SETTLED_AFTER_S:
            watched.failures = 0
        delay_s = min(FIRST_BACKOFF_S * 2**watched.failures, LONGEST_BACKOFF_S)
        watched.failures += 1
        watched.start_at_s, watched.ready = now_s + delay_s, False
        how = f"code {code}" if code >= 0 else f"signal {-code} ({signal.strsignal(-code)})"
        if not watched.was_ready and code > 0 and watched.failures >= GIVE_UP_AFTER:
            self._print(watched, f"ended with {how} and was never ready: giving up")
            self._gave_up = True
        else:
            self._print(watched, f"ended with {how}, starting again in {delay_s:g} s")

    def _stop_all(self) -> None:
        """In reverse order, so that nobody loses what it stands on; a second Ctrl-C hurries."""
        asked = self._stops
        deadline_s = time.monotonic() + CHILDREN_PATIENCE_S
        for watched in reversed(self._watched):
            part = watched.part
            if isinstance(part, _Process):
                part.ask_to_stop()
                patient_until_s = min(deadline_s, time.monotonic() + CHILD_PATIENCE_S)
                while part.popen is not None and part.poll() is None and self._stops == asked:
                    left_s = patient_until_s - time.monotonic()
                    if left_s <= 0:
                        self._print(watched, "does not stop, killed")
                        break
                    self._turn(left_s)
            part.stop()
        while len(self._selector.get_map()) > 1 and self._turn(0):
            pass  # the last words

    def _forward(self, watched: _Watched, stream: IO[bytes]) -> None:
        rest = bytearray()

        def read() -> None:
            chunk = os.read(stream.fileno(), LINE_LIMIT_BYTES)
            rest.extend(chunk)
            if not chunk:
                self._selector.unregister(stream)
                stream.close()
            *lines, last = rest.split(b"\n")
            if last and (not chunk or len(last) > LINE_LIMIT_BYTES):
                lines, last = [*lines, last], bytearray()
            rest[:] = last
            for line in lines:
                self._print(watched, line.decode(errors="replace").rstrip("\r"))

        self._selector.register(stream, selectors.EVENT_READ, read)

    def _print(self, watched: _Watched, line: str) -> None:
        name = watched.name.ljust(self._width)
        name = f"\033[{watched.colour}m{name}\033[0m" if self._coloured else name
        try:
            print(f"{name} │ {line}", file=self._out, flush=True)
        except (BrokenPipeError, ValueError):
            # Nobody reads any more (`make run | head`): go on in silence.
            self._out = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
