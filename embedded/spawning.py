"""Start a child that is stopped when this process ends, however it ends, kill -9 included."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import IO

LEASH = Path(__file__).with_name("leash.py")

# The kernel's death signal belongs to the thread that started the child (prctl(2)), so a thread
# that lives as long as the process starts what a short-lived one asks for.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedded-spawner")


@dataclass(frozen=True, slots=True)
class User:
    """The system user that a child runs as."""

    uid: int
    gid: int


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: int | IO[bytes],
    user: User | None = None,
    death_signal: Signals = SIGTERM,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """The started child, in a session of its own (Ctrl-C reaches us alone), errors into `output`.

    `death_signal` is what it gets when this process dies (on Linux; elsewhere only a stop in good
    order reaches it). `keep_open` are file descriptors that it inherits.
    """

    def start() -> subprocess.Popen[bytes]:
        uid, gid = (user.uid, user.gid) if user else (-1, -1)
        leash = [os.getpid(), int(death_signal), uid, gid]
        # -I -S: no user site, no .pth files, so that the detour costs some 20 ms only.
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(LEASH), *map(str, leash), *argv],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=tuple(keep_open),
        )

    if threading.current_thread() is threading.main_thread():
        return start()
    return _spawner.submit(start).result()
