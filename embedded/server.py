"""What the embedded servers share: one at a time per folder, started, watched and stopped."""

import atexit
import contextlib
import fcntl
import os
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals

from embedded.spawning import User, spawn

# A server that was left over by a killed parent needs this long at most to close its files.
LOCK_TIMEOUT_S = 15.0
# Long, because after a crash a server first replays its log.
START_TIMEOUT_S = 60.0
POLL_EVERY_S = 0.02
LOG_LIMIT_BYTES = 10_000_000
LOG_TAIL_LINES = 12


class StartFailed(RuntimeError):
    """The server did not come up; the message says why and what to do."""


class AlreadyRunning(StartFailed):
    """Another process works on the same folder."""


class Server(ABC):
    """One server process over one folder.

    The server and all its children inherit the folder's lock and hold it as long as they live: who
    gets it knows that whatever an earlier server left behind is stale.
    """

    name: str
    death_signal: Signals = SIGTERM
    stop_signals: tuple[tuple[Signals, float], ...] = ((SIGTERM, 8.0), (SIGKILL, 5.0))

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.user: User | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        """The server's process id. Raises RuntimeError before the first start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file that has what the server printed."""
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        """Start and wait until it answers. Raises StartFailed, AlreadyRunning."""
        if self._process is not None and self.poll() is None:
            return
        try:
            self._start()
        except PermissionError as error:
            raise StartFailed(
                f"{self.name} cannot use {self.folder}: {error}. It may be left from a run as "
                "another user: run as that user, remove it, or set CIRCLE_DATA_DIR"
            ) from error
        self._wait_until_ready()

    def poll(self) -> int | None:
        """The exit code once the server is gone; None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self) -> None:
        """Stop in good order, by force when it takes too long. Stopping twice is fine."""
        if self._process is None or os.getpid() != self._owner:
            return
        for number, patience_s in self.stop_signals:
            if self._process.poll() is not None:
                return
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)

    @abstractmethod
    def _prepare(self) -> None:
        """Create and heal the files; the lock is ours."""

    @abstractmethod
    def _argv(self) -> Sequence[str]:
        """The command that runs the server in the foreground."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Does it answer yet?"""

    @abstractmethod
    def _pid_file(self) -> Path:
        """Where the server writes its process id on the first line."""

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = self._lock()
        try:
            self._prepare()
            self._process = self._spawn(self._argv(), keep_open=(lock,))
        finally:
            os.close(lock)

    def _spawn(self, argv: Sequence[str], keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.unlink()
        # Nothing of our environment: a PGDATA or PGPORT of the user's must not lead it astray.
        env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "TZ": "UTC"}
        with self.log.open("ab") as log:
            return spawn(
                argv,
                env=env,
                cwd=Path("/"),
                output=log,
                user=self.user,
                death_signal=self.death_signal,
                keep_open=keep_open,
            )

    def _lock(self) -> int:
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline_s = time.monotonic() + LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return handle
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    os.close(handle)
                    raise AlreadyRunning(self._already_running()) from None
                time.sleep(POLL_EVERY_S)

    def _already_running(self) -> str:
        pid = "unknown"
        with contextlib.suppress(OSError, IndexError):
            pid = self._pid_file().read_text().splitlines()[0]
        return (
            f"another {self.name} (process {pid}) works on {self.folder}: stop the other "
            "`make run` or test run, or give this one a folder of its own with CIRCLE_DATA_DIR"
        )

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            code = self.poll()
            if code is not None:
                raise StartFailed(f"{self.name} ended with code {code}:\n{self._log_tail()}")
            if time.monotonic() > deadline_s:
                self.stop()
                raise StartFailed(
                    f"{self.name} did not answer in {START_TIMEOUT_S:.0f} s:\n{self._log_tail()}"
                )
            time.sleep(POLL_EVERY_S)

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join([*lines, f"(all of it in {self.log})"])
